"""A reload that finds changed settings, at any moment."""

import json
import os
import signal

import pytest

from mirliton.supervisors.node_control import ask_host

LIMITS = [20, 60.0, 0.01, 0.08]


def _node(name, fingerprint="1", **fields):
    return {"name": name, "main": "world:node", "after": [], "limits": LIMITS, "fingerprint": fingerprint, **fields}


@pytest.fixture
def host(supervise, tmp_path):
    """A parent whose settings lie in a file; `write` changes the file."""
    settings = tmp_path / "settings.json"

    def write(*programs, socket="host.sock"):
        settings.write_text(json.dumps({"programs": programs, "control": str(tmp_path / socket)}))

    def start(*programs):
        write(*programs)
        return supervise(settings=str(settings)), write

    return start


def _rows(tmp_path, socket="host.sock"):
    return {row["name"]: row for row in ask_host(tmp_path / socket, {"do": "ps"})["result"]["nodes"]}


def test_it_restarts_what_has_changed_starts_what_is_new_stops_what_is_gone_and_keeps_the_rest(host, tmp_path):
    parent, write = host(_node("same"), _node("changed"), _node("gone"))
    pids = {}
    for _ in range(3):
        ready = parent.event("program_ready")
        pids[ready["node"]] = ready["os_pid"]
    write(_node("same"), _node("changed", "2", args=["new"]), _node("new"))
    parent.signal(signal.SIGUSR2)

    parent.event("reloading")
    parent.event("supervising")
    parent.event("program_ended", node="gone")
    assert parent.line("changed up 2") == "changed up 2 exit status 0 new"
    while not parent.log_has("program_ready", node="new") or "gone" in (rows := _rows(tmp_path)):
        parent.read_for(0.05)
    assert set(rows) == {"same", "changed", "new"}
    assert str(rows["same"]["os_pid"]) == pids["same"]
    assert not parent.log_has("program_restarting")
    assert ask_host(tmp_path / "host.sock", {"do": "ps"})["result"]["host"]["reloads"] == 1


def test_without_a_fingerprint_nothing_counts_as_changed(host):
    parent, write = host(_node("a", ""))
    a = parent.event("program_ready", node="a")["os_pid"]
    write(_node("a", "", args=["new"]))
    parent.signal(signal.SIGUSR2)
    parent.event("program_adopted", node="a")
    parent.signal(signal.SIGTERM)
    assert parent.event("program_ended", node="a")["os_pid"] == a


def test_a_reload_while_one_waits_for_its_next_try_takes_the_new_settings_at_once(host):
    parent, write = host(_node("a", main="world:fails", args=[50], limits=[5, 600.0, 500.0, 500.0]), _node("b"))
    parent.event("program_restarting", node="a", delay="500.0")
    write(_node("a", "2"), _node("b"))
    parent.signal(signal.SIGUSR2)
    assert parent.line("a up") == "a up 3 exit status 1"


def test_a_reload_keeps_one_waiting_whose_settings_are_the_same(host, tmp_path):
    failing = _node("a", main="world:fails", args=[50], limits=[5, 600.0, 500.0, 500.0])
    parent, _ = host(failing, _node("b"))
    parent.event("program_restarting", node="a", delay="500.0")
    parent.signal(signal.SIGUSR2)
    parent.event("reloading")
    parent.event("supervising")
    row = _rows(tmp_path)["a"]
    assert row["state"] == "waiting"
    assert 300.0 < row["to_start_in"] <= 500.0


def test_a_reload_in_the_middle_of_a_restart_goes_on_with_it(host, tmp_path):
    parent, _ = host(_node("a", main="world:node_that_waits", stall=None), _node("b"))
    a = int(parent.event("program_ready", node="a")["os_pid"])
    ask_host(tmp_path / "host.sock", {"do": "restart"})
    parent.line("a waits")
    parent.signal(signal.SIGUSR2)
    assert parent.event("program_adopted", node="a")["phase"] == "leaving"
    os.kill(a, signal.SIGUSR1)
    assert parent.event("program_started", node="a")["incarnation"] == "2"
    parent.line("b up 2")


def test_one_that_was_given_up_is_tried_again_with_other_settings_only(host, tmp_path):
    parent, write = host(_node("a", main="world:ends", args=[os.EX_CONFIG, False]), _node("b"))
    parent.event("program_given_up", node="a")
    parent.signal(signal.SIGUSR2)
    parent.event("reloading")
    parent.event("supervising")
    assert _rows(tmp_path)["a"]["state"] == "given up"
    write(_node("a", "2"), _node("b"))
    parent.signal(signal.SIGUSR2)
    parent.line("a up 2")


def test_the_host_socket_moves_and_stays_where_it_cannot_move(host, tmp_path):
    parent, write = host(_node("a"))
    parent.event("program_ready", node="a")
    write(_node("a"), socket="other.sock")
    parent.signal(signal.SIGUSR2)
    parent.event("reloading")
    parent.event("supervising")
    assert _rows(tmp_path, "other.sock")["a"]["state"] == "running"
    assert not (tmp_path / "host.sock").exists()

    write(_node("a"), socket="none/host.sock")
    parent.signal(signal.SIGUSR2)
    parent.event("host_socket_not_moved")
    parent.event("supervising")
    assert _rows(tmp_path, "other.sock")["a"]["state"] == "running"


def test_a_node_that_dies_during_the_reload_is_restarted_by_the_new_image(host):
    parent, _ = host(_node("a"), _node("b"))
    a = int(parent.event("program_ready", node="a")["os_pid"])
    parent.signal(signal.SIGUSR2)
    parent.event("reloading")
    os.kill(a, signal.SIGKILL)
    assert parent.line("a up 2") == "a up 2 signal SIGKILL"
