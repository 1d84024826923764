"""Reload: new code in the parent, the same nodes."""

import json
import os
import signal

import pytest

A_NODE = {"name": "a", "main": "world:node"}
B_NODE = {"name": "b", "main": "world:node"}


@pytest.fixture
def from_file(supervise, tmp_path):
    """A parent whose settings lie in a file; call again to change the file."""
    path = tmp_path / "settings.json"

    def write(*programs, **settings):
        path.write_text(json.dumps({"programs": programs, **settings}))

    def start(*programs, **settings):
        write(*programs, **settings)
        return supervise(settings=str(path)), write

    return start


def test_a_reload_keeps_the_nodes_and_watches_them_as_before(from_file):
    parent, _ = from_file(A_NODE)
    os_pid = parent.event("program_ready", node="a")["os_pid"]
    parent.signal(signal.SIGHUP)

    assert parent.event("program_adopted", node="a")["os_pid"] == os_pid
    os.kill(int(os_pid), signal.SIGKILL)
    assert parent.event("program_died", node="a")["reason"] == "signal SIGKILL"
    parent.event("program_ready", node="a")
    assert parent.line("a up 2") == "a up 2 signal SIGKILL"
    parent.signal(signal.SIGTERM)
    assert parent.exit_status() == 0


def test_a_stall_is_seen_after_a_reload(from_file, tmp_path):
    parent, _ = from_file({**A_NODE, "stall": 2.0}, stacks=str(tmp_path / "stacks"))
    os_pid = int(parent.event("program_ready", node="a")["os_pid"])
    parent.signal(signal.SIGHUP)
    parent.event("program_adopted", node="a")
    os.kill(os_pid, signal.SIGUSR1)
    assert parent.event("program_died", node="a")["reason"].startswith("stalled")
    [saved] = (tmp_path / "stacks").iterdir()
    assert "hold_the_loop" in saved.read_text()


def test_a_reload_starts_what_is_new_and_retires_what_is_gone(from_file):
    parent, write = from_file(A_NODE, B_NODE)
    b = parent.event("program_ready", node="b")["os_pid"]
    write(B_NODE, {"name": "c", "main": "world:node"})
    parent.signal(signal.SIGHUP)

    assert parent.event("program_adopted", node="b")["os_pid"] == b
    parent.line("a down")
    parent.line("c up")
    parent.signal(signal.SIGTERM)
    assert parent.exit_status() == 0
    assert [line for line in parent.seen if line.endswith(" down")] == ["a down", "c down", "b down"]


def test_a_program_that_is_wanted_again_while_it_is_leaving_is_started_again(from_file):
    slow = {"name": "a", "main": "world:node_that_waits", "stall": None}
    parent, write = from_file(slow, B_NODE)
    parent.event("program_ready", node="b")
    write(B_NODE)
    parent.signal(signal.SIGHUP)
    a = int(parent.event("program_stopping", node="a")["os_pid"])
    parent.line("a waits")
    write(slow, B_NODE)
    parent.signal(signal.SIGHUP)

    assert parent.event("program_adopted", node="a")["phase"] == "leaving"
    os.kill(a, signal.SIGUSR1)
    assert parent.event("program_ready", node="a")["os_pid"] != str(a)


@pytest.mark.parametrize("broken", ['{"programs": []}', "not even json", '{"programs": [{"name": "a"}]}'])
def test_a_reload_onto_what_cannot_start_is_refused_and_nothing_changes(from_file, tmp_path, broken):
    parent, _ = from_file(A_NODE)
    os_pid = parent.event("program_ready", node="a")["os_pid"]
    (tmp_path / "settings.json").write_text(broken)
    parent.signal(signal.SIGHUP)

    assert parent.event("reload_refused")["reason"].startswith("the trial start failed: it ended with exit status")
    parent.signal(signal.SIGTERM)
    assert parent.event("program_ended", node="a")["os_pid"] == os_pid
    assert parent.exit_status() == 0


def test_no_node_outlives_a_parent_that_is_killed_after_a_reload(from_file, watching_end):
    parent, _ = from_file(A_NODE)
    os_pid = int(parent.event("program_ready", node="a")["os_pid"])
    parent.signal(signal.SIGHUP)
    parent.event("program_adopted", node="a")
    with watching_end(os_pid) as ended:
        parent.signal(signal.SIGKILL)
        assert ended()
