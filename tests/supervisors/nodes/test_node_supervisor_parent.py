"""What the parent is made of, and what its children are not given of it."""

import os
import signal
from pathlib import Path

HEAVY = [
    "aiohttp",
    "greenswitch",
    "jsonschema_rs",
    "msgpack",
    "orjson",
    "prometheus_client",
    "structlog",
    "thespian.actors",
    "mirliton.runtime",
    "mirliton.supervisors",
]


def _fds(pid):
    return [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()]


def test_the_parent_has_one_thread_and_no_socket_and_no_event_loop(supervise):
    parent = supervise({"name": "a", "main": "world:node"}, preload=HEAVY)
    parent.event("program_ready", node="a")

    assert len(list(Path(f"/proc/{parent.pid}/task").iterdir())) == 1
    assert [fd for fd in _fds(parent.pid) if fd.startswith("socket:") or "epoll" in fd or "eventfd" in fd] == []


def test_restarts_leave_nothing_behind_in_the_parent(supervise):
    parent = supervise({"name": "a", "main": "world:node"}, intensity=5)
    counts = []
    for _ in range(5):
        os_pid = int(parent.event("program_ready", node="a")["os_pid"])
        counts.append(sorted(fd.split(":")[0] for fd in _fds(parent.pid)))
        os.kill(os_pid, signal.SIGKILL)
    assert all(count == counts[0] for count in counts)


def test_a_child_holds_nothing_of_its_parent_and_siblings(supervise):
    parent = supervise({"name": "a", "main": "world:node"}, {"name": "b", "main": "world:node"})
    b = int(parent.event("program_ready", node="b")["os_pid"])
    fds = _fds(b)
    assert not any("pidfd" in fd for fd in fds)
    assert [fd for fd in fds if "stacks of" in fd] == ["/memfd:stacks of b (deleted)"]
    # stdout and stderr of this test, and its own two pipes; the signal pipe and those of a's heartbeat stayed outside.
    assert len({fd for fd in fds if fd.startswith("pipe:")}) == 4


def test_a_child_starts_as_if_it_had_no_parent_with_handlers(supervise):
    parent = supervise({"name": "a.long-name-of-a-node", "main": "world:shows_itself", "env": {"COLOUR": "blue"}})
    assert parent.line("signals") == (f"signals {signal.SIG_DFL} {signal.default_int_handler} {signal.SIG_DFL}")
    assert parent.line("masked") == "masked []"
    assert parent.line("wakeup") == "wakeup -1"
    assert parent.line("stdin") == "stdin /dev/null"
    assert parent.line("colour") == "colour blue"
    assert parent.line("comm") == "comm a.long-name-of-"


def test_a_child_has_a_session_of_its_own_so_that_ctrl_c_reaches_only_the_parent(supervise):
    parent = supervise({"name": "a", "main": "world:node"})
    os_pid = int(parent.event("program_ready", node="a")["os_pid"])
    assert os.getsid(os_pid) == os_pid
    os.killpg(parent.pid, signal.SIGINT)
    assert parent.exit_status() == 0
    assert "a down" in parent.seen


def test_the_kernel_would_rather_end_a_child_than_the_parent_when_memory_runs_out(supervise):
    parent = supervise({"name": "a", "main": "world:node"})
    os_pid = parent.event("program_ready", node="a")["os_pid"]
    scores = [int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (parent.pid, os_pid)]
    assert scores[1] > scores[0]


def test_a_log_that_nobody_reads_any_more_is_no_reason_to_die(supervise, watching_end):
    parent = supervise({"name": "a", "main": "world:node"}, intensity=5)
    os_pid = int(parent.event("program_ready", node="a")["os_pid"])
    parent.stop_reading_the_log()
    with watching_end(os_pid) as ended:
        os.kill(os_pid, signal.SIGKILL)
        assert ended()
    assert parent.line("a up 2") == "a up 2 signal SIGKILL"
    parent.signal(signal.SIGTERM)
    assert parent.exit_status() == 0


def test_a_child_that_closes_its_end_of_the_pipe_costs_the_parent_nothing(supervise):
    parent = supervise({"name": "a", "main": "world:hangs_up", "stall": None})
    parent.event("program_ready")
    parent.line("a up")
    before = _cpu_seconds(parent.pid)
    parent.read_for(1.0)  # nothing is to happen in it
    assert _cpu_seconds(parent.pid) - before < 0.3


def _cpu_seconds(pid):
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
