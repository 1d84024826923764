"""Programs with restart limits of their own: one that cannot be kept up costs the others nothing."""

import os
import signal

LIMITS = [20, 60.0, 0.01, 0.08]  # intensity, period, first and longest wait


def _node(name, **fields):
    return {"name": name, "main": "world:node", "after": [], "limits": LIMITS, **fields}


def test_a_start_that_fails_ten_times_waits_longer_and_longer_while_the_others_go_on(supervise):
    parent = supervise(_node("a"), _node("b", main="world:fails", args=[10]), _node("c"))
    delays = [float(parent.event("program_restarting", node="b")["delay"]) for _ in range(10)]

    assert delays == [0.0, 0.01, 0.02, 0.04] + [0.08] * 6
    assert parent.line("b up") == "b up 11 exit status 1"
    assert sum("event=program_started" in line and " node=b " not in line for line in parent.seen) == 2
    parent.signal(signal.SIGTERM)
    assert parent.exit_status() == 0


def test_one_beyond_its_limits_is_given_up_alone(supervise):
    parent = supervise(_node("a"), _node("b", main="world:ends", args=[3], limits=[2, 60.0, 0.01, 0.02]))
    assert parent.event("program_given_up", node="b")["reason"] == (
        "more than 2 restarts within 60 s; the last to die was b: exit status 3"
    )
    parent.line("a up")
    parent.signal(signal.SIGTERM)
    assert parent.exit_status() == 0
    assert "a down" in parent.seen


def test_one_that_refuses_to_start_is_given_up_at_once_and_alone(supervise):
    parent = supervise(_node("a"), _node("b", main="world:ends", args=[os.EX_CONFIG, False]))
    assert parent.event("program_given_up", node="b")["reason"] == "b refused to start: exit status 78"
    parent.line("a up")
    parent.signal(signal.SIGTERM)
    assert parent.exit_status() == 0


def test_when_all_are_given_up_the_parent_ends_with_their_status(supervise):
    refusing = _node("b", main="world:ends", args=[os.EX_CONFIG, False])
    assert supervise(refusing).exit_status() == os.EX_CONFIG
    crashing = _node("a", main="world:ends", args=[3], limits=[0, 60.0, 0.01, 0.02])
    assert supervise(crashing, refusing).exit_status() == os.EX_SOFTWARE


def test_a_killed_one_is_restarted_at_once_within_its_own_limits(supervise):
    parent = supervise(_node("a"), _node("b"), intensity=0)
    os.kill(int(parent.event("program_ready", node="b")["os_pid"]), signal.SIGKILL)
    assert parent.event("program_restarting", node="b")["delay"] == "0.0"
    assert parent.line("b up 2") == "b up 2 signal SIGKILL"
