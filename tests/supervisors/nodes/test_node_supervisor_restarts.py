"""What kills a node, and that it comes back."""

import os
import signal

import pytest

A_NODE = {"name": "a", "main": "world:node"}


def test_a_killed_node_is_restarted_and_is_told_how_its_predecessor_ended(supervise):
    parent = supervise(A_NODE)
    os_pid = parent.event("program_ready", node="a")["os_pid"]
    assert parent.line("a up") == "a up 1 -"

    os.kill(int(os_pid), signal.SIGKILL)

    assert parent.event("program_died", node="a")["reason"] == "signal SIGKILL"
    assert parent.event("program_restarting", node="a")["delay"] == "0.0"
    assert parent.event("program_ready", node="a")["os_pid"] != os_pid
    assert parent.line("a up") == "a up 2 signal SIGKILL"


def test_only_the_node_that_died_is_restarted(supervise):
    parent = supervise(A_NODE, {"name": "b", "main": "world:node"})
    a = int(parent.event("program_ready", node="a")["os_pid"])
    b = parent.event("program_ready", node="b")["os_pid"]

    os.kill(a, signal.SIGKILL)
    parent.event("program_ready", node="a")
    parent.signal(signal.SIGTERM)

    assert parent.event("program_ended", node="b")["os_pid"] == b
    assert parent.exit_status() == 0


def test_a_stalled_loop_has_its_stacks_saved_and_is_killed_and_restarted(supervise, tmp_path):
    parent = supervise({**A_NODE, "stall": 1.0}, stacks=str(tmp_path / "stacks"))
    os_pid = int(parent.event("program_ready", node="a")["os_pid"])

    os.kill(os_pid, signal.SIGUSR1)

    reason = "stalled: no heartbeat for more than 1 s"
    assert parent.event("program_aborted", node="a")["reason"] == reason
    died = parent.event("program_died", node="a")
    assert died["reason"] == reason
    [saved] = (tmp_path / "stacks").iterdir()
    assert died["stacks"] == str(saved)
    assert "hold_the_loop" in saved.read_text()
    assert saved.stat().st_mode & 0o077 == 0
    assert parent.event("program_ready", node="a")["os_pid"] != str(os_pid)


def test_without_a_folder_for_them_the_stacks_go_to_stderr(supervise):
    parent = supervise({**A_NODE, "stall": 1.0})
    os.kill(int(parent.event("program_ready", node="a")["os_pid"]), signal.SIGUSR1)
    assert "hold_the_loop" in parent.line('  File "', stream="log")
    assert parent.event("program_died", node="a")["stacks"] == "stderr"


def test_a_frozen_process_that_cannot_even_write_its_stacks_is_killed(supervise):
    parent = supervise({**A_NODE, "stall": 1.0})
    os.kill(int(parent.event("program_ready", node="a")["os_pid"]), signal.SIGSTOP)
    died = parent.event("program_died", node="a")
    assert died["reason"].startswith("stalled")
    assert "stacks" not in died
    parent.event("program_ready", node="a")


def test_a_program_that_is_ready_and_never_beats_counts_as_stalled(supervise):
    parent = supervise({"name": "a", "main": "world:never_beats", "stall": 0.3}, intensity=0)
    assert parent.event("program_died", node="a")["reason"].startswith("stalled")


def test_a_fault_in_c_leaves_its_stacks(supervise, tmp_path):
    parent = supervise(A_NODE, stacks=str(tmp_path))
    os.kill(int(parent.event("program_ready", node="a")["os_pid"]), signal.SIGUSR2)

    died = parent.event("program_died", node="a")
    assert died["reason"] == "signal SIGSEGV"
    [saved] = tmp_path.iterdir()
    assert died["stacks"] == str(saved)
    assert "string_at" in saved.read_text()
    parent.event("program_ready", node="a")


def test_an_exit_without_a_word_is_a_crash(supervise):
    parent = supervise(A_NODE)
    os.kill(int(parent.event("program_ready", node="a")["os_pid"]), signal.SIGWINCH)
    assert parent.event("program_died", node="a")["reason"] == "exit status 7"
    parent.event("program_ready", node="a")


def test_an_exception_is_shown_and_is_a_crash(supervise):
    parent = supervise({"name": "a", "main": "world:raises"}, intensity=0)
    assert parent.line("LookupError", stream="log") == "LookupError: no such switch"
    assert parent.event("program_died", node="a")["reason"] == "exit status 1"


def test_what_a_node_started_dies_with_it(supervise, watching_end):
    parent = supervise({"name": "a", "main": "world:with_helper"})
    helper = int(parent.line("helper").split()[1])
    with watching_end(helper) as ended:
        os.kill(int(parent.event("program_ready", node="a")["os_pid"]), signal.SIGKILL)
        assert ended()
    second = int(parent.line("helper").split()[1])
    with watching_end(second) as ended:
        parent.signal(signal.SIGTERM)
        assert ended()
    assert parent.exit_status() == 0


def test_a_crash_loop_is_given_up_with_a_status_and_a_message(supervise):
    parent = supervise({"name": "a", "main": "world:ends", "args": [3]}, intensity=4, period=20.0)

    assert parent.exit_status() == os.EX_SOFTWARE
    assert parent.event("stopping", status="70")["reason"] == (
        "more than 4 restarts within 20 s; the last to die was a: exit status 3"
    )
    assert sum("event=program_restarting" in line for line in parent.seen) == 4


def test_giving_up_stops_the_other_nodes_in_order(supervise):
    steady = [{"name": name, "main": "world:node"} for name in ("one", "two")]
    parent = supervise(*steady, {"name": "loop", "main": "world:ends", "args": [3]}, intensity=1)

    assert parent.exit_status() == os.EX_SOFTWARE
    downs = [line for line in parent.seen if line.endswith(" down")]
    assert downs == ["two down", "one down"]


def test_restarts_in_a_row_wait_longer_and_longer_after_the_first(supervise):
    parent = supervise({"name": "a", "main": "world:ends", "args": [3]}, intensity=4)
    delays = [float(parent.event("program_restarting")["delay"]) for _ in range(4)]
    assert delays == [0.0, 0.01, 0.02, 0.04]


@pytest.mark.parametrize(
    ("restart", "status", "again"),
    [
        ("permanent", 0, True),
        ("permanent", 1, True),
        ("transient", 0, False),
        ("transient", 1, True),
        ("temporary", 0, False),
        ("temporary", 1, False),
    ],
)
def test_the_restart_types_are_those_of_otp(supervise, restart, status, again):
    parent = supervise({"name": "a", "main": "world:ends", "args": [status], "restart": restart}, intensity=1)
    exit_status = parent.exit_status()
    assert parent.log_has("program_restarting") is again
    assert exit_status == (os.EX_SOFTWARE if again else status)


def test_a_parent_that_was_paused_with_its_nodes_does_not_hold_the_silence_against_them(supervise):
    parent = supervise({**A_NODE, "stall": 2.0})
    os_pid = int(parent.event("program_ready", node="a")["os_pid"])
    os.kill(parent.pid, signal.SIGSTOP)
    os.kill(os_pid, signal.SIGSTOP)
    # What is tested is the passing of time itself: longer than the stall bound, neither of them runs.
    parent.read_for(3.0)
    os.kill(parent.pid, signal.SIGCONT)
    os.kill(os_pid, signal.SIGCONT)

    parent.signal(signal.SIGTERM)

    assert parent.exit_status() == 0
    assert not parent.log_has("program_aborted")
