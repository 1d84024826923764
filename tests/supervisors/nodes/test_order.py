"""Which program waits for which."""

import os
import signal

import pytest

from mirliton.supervisors.node_errors import ProgramError
from mirliton.supervisors.node_supervisor import NodeSupervisor
from mirliton.supervisors.programs import Program


def _program(name, *after):
    return Program(name, "package.module:main", after=after)


def _node(name, *after, **fields):
    return {"name": name, "main": "world:node", "after": after, **fields}


def test_those_that_wait_for_nobody_start_while_another_is_not_ready(supervise):
    parent = supervise(_node("a", main="world:never_ready"), _node("b", "a"), _node("c"))
    parent.event("program_ready", node="c")
    parent.signal(signal.SIGTERM)
    assert parent.exit_status() == 0
    assert not parent.log_has("program_started", node="b")


def test_one_starts_when_all_it_waits_for_are_ready_and_they_stop_after_it(supervise):
    parent = supervise(_node("api", "db", "switch"), _node("db"), _node("switch"))
    parent.event("program_ready", node="api")
    parent.signal(signal.SIGTERM)
    assert parent.exit_status() == 0
    ups = [line.split()[0] for line in parent.seen if " up " in line]
    downs = [line.split()[0] for line in parent.seen if line.endswith(" down")]
    assert ups[2] == "api"
    assert downs[0] == "api"
    assert sorted(downs) == ["api", "db", "switch"]


def test_one_that_others_wait_for_is_restarted_without_them(supervise):
    parent = supervise(_node("a"), _node("b", "a"))
    a = int(parent.event("program_ready", node="a")["os_pid"])
    parent.event("program_ready", node="b")
    os.kill(a, signal.SIGKILL)
    parent.event("program_ready", node="a")
    parent.signal(signal.SIGTERM)
    assert parent.exit_status() == 0
    assert sum(line.startswith("b up") for line in parent.seen) == 1


@pytest.mark.parametrize(
    ("programs", "complaint"),
    [
        ([_program("a", "b")], "b is none"),
        ([_program("a", "a")], "do not wait for it"),
        ([_program("a", "c"), _program("b", "a"), _program("c", "b")], "do not wait for it"),
    ],
)
def test_an_order_that_cannot_be_is_refused(programs, complaint):
    with pytest.raises(ProgramError, match=complaint):
        NodeSupervisor(programs)
