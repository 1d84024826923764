"""How a parent begins, refuses to begin, and ends; and that nothing outlives it."""

import os
import pty
import signal

import pytest

A_NODE = {"name": "a", "main": "world:node"}
B_NODE = {"name": "b", "main": "world:node"}


def _said(parent, event):
    return [line.split("node=")[1].split()[0] for line in parent.seen if f"event={event} " in line]


def test_programs_start_in_order_and_stop_in_the_reverse_order(supervise):
    parent = supervise(A_NODE, B_NODE, {"name": "c", "main": "world:node"})
    parent.event("program_ready", node="c")
    parent.signal(signal.SIGTERM)

    assert parent.exit_status() == 0
    order = [line for line in parent.seen if line.endswith(" down") or " up " in line]
    assert order == ["a up 1 -", "b up 1 -", "c up 1 -", "c down", "b down", "a down"]
    assert parent.log_has("stopped", status="0")


def test_a_program_waits_until_the_one_before_it_is_ready(supervise):
    parent = supervise({"name": "a", "main": "world:never_ready", "start_timeout": 0.3}, B_NODE, intensity=1)
    assert parent.exit_status() == os.EX_SOFTWARE
    assert _said(parent, "program_started") == ["a", "a"]
    assert parent.log_has("program_died", node="a", reason="not ready within 0.3 s")


@pytest.mark.parametrize("status", [os.EX_CONFIG, os.EX_UNAVAILABLE])
def test_a_refusal_to_start_is_not_retried_and_becomes_the_exit_status(supervise, status):
    parent = supervise(A_NODE, {"name": "b", "main": "world:ends", "args": [status, False]})
    assert parent.exit_status() == status
    assert _said(parent, "program_started") == ["a", "b"]
    assert parent.log_has("stopping", reason=f"b refused to start: exit status {status}")
    assert "a down" in parent.seen


def test_the_same_status_from_a_program_that_was_ready_before_is_a_crash(supervise):
    parent = supervise({"name": "a", "main": "world:ready_once", "args": [os.EX_UNAVAILABLE]})
    assert parent.line("a up") == f"a up 3 exit status {os.EX_UNAVAILABLE}"


@pytest.mark.parametrize(
    ("main", "text"),
    [
        ("no_such_module_anywhere:main", "No module named"),
        ("world:no_such_function", "a function no_such_function in the module world"),
    ],
)
def test_a_main_that_cannot_be_imported_is_one_clear_line(supervise, main, text):
    parent = supervise({"name": "a", "main": main})
    assert parent.exit_status() == os.EX_CONFIG
    [line] = parent.seen
    assert "event=cannot_start" in line
    assert text in line


def test_a_module_to_preload_that_is_missing_is_one_clear_line(supervise):
    parent = supervise(A_NODE, preload=["no_such_module_anywhere"])
    assert parent.exit_status() == os.EX_CONFIG
    assert "cannot import no_such_module_anywhere" in parent.seen[0]


def test_a_parent_with_a_second_thread_refuses_to_fork(supervise):
    parent = supervise(A_NODE, thread=True)
    assert parent.exit_status() == os.EX_SOFTWARE
    assert "cannot start a: the node supervisor has 2 threads" in parent.event("stopping")["reason"]


def test_a_system_that_gives_no_more_descriptors_counts_as_a_failed_start(supervise):
    parent = supervise(A_NODE, intensity=3, spare_descriptors=4)
    assert parent.exit_status() == os.EX_SOFTWARE
    reason = parent.event("stopping")["reason"]
    assert "could not be forked: [Errno 24] Too many open files" in reason
    assert sum("event=program_restarting" in line for line in parent.seen) == 3


def test_a_complaint_given_to_sys_exit_is_shown(supervise):
    parent = supervise({"name": "a", "main": "world:complains"}, intensity=0)
    parent.line("it cannot go on like this", stream="log")
    assert parent.event("program_died")["reason"] == "exit status 1"


def test_a_program_that_is_deaf_to_sigterm_is_killed_after_its_shutdown_time(supervise):
    parent = supervise(A_NODE, {"name": "b", "main": "world:deaf", "shutdown": 0.3, "stall": None})
    parent.event("program_ready", node="b")
    parent.signal(signal.SIGTERM)
    assert parent.event("program_died", node="b")["reason"] == "not ended within its shutdown time of 0.3 s"
    assert parent.exit_status() == 0
    assert "a down" in parent.seen


def test_a_brutal_kill_does_not_ask(supervise):
    parent = supervise({**A_NODE, "shutdown": "brutal_kill"})
    parent.event("program_ready")
    parent.signal(signal.SIGTERM)
    assert parent.event("program_ended", node="a")["reason"] == "signal SIGKILL"
    assert parent.exit_status() == 0
    assert "a down" not in parent.seen


def test_a_program_that_leaves_by_itself_has_its_shutdown_time_and_is_restarted(supervise):
    program = {"name": "a", "main": "world:leaves_slowly", "shutdown": 0.3, "stall": 30.0}
    parent = supervise(program, intensity=1)
    assert parent.event("program_died")["reason"] == "not ended within its shutdown time of 0.3 s"
    parent.event("program_restarting")


def test_a_second_signal_kills_what_is_left(supervise):
    parent = supervise({"name": "a", "main": "world:deaf", "shutdown": "infinity", "stall": None})
    parent.event("program_ready")
    parent.signal(signal.SIGINT)
    parent.event("program_stopping")
    # A signal that comes at once counts as the same one; so this one is sent until it counts.
    while not parent.log_has("stopping", status=str(128 + signal.SIGINT)):
        parent.signal(signal.SIGINT)
        parent.read_for(0.1)
    assert parent.exit_status() == 128 + signal.SIGINT


def test_two_signals_at_once_are_one_wish_to_stop(supervise):
    parent = supervise(A_NODE)
    parent.event("program_ready")
    for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
        parent.signal(number)
    assert parent.exit_status() == 0
    assert "a down" in parent.seen


def test_a_stop_during_the_start_ends_what_was_started(supervise):
    parent = supervise({"name": "a", "main": "world:never_ready"}, B_NODE)
    parent.event("program_started", node="a")
    parent.signal(signal.SIGTERM)
    assert parent.exit_status() == 0
    assert _said(parent, "program_started") == ["a"]


def test_no_node_outlives_a_killed_parent(supervise, watching_end):
    parent = supervise(A_NODE, B_NODE)
    a, b = (int(parent.event("program_ready", node=name)["os_pid"]) for name in ("a", "b"))
    with watching_end(a) as a_ended, watching_end(b) as b_ended:
        parent.signal(signal.SIGKILL)
        assert a_ended()
        assert b_ended()


def test_when_every_program_is_done_the_parent_ends(supervise):
    parent = supervise({"name": "a", "main": "world:ends", "args": [0], "restart": "transient"})
    assert parent.exit_status() == 0
    assert parent.log_has("stopping", reason="no program is left")


def test_a_closed_terminal_means_stop(supervise):
    terminal, program_end = pty.openpty()
    parent = supervise(A_NODE, stdin=program_end, terminal=True)
    os.close(program_end)
    parent.event("program_ready")
    os.close(terminal)
    assert parent.event("stopping")["reason"] == "signal SIGHUP"
    assert parent.exit_status() == 0
