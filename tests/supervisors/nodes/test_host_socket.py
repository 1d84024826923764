"""What can be asked of a running parent, and that nobody can harm it by asking."""

import contextlib
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from mirliton.supervisors.node_control import MAX_REQUEST, HostSocket, ask_host
from mirliton.supervisors.node_errors import HostSocketError, NoHost

LIMITS = [20, 60.0, 0.01, 0.08]
PATIENCE = 30.0


def _node(name, **fields):
    return {"name": name, "main": "world:node", "after": [], "limits": LIMITS, **fields}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "host.sock"


@pytest.fixture
def host(supervise, path):
    """A parent with a host socket; `ask` it, or `see` how its nodes stand."""

    def start(*nodes, **settings):
        parent = supervise(*nodes, control=str(path), **settings)
        parent.event("supervising")
        return parent

    return start


def _ask(path, do, **more):
    answer = ask_host(path, {"do": do, **more})
    assert answer["ok"], answer
    return answer["result"]


def _state(path, name, *, until):
    """The row of a node once it is in that state; programs of their own are watched from outside."""
    deadline = time.monotonic() + PATIENCE
    while True:
        [row] = [row for row in _ask(path, "ps")["nodes"] if row["name"] == name]
        if row["state"] == until:
            return row
        assert time.monotonic() < deadline, row
        time.sleep(0.05)


def test_ps_tells_of_every_node(host, path):
    parent = host(_node("a"), _node("b", main="world:never_ready"), _node("c", after=["b"]))
    a = int(parent.event("program_ready", node="a")["os_pid"])
    picture = _ask(path, "ps")
    rows = {row["name"]: row for row in picture["nodes"]}
    assert picture["host"]["os_pid"] == parent.pid
    assert picture["host"]["status"] == "1 of 3 nodes up; b starting; c queued"
    assert (rows["a"]["state"], rows["a"]["os_pid"], rows["a"]["starts"]) == ("running", a, 1)
    assert rows["a"]["memory"] > 2**20
    assert rows["b"]["state"] == "starting"
    assert (rows["c"]["state"], rows["c"]["waits_for"], rows["c"]["os_pid"]) == ("queued", ["b"], None)


def test_the_socket_is_for_its_owner_alone(host, path):
    host(_node("a"))
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_parent_holds_no_connection_and_no_second_thread(host, path):
    parent = host(_node("a"))
    for _ in range(5):
        _ask(path, "ps")
    sockets = [fd for fd in Path(f"/proc/{parent.pid}/fd").iterdir() if str(fd.readlink()).startswith("socket:")]
    assert len(sockets) == 1
    assert len(list(Path(f"/proc/{parent.pid}/task").iterdir())) == 1


def test_a_child_holds_nothing_of_the_socket(host, path):
    parent = host(_node("a"))
    a = parent.event("program_ready", node="a")["os_pid"]
    links = [str(fd.readlink()) for fd in Path(f"/proc/{a}/fd").iterdir()]
    assert not any(link.endswith(".lock") for link in links)


def test_a_node_that_was_stopped_stays_down_until_it_is_restarted(host, path):
    parent = host(_node("a"), _node("b"))
    parent.event("program_ready", node="b")
    _ask(path, "stop", node="b")
    parent.event("program_ended", node="b")
    assert _state(path, "b", until="stopped")["failures"] == 0
    parent.signal(signal.SIGUSR2)
    parent.event("reloading")
    parent.event("supervising")
    assert _state(path, "b", until="stopped")["starts"] == 1
    _ask(path, "restart", node="b")
    assert parent.line("b up 2") == "b up 2 exit status 0"


def test_when_every_node_was_stopped_the_parent_waits_for_what_comes(host, path):
    parent = host(_node("a"))
    parent.event("program_ready", node="a")
    _ask(path, "stop", node="a")
    _state(path, "a", until="stopped")
    _ask(path, "restart")
    parent.line("a up 2")


def test_a_restart_of_all_takes_one_after_another(host, path):
    parent = host(_node("a"), _node("b"), _node("c"))
    for name in "abc":
        _state(path, name, until="running")
    _ask(path, "restart")
    parent.line("c up 2")
    lines = [line for line in parent.seen if line.endswith(" down") or " up 2 " in line]
    assert [line.split()[:2] for line in lines] == [[n, word] for n in "abc" for word in ("down", "up")]


def test_a_restart_of_all_goes_no_further_than_one_that_does_not_come_up(host, path):
    parent = host(_node("a"), _node("b", main="world:only_once", limits=[1, 600.0, 0.01, 0.01]), _node("c"))
    for name in "abc":
        _state(path, name, until="running")
    _ask(path, "restart")
    parent.event("program_given_up", node="b")
    [a, b, c] = _ask(path, "ps")["nodes"]
    assert (a["starts"], b["state"], c["starts"]) == (2, "given up", 1)
    assert c["to_restart"] == "asked for over the host socket"
    _ask(path, "stop", node="b")
    parent.line("c up 2")


def test_a_node_that_was_given_up_is_started_again_by_a_restart(host, path, tmp_path):
    parent = host(_node("a"), _node("b", main="world:fails", args=[1], limits=[0, 60.0, 0.01, 0.02]))
    parent.event("program_given_up", node="b")
    assert _state(path, "b", until="given up")["previous"] == "exit status 1"
    _ask(path, "restart", node="b")
    parent.line("b up 2")


def test_a_restart_of_one_that_waits_for_its_next_try_is_at_once(host, path):
    parent = host(_node("a"), _node("b", main="world:fails", args=[2], limits=[5, 600.0, 500.0, 500.0]))
    parent.event("program_restarting", node="b", delay="500.0")
    _ask(path, "restart", node="b")
    parent.line("b up 3")


def test_a_restart_of_one_that_is_deaf_takes_its_shutdown_time(host, path):
    parent = host(_node("a", main="world:deaf", stall=None, shutdown=0.3))
    parent.event("program_ready", node="a")
    _ask(path, "restart", node="a")
    assert parent.event("program_died", node="a")["reason"] == "not ended within its shutdown time of 0.3 s"
    assert parent.event("program_ready", node="a")


def test_a_stop_over_the_socket_is_an_ordered_stop(host, path):
    parent = host(_node("a"), _node("b", after=["a"]))
    parent.event("program_ready", node="b")
    _ask(path, "stop")
    assert parent.exit_status() == 0
    assert [line for line in parent.seen if line.endswith(" down")] == ["b down", "a down"]
    assert not path.exists()
    with pytest.raises(NoHost, match="no node supervisor runs there"):
        ask_host(path, {"do": "ps"})


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ({"do": "explode"}, "'explode' is no request"),
        ({}, '"do" and "node" are texts'),
        ({"do": ["ps"]}, '"do" and "node" are texts'),
        ({"do": "stop", "node": "x"}, "there is no node 'x'; there are a"),
        ({"do": "stop", "node": {}}, '"do" and "node" are texts'),
        ({"do": "ps", "node": "a"}, "'ps' takes no node"),
        ({"do": "stop", "now": True}, "'stop' takes no now"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(host, path, request_, complaint):
    parent = host(_node("a"))
    answer = ask_host(path, request_)
    assert not answer["ok"]
    assert complaint in answer["error"]
    parent.event("program_ready", node="a")


@pytest.mark.parametrize("garbage", [b"", b"\xff\xfe", b"[1, 2]", b"{", b"[" * 4000, b"1" * (MAX_REQUEST + 1)])
def test_garbage_is_answered_and_harms_nobody(host, path, garbage):
    host(_node("a"))
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as line:
        line.settimeout(PATIENCE)
        line.bind("")
        line.connect(str(path))
        line.send(garbage)
        assert b"a request is a JSON object" in line.recv(4096)
    assert _ask(path, "ps")


def test_those_who_ask_and_do_not_listen_cost_nothing(host, path):
    parent = host(_node("a"))
    a = int(parent.event("program_ready", node="a")["os_pid"])
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as line:
        line.bind("")
        line.connect(str(path))
        for _ in range(500):
            line.send(b'{"do": "ps"}')
        os.kill(a, signal.SIGKILL)
        assert parent.line("a up 2") == "a up 2 signal SIGKILL"
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as nameless:
        nameless.connect(str(path))
        nameless.send(b'{"do": "ps"}')
    assert _ask(path, "ps")


def test_a_second_parent_is_kept_out_and_the_first_keeps_its_socket(host, supervise, path):
    parent = host(_node("a"))
    second = supervise(_node("a"), control=str(path))
    assert second.exit_status() == os.EX_UNAVAILABLE
    assert "is held by another node supervisor" in second.seen[0]
    assert _ask(path, "ps")["host"]["os_pid"] == parent.pid


def test_what_a_killed_parent_left_is_replaced(host, supervise, path):
    parent = host(_node("a"))
    a = int(parent.event("program_ready", node="a")["os_pid"])
    parent.signal(signal.SIGKILL)
    parent.exit_status()
    assert path.exists()
    with pytest.raises(NoHost):
        ask_host(path, {"do": "ps"})
    after = supervise(_node("a"), control=str(path))
    assert int(after.event("program_ready", node="a")["os_pid"]) != a
    assert _ask(path, "ps")["host"]["os_pid"] == after.pid


def test_a_place_where_no_socket_can_be_is_one_clear_line(supervise, tmp_path):
    parent = supervise(_node("a"), control=str(tmp_path / "none" / "host.sock"))
    assert parent.exit_status() == os.EX_UNAVAILABLE
    assert "cannot be made: No such file or directory" in parent.seen[0]
    with pytest.raises(HostSocketError, match="cannot be made"):
        HostSocket.bind(tmp_path / ("x" * 120))


def test_nobody_answers_in_the_name_of_a_host_that_is_stopped(host, path):
    parent = host(_node("a"))
    parent.signal(signal.SIGSTOP)
    with pytest.raises(HostSocketError, match="gives no answer"):
        ask_host(path, {"do": "ps"}, timeout=0.2)
    parent.signal(signal.SIGCONT)
    assert _ask(path, "ps")
