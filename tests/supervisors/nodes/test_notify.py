"""What systemd is told."""

import contextlib
import os
import select
import signal
import socket
import time

import pytest
import structlog

from mirliton.supervisors.node_notify import Notifier

A_NODE = {"name": "a", "main": "world:node"}
PATIENCE = 30.0


class Systemd:
    """Its end of the notify socket."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.heard = []

    def facts(self, name):
        """Wait for the next notice that has `name`; all facts of it."""
        deadline = time.monotonic() + PATIENCE
        while select.select([self.socket], [], [], max(0.0, deadline - time.monotonic()))[0]:
            notice = self.socket.recv(4096).decode()
            self.heard.append(notice)
            facts = dict(line.split("=", 1) for line in notice.splitlines())
            if name in facts:
                return facts
        raise AssertionError(f"no {name} within {PATIENCE} s; heard {self.heard}")


@pytest.fixture
def systemd(tmp_path):
    address = str(tmp_path / "notify")
    told = Systemd(address)
    with contextlib.closing(told.socket):
        yield address, told


def test_it_is_told_of_the_start_when_all_are_ready_and_of_the_stop(systemd, supervise):
    address, told = systemd
    parent = supervise(A_NODE, {"name": "b", "main": "world:node"}, environment={"NOTIFY_SOCKET": address})
    ready = told.facts("READY")
    assert ready["READY"] == "1"
    assert ready["MAINPID"] == str(parent.pid)
    assert ready["STATUS"] == "2 of 2 nodes up"
    assert all("READY" not in notice for notice in told.heard[:-1])
    assert told.heard[0] == "STATUS=0 of 2 nodes up; a starting; b queued"
    parent.signal(signal.SIGTERM)
    assert told.facts("STOPPING")["STOPPING"] == "1"
    assert parent.exit_status() == 0


def test_it_is_told_what_is_the_matter(systemd, supervise):
    address, told = systemd
    slow = {"name": "b", "main": "world:ends", "args": [3], "after": [], "limits": [3, 60.0, 0.01, 0.02]}
    supervise(A_NODE, slow, environment={"NOTIFY_SOCKET": address})
    while "b given up (exit status 3)" not in told.facts("STATUS")["STATUS"]:
        pass


def test_it_is_told_of_a_reload(systemd, supervise):
    address, told = systemd
    parent = supervise(A_NODE, environment={"NOTIFY_SOCKET": address})
    told.facts("READY")
    parent.signal(signal.SIGUSR2)
    assert int(told.facts("RELOADING")["MONOTONIC_USEC"]) > 0
    assert told.facts("READY")["MAINPID"] == str(parent.pid)


def test_the_watchdog_is_fed_as_long_as_the_parent_lives_and_no_longer(systemd, supervise):
    address, told = systemd
    parent = supervise(A_NODE, environment={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "300000"})
    told.facts("READY")
    for _ in range(3):
        told.facts("WATCHDOG")
    parent.signal(signal.SIGSTOP)
    while select.select([told.socket], [], [], 1.0)[0]:
        told.socket.recv(4096)  # what was under way when it was stopped; then silence
    parent.signal(signal.SIGCONT)
    told.facts("WATCHDOG")


def test_the_nodes_know_nothing_of_it(systemd, supervise):
    address, _ = systemd
    environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "3000000"}
    parent = supervise({"name": "a", "main": "world:shows_itself"}, environment=environment)
    assert parent.line("systemd") == "systemd None None"


def test_an_abstract_socket_will_do():
    name = f"mirliton-test-{os.getpid()}"
    told = Systemd(f"\0{name}")
    with contextlib.closing(told.socket):
        Notifier(structlog.get_logger(), {"NOTIFY_SOCKET": f"@{name}"}).tell(ready=1)
        assert told.facts("READY") == {"READY": "1"}


def test_what_could_not_be_sent_is_sent_with_the_next(tmp_path):
    notifier = Notifier(structlog.get_logger(), {"NOTIFY_SOCKET": str(tmp_path / "notify")})
    notifier.tell(ready=1, status="one\ntwo")
    told = Systemd(str(tmp_path / "notify"))
    with contextlib.closing(told.socket):
        notifier.tell(status="three")
        assert told.facts("READY") == {"READY": "1", "STATUS": "three"}
        notifier.tell(ready=1, status="three")
        assert select.select([told.socket], [], [], 0)[0] == []


def test_the_watchdog_is_not_fed_when_something_is_wrong_or_another_process_is_meant(tmp_path):
    told = Systemd(str(tmp_path / "notify"))
    variables = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "3000000"}
    with contextlib.closing(told.socket):
        Notifier(structlog.get_logger(), variables).keep_alive(1.0, well=False)
        Notifier(structlog.get_logger(), {**variables, "WATCHDOG_PID": "1"}).keep_alive(1.0, well=True)
        assert select.select([told.socket], [], [], 0)[0] == []
        Notifier(structlog.get_logger(), {**variables, "WATCHDOG_PID": str(os.getpid())}).keep_alive(1.0, well=True)
        assert told.facts("WATCHDOG") == {"WATCHDOG": "1"}
