"""Bounds on memory, and how a program is let finish its work."""

import os
import signal

from mirliton.supervisors.node_control import ask_host


def _node(name, **fields):
    return {"name": name, "main": "world:node", **fields}


def test_one_above_its_bound_is_restarted_in_order(supervise):
    parent = supervise(_node("a", main="world:grows", args=[150], memory=[140, 400]))
    told = parent.event("program_too_large", node="a")["reason"]
    assert told.endswith("are above 140 MB, its bound for a restart")
    assert parent.event("program_died", node="a")["reason"] == told
    assert "a down" in parent.seen
    assert parent.line("a up 2").startswith(f"a up 2 {told}")


def test_one_that_grows_beyond_its_second_bound_is_killed_at_once(supervise):
    parent = supervise(_node("a", main="world:grows", args=[250], memory=[140, 200]))
    told = parent.event("program_too_large", node="a")["reason"]
    assert told.endswith("are above 200 MB, its bound for a kill")
    parent.event("program_died", node="a", reason=told)
    assert "a down" not in parent.seen
    parent.line("a up 2")


def test_a_node_that_can_is_asked_to_drain_before_it_is_told_to_end(supervise):
    parent = supervise(_node("a", main="world:drains", drain=30.0))
    a = int(parent.event("program_ready", node="a")["os_pid"])
    parent.signal(signal.SIGTERM)
    parent.line("a drains")
    assert not parent.log_has("program_stopping", node="a")
    os.kill(a, signal.SIGUSR1)
    parent.event("program_drained", node="a")
    assert parent.exit_status() == 0
    assert parent.event("program_ended", node="a")["reason"] == "exit status 0"


def test_a_drain_has_an_end(supervise):
    parent = supervise(_node("a", main="world:drains", drain=0.3))
    parent.event("program_ready", node="a")
    parent.signal(signal.SIGTERM)
    assert parent.event("program_not_drained", node="a")["bound"] == "0.3"
    assert parent.exit_status() == 0
    assert "a down" in parent.seen


def test_a_stall_while_draining_is_seen(supervise):
    parent = supervise(_node("a", main="world:drains", drain=30.0, stall=0.5))
    a = int(parent.event("program_ready", node="a")["os_pid"])
    parent.signal(signal.SIGTERM)
    parent.line("a drains")
    os.kill(a, signal.SIGUSR2)
    assert parent.event("program_died", node="a")["reason"].startswith("stalled")
    assert parent.exit_status() == 0


def test_a_program_that_takes_no_drain_request_is_told_to_end_at_once(supervise):
    parent = supervise(_node("a", drain=30.0))
    parent.event("program_ready", node="a")
    parent.signal(signal.SIGTERM)
    assert parent.exit_status() == 0
    assert not parent.log_has("program_draining", node="a")


def test_a_drain_goes_on_over_a_reload(supervise, tmp_path):
    programs = [_node("a", main="world:drains", drain=30.0)]
    parent = supervise(*programs, control=str(tmp_path / "sock"))
    a = int(parent.event("program_ready", node="a")["os_pid"])
    ask_host(tmp_path / "sock", {"do": "restart", "node": "a"})
    parent.line("a drains")
    parent.signal(signal.SIGUSR2)
    assert parent.event("program_adopted", node="a")["phase"] == "draining"
    os.kill(a, signal.SIGUSR1)
    parent.event("program_drained", node="a")
    assert parent.event("program_started", node="a")["incarnation"] == "2"
