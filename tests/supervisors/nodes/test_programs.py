"""Programs as data: what is refused, and in which words."""

import math

import pytest

from mirliton.supervisors.backoff import Backoff
from mirliton.supervisors.errors import InvalidFlags
from mirliton.supervisors.node_errors import NodeSupervisorError, ProgramError
from mirliton.supervisors.node_policy import Ending, judge
from mirliton.supervisors.node_stacks import KEPT, save_stacks
from mirliton.supervisors.node_supervisor import NodeSupervisor
from mirliton.supervisors.program_limits import Memory, RestartLimits
from mirliton.supervisors.programs import Program

GOOD = {"name": "a", "main": "package.module:main"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a/b"),
        ("name", "a b"),
        ("name", None),
        ("name", "x" * 65),
        ("main", "module"),
        ("main", "module:"),
        ("main", "a-b:main"),
        ("main", None),
        ("args", ["a"]),
        ("restart", "always"),
        ("stall", 0),
        ("stall", -1.0),
        ("stall", math.nan),
        ("stall", math.inf),
        ("stall", True),
        ("stall", "5"),
        ("start_timeout", 0),
        ("start_timeout", None),
        ("shutdown", 0),
        ("shutdown", "soon"),
        ("shutdown", None),
        ("env", {"A=B": "c"}),
        ("env", {"A": 1}),
        ("env", {"": "x"}),
        ("env", {"A": "b\0c"}),
        ("env", None),
        ("after", ["a"]),
        ("after", (1,)),
        ("limits", 5),
        ("memory", 5),
        ("drain", 0),
        ("log", "a.log"),
        ("nice", 20),
        ("nice", "low"),
        ("cpus", (0,)),
        ("cpus", frozenset({-1})),
        ("fingerprint", None),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_its_name(field, value):
    with pytest.raises(ProgramError) as caught:
        Program(**{**GOOD, field: value})
    assert caught.value.field == field
    assert caught.value.value == value or math.isnan(value)
    assert f": {field} is {value!r}; expected " in str(caught.value)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: RestartLimits(-1, 5.0), "intensity is -1"),
        (lambda: RestartLimits(True, 5.0), "intensity is True"),
        (lambda: RestartLimits(1, 0.0), "period is 0.0"),
        (lambda: RestartLimits(1, math.inf), "period is inf"),
        (lambda: RestartLimits(1, 5.0, Backoff(initial=2.0, maximum=1.0)), "backoff is Backoff"),
        (lambda: Memory(0, 5), "restart is 0 and kill 5"),
        (lambda: Memory(6, 5), "restart is 6 and kill 5"),
    ],
)
def test_limits_that_cannot_be_meant_are_refused(make, complaint):
    with pytest.raises(ValueError, match=complaint):
        make()


def test_two_programs_may_not_share_a_name():
    with pytest.raises(ProgramError, match="a name of its own, not one that 2 programs share"):
        NodeSupervisor([Program(**GOOD), Program(**GOOD)])


def test_a_parent_needs_something_to_do():
    with pytest.raises(NodeSupervisorError, match="no program"):
        NodeSupervisor([])


@pytest.mark.parametrize(("intensity", "period"), [(-1, 5.0), (1, 0.0), (1.5, 5.0), (1, "x")])
def test_an_intensity_is_held_to_the_same_rules_as_that_of_a_tree(intensity, period):
    with pytest.raises(InvalidFlags):
        NodeSupervisor([Program(**GOOD)], intensity=intensity, period=period)


def test_several_heartbeats_fit_into_the_stall_bound():
    assert Program(**GOOD, stall=0.8).interval == pytest.approx(0.1)
    assert Program(**GOOD, stall=3600.0).interval == 1.0
    assert Program(**GOOD, stall=None).interval == 1.0


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (Ending(status=3), "exit status 3"),
        (Ending(signal=11), "signal SIGSEGV"),
        (Ending(signal=40), "signal 40"),
        (Ending(signal=9, reason="stalled"), "stalled"),
    ],
)
def test_an_ending_says_what_happened(ending, text):
    assert str(ending) == text


def test_a_refusal_counts_only_from_a_program_that_was_never_ready():
    program = Program(**GOOD)
    assert judge(program, Ending(status=78), was_ready=False) == "refused"
    assert judge(program, Ending(status=69), was_ready=False) == "refused"
    assert judge(program, Ending(status=78), was_ready=True) == "restart"
    assert judge(program, Ending(status=1), was_ready=False) == "restart"


def test_only_the_newest_stacks_of_a_program_are_kept(tmp_path):
    other = save_stacks(tmp_path, "a.b", 1, "another program")
    paths = [save_stacks(tmp_path, "a", number, f"stacks {number}") for number in range(KEPT + 3)]
    assert sorted(tmp_path.iterdir()) == sorted([other, *paths[3:]])
