"""Trees and child specs: what is accepted, and the error terms of OTP's supervisor:check_childspecs for the rest."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import GenServer, Name, decode, encode
from mirliton.supervisors import (
    Backoff,
    ChildSpec,
    InvalidChildSpec,
    InvalidFlags,
    StartSpec,
    Supervisor,
    Tree,
    check_child_spec,
    check_child_specs,
    check_flags,
    check_tree,
    supervisor,
    worker,
)


class Idle(GenServer):
    """A worker that does nothing."""


START = StartSpec(Idle)


def test_the_defaults_are_otps() -> None:
    spec = worker(Idle)
    assert (spec.id, spec.restart, spec.grace, spec.significant, spec.type) == (
        "Idle",
        "permanent",
        5.0,
        False,
        "worker",
    )
    assert spec.code == [__name__]


def test_a_supervisor_has_all_the_time_it_needs() -> None:
    spec = supervisor(Tree("one_for_one", [], name=Name("service", "calls")))
    assert (spec.id, spec.grace, spec.type) == ("calls", "infinity", "supervisor")
    assert spec.name == Name("service", "calls")


def test_a_supervisor_subclass_is_declared_with_its_arguments() -> None:
    class Special(Supervisor):
        pass

    spec = supervisor(Special, "call-1", shutdown=3.0)
    assert spec.start == StartSpec(Special, ("call-1",))
    assert (spec.id, spec.grace) == ("Special", 3.0)


def test_a_nameless_tree_needs_an_id() -> None:
    with pytest.raises(InvalidChildSpec) as caught:
        supervisor(Tree("one_for_one", []))
    assert caught.value.reason == "missing_id"


def test_a_tree_travels_whole() -> None:
    inner = Tree("simple_one_for_one", [worker(Idle, restart="temporary")], intensity=10, period=1.0)
    tree = Tree("rest_for_one", [worker(Idle, 1, key="x"), supervisor(inner, id="calls")], intensity=3)
    assert decode(encode(tree)) == tree


FAULTY: list[tuple[dict[str, Any], Any]] = [
    ({"start": None}, "missing_start"),
    ({"id": None}, "missing_id"),
    ({"start": "nofun"}, ("invalid_mfa", "nofun")),
    ({"start": StartSpec(int)}, ("invalid_mfa", StartSpec(int))),
    ({"start": StartSpec(Idle, function="absent")}, ("invalid_mfa", StartSpec(Idle, function="absent"))),
    ({"restart": "sometimes"}, ("invalid_restart_type", "sometimes")),
    ({"significant": "maybe", "restart": "transient"}, ("invalid_significant", "maybe")),
    ({"type": "robot"}, ("invalid_child_type", "robot")),
    ({"shutdown": -1}, ("invalid_shutdown", -1)),
    ({"shutdown": True}, ("invalid_shutdown", True)),
    ({"shutdown": float("inf")}, ("invalid_shutdown", float("inf"))),
    ({"shutdown": "soon"}, ("invalid_shutdown", "soon")),
    ({"modules": "m"}, ("invalid_modules", "m")),
    ({"modules": ["m", 1]}, ("invalid_module", 1)),
    ({"name": "cdr"}, ("invalid_name", "cdr")),
    ({"keep_mail": True}, ("invalid_keep_mail", True)),
    ({"backoff": Backoff(2.0, 1.0)}, ("invalid_backoff", Backoff(2.0, 1.0))),
    ({"start_timeout": 0}, ("invalid_start_timeout", 0)),
]


@pytest.mark.parametrize(("fault", "term"), FAULTY, ids=[str(term) for _, term in FAULTY])
def test_a_faulty_child_spec_is_refused_with_otps_term(fault: dict[str, Any], term: Any) -> None:
    with pytest.raises(InvalidChildSpec) as caught:
        check_child_spec(ChildSpec(**({"id": "a", "start": START} | fault)))
    assert caught.value.reason == term


def test_words_of_start_link_are_no_arguments_of_a_child() -> None:
    with pytest.raises(InvalidChildSpec):
        check_child_spec(ChildSpec("a", StartSpec(Idle, (), {"timeout": 3})))


def test_a_spec_may_be_a_mapping() -> None:
    assert check_child_spec({"id": "a", "start": START}) == ChildSpec("a", START)


@pytest.mark.parametrize(
    ("mapping", "term"),
    [
        ({"start": START}, "missing_id"),
        ({"id": "a"}, "missing_start"),
        ({"id": "a", "start": START, "colour": 1}, ("invalid_key", "colour")),
        ("junk", ("invalid_child_spec", "junk")),
    ],
)
def test_a_mapping_that_is_no_spec_is_refused(mapping: Any, term: Any) -> None:
    with pytest.raises(InvalidChildSpec) as caught:
        check_child_spec(mapping)
    assert caught.value.reason == term


NEVER = ("bad_combination", [("auto_shutdown", "never"), ("significant", True)])
PERMANENT = ("bad_combination", [("restart", "permanent"), ("significant", True)])


@pytest.mark.parametrize(
    ("restart", "auto_shutdown", "term"),
    [
        ("transient", "never", NEVER),
        ("permanent", "never", NEVER),
        ("permanent", "any_significant", PERMANENT),
        ("permanent", None, PERMANENT),
    ],
)
def test_a_significant_child_must_be_able_to_end_its_supervisor(restart: Any, auto_shutdown: Any, term: Any) -> None:
    with pytest.raises(InvalidChildSpec) as caught:
        check_child_specs([ChildSpec("a", START, restart, significant=True)], auto_shutdown)
    assert caught.value.reason == term


def test_a_significant_transient_child_passes_where_the_tree_is_not_known() -> None:
    assert check_child_specs([ChildSpec("a", START, "transient", significant=True)])


def test_an_unknown_auto_shutdown_is_refused() -> None:
    with pytest.raises(InvalidChildSpec) as caught:
        check_child_specs([], "other")
    assert caught.value.reason == ("badarg", "other")


@pytest.mark.parametrize(
    ("flags", "term"),
    [
        ({"strategy": "one_for_some"}, ("invalid_strategy", "one_for_some")),
        ({"intensity": -1}, ("invalid_intensity", -1)),
        ({"intensity": 1.5}, ("invalid_intensity", 1.5)),
        ({"period": 0}, ("invalid_period", 0)),
        ({"auto_shutdown": "sometimes"}, ("invalid_auto_shutdown", "sometimes")),
        ({"name": "x"}, ("invalid_name", "x")),
    ],
)
def test_faulty_flags_are_refused_with_otps_term(flags: dict[str, Any], term: Any) -> None:
    tree = Tree(**({"strategy": "one_for_one", "children": []} | flags))
    with pytest.raises(InvalidFlags) as caught:
        check_flags(tree)
    assert caught.value.reason == term
    with pytest.raises(InvalidFlags) as caught:
        check_tree(tree)
    assert caught.value.reason == ("supervisor_data", term)


def test_two_children_cannot_share_an_id() -> None:
    with pytest.raises(InvalidChildSpec) as caught:
        check_tree(Tree("one_for_one", [worker(Idle, id="a"), worker(Idle, id="a")]))
    assert caught.value.reason == ("start_spec", ("duplicate_child_name", "a"))
    assert "two children have the id 'a'" in str(caught.value)


@pytest.mark.parametrize("ids", [(1, True, 1.0), ([1, 2], (1, 2)), ("a", b"a")])
def test_ids_that_only_look_alike_are_different(ids: tuple[Any, ...]) -> None:
    assert len(check_child_specs([worker(Idle, id=each) for each in ids])) == len(ids)


@pytest.mark.parametrize("count", [0, 2])
def test_simple_one_for_one_takes_one_template(count: int) -> None:
    specs = [worker(Idle, id=number) for number in range(count)]
    with pytest.raises(InvalidChildSpec) as caught:
        check_tree(Tree("simple_one_for_one", specs))
    assert caught.value.reason == ("bad_start_spec", specs)
