"""A program's own log, its nice value and its CPUs."""

import os
import signal

from mirliton.supervisors.node_log import Lines


def _node(name, **fields):
    return {"name": name, "main": "world:node", "after": [], **fields}


def test_a_program_writes_to_its_own_log_and_to_a_new_one_after_a_rotation(supervise, tmp_path):
    log = tmp_path / "a.log"
    parent = supervise(_node("a", log=str(log)), {**_node("b"), "after": ["a"]}, reopen=True)
    a = int(parent.event("program_ready", node="a")["os_pid"])
    parent.event("program_ready", node="b")
    log.rename(tmp_path / "a.log.1")
    parent.signal(signal.SIGHUP)
    parent.line("reopened")
    parent.signal(signal.SIGTERM)

    assert parent.exit_status() == 0
    assert (tmp_path / "a.log.1").read_text() == "a up 1 -\n"
    assert log.read_text() == "a down\n"
    assert log.stat().st_mode & 0o007 == 0
    assert parent.event("program_ended", node="a")["os_pid"] == str(a)
    assert not any(line.startswith("a ") for line in parent.seen)
    assert "b down" in parent.seen


def test_a_log_that_cannot_be_opened_counts_as_a_failed_start_and_is_tried_again(supervise, tmp_path):
    parent = supervise(_node("a", log=str(tmp_path / "none" / "a.log")))
    assert "cannot be opened" in parent.line("a: the log", stream="log")
    assert parent.event("program_died", node="a")["reason"] == f"exit status {os.EX_CANTCREAT}"
    (tmp_path / "none").mkdir()
    parent.event("program_ready", node="a")


def test_a_sighup_before_the_log_is_open_does_no_harm(supervise, tmp_path):
    parent = supervise(_node("a", log=str(tmp_path / "a.log")), reopen=True)
    parent.event("program_started", node="a")
    for _ in range(20):
        parent.signal(signal.SIGHUP)
    parent.event("program_ready", node="a")
    parent.signal(signal.SIGTERM)
    assert parent.exit_status() == 0


def test_nice_and_cpus_are_set(supervise):
    cpu = min(os.sched_getaffinity(0))
    parent = supervise(_node("a", main="world:shows_itself", nice=7, cpus=[cpu]))
    assert parent.line("nice") == "nice 7"
    assert parent.line("cpus") == f"cpus {cpu}"


def test_a_cpu_that_is_not_there_is_a_refusal_to_start(supervise):
    parent = supervise(_node("a", cpus=[1000]))
    assert "cpus [1000] are refused" in parent.line("a: cpus", stream="log")
    assert parent.exit_status() == os.EX_CONFIG


def test_a_full_disk_costs_lines_and_they_are_counted(tmp_path):
    full = os.open("/dev/full", os.O_WRONLY)
    lines = Lines(full)
    lines.info("first")
    lines.error("second")
    good = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    os.dup2(good, full)
    lines.msg("third")
    lines.msg("fourth")
    for fd in (good, full):
        os.close(fd)
    assert (tmp_path / "log").read_text() == "third lost_lines=2\nfourth\n"
