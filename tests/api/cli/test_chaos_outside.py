"""`mirliton chaos` on the nodes of a host file, and `mirliton chaos proxy`: real processes, from the command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mirliton.api.cli import main
from mirliton.api.cli.client import Control
from mirliton.supervisors.node_control import ask_host
from mirliton_run import MIRLITON, STOP_TIMEOUT, eventually, free_ports

HOST = """
[host]
state_dir = "."
[nodes.the-node-with-a-long-name]
role = "all"
settings = "one.toml"
stall_timeout = 3.0
[nodes.the-node-with-a-long-name-that-is-spared]
role = "all"
settings = "two.toml"
"""
SETTINGS = """
[node]
state_dir = "{name}"
[api]
port = {api}
[metrics]
port = {metrics}
[simulator]
enabled = false
[demo]
enabled = false
[leg_records]
port = {records}
[chaos]
enabled = {chaos}
"""
PLAN = """
name = "a host"
duration = 30.0
[[attack]]
what = "programs"
names = ["the-node-*"]
at = [0.0]
count = 1
[[attack]]
what = "programs"
names = ["the-node-*"]
how = "stall"
for = 60.0
every = 0.25
count = 1
[guard]
at_once = 1
[invariants]
returned_within = 60.0
checks = ["nodes answer"]
check_timeout = 60.0
every = 5.0
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A host with two nodes, of which one allows chaos."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "host.toml").write_text(HOST)
    for name, chaos in (("one", "true"), ("two", "false")):
        api, metrics, records = free_ports(3)
        text = SETTINGS.format(name=name, api=api, metrics=metrics, records=records, chaos=chaos)
        (folder / f"{name}.toml").write_text(text)
    with (folder / "host.log").open("wb") as log:
        host = subprocess.Popen([*MIRLITON, "start"], cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        for name in ("one", "two"):
            eventually(lambda name=name: Control(folder / name / "control.sock", 5.0).ask("status"), f"{name}'s start")
        yield folder
    finally:
        host.send_signal(signal.SIGTERM)
        try:
            host.wait(STOP_TIMEOUT)
        finally:
            if host.poll() is None:
                os.killpg(host.pid, signal.SIGKILL)
                host.wait(STOP_TIMEOUT)


@dataclass
class Done:
    """What a command has come to."""

    status: int
    out: str
    err: str


@pytest.fixture
def mirliton(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """`mirliton(folder, "chaos", …)`: the command, given in that folder."""
    monkeypatch.setenv("MIRLITON_CHAOS_ENABLED", "true")

    def do(folder: Path, *arguments: str) -> Done:
        monkeypatch.chdir(folder)
        capfd.readouterr()
        status = main(list(arguments))
        return Done(status, *capfd.readouterr())

    return do


def starts(folder: Path) -> dict[str, int]:
    picture = ask_host(folder / "host.sock", {"do": "ps"})["result"]
    return {node["name"]: node["starts"] for node in picture["nodes"]}


@pytest.mark.timeout(150)
def test_nodes_of_a_host_are_killed_and_stalled_where_their_settings_allow_it(
    folder: Path, mirliton: Callable[..., Done]
) -> None:
    (folder / "plan.toml").write_text(PLAN)
    dry = mirliton(folder, "chaos", "plan.toml", "--host", "host.toml", "--seed", "1", "--dry-run")
    assert dry.status == 0, dry.err
    assert "kill the-node-with-a-long-name (program" in dry.out
    assert "not the-node-with-a-long-name-that-is-spared: its settings have chaos.enabled off" in dry.out

    before = starts(folder)
    done = mirliton(folder, "chaos", "plan.toml", "--host", "host.toml", "--seed", "1", "--json")
    assert done.status == 0, done.out + done.err
    report = json.loads(done.out)
    assert [(hit["target"], hit["how"], hit["fate"]) for hit in report["hits"]] == [
        ("the-node-with-a-long-name", "kill", "back"),
        ("the-node-with-a-long-name", "stall", "back"),
    ]
    stalled = report["hits"][1]
    assert stalled["note"] == "it was restarted"
    assert stalled["took"] < 60.0  # and not the minute that it was to be stalled
    assert {name: count - before[name] for name, count in starts(folder).items()} == {
        "the-node-with-a-long-name": 2,
        "the-node-with-a-long-name-that-is-spared": 0,
    }
    log = (folder / "host.log").read_text()
    assert "stalled: no heartbeat for more than 3 s" in log
    assert "stacks=" in log  # a stopped process could not have written them


def test_a_host_that_does_not_run_is_one_clear_line(tmp_path: Path, mirliton: Callable[..., Done]) -> None:
    (tmp_path / "host.toml").write_text('[host]\nstate_dir = "."\n[nodes.a]\nrole = "program"\nprogram = "a:b"\n')
    (tmp_path / "plan.toml").write_text('[[attack]]\nwhat = "programs"\nrate = 1.0\n')
    done = mirliton(tmp_path, "chaos", "plan.toml", "--host", "host.toml")
    assert (done.status, "Traceback" in done.err) == (os.EX_UNAVAILABLE, False), done.err


def test_a_plan_of_both_is_refused_with_what_to_do(tmp_path: Path, mirliton: Callable[..., Done]) -> None:
    (tmp_path / "plan.toml").write_text(
        '[[attack]]\nwhat = "services"\nhow = "restart"\nrate = 1.0\n[[attack]]\nrate = 1.0\n'
    )
    done = mirliton(tmp_path, "chaos", "plan.toml")
    assert (done.status, "make two of it" in done.err) == (os.EX_UNAVAILABLE, True), done.err


@pytest.fixture
def server() -> Iterator[int]:
    """An echo server; its port."""
    line = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = line.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(client,), daemon=True).start()

    def echo(client: socket.socket) -> None:
        with client:
            try:
                while data := client.recv(1000):
                    client.sendall(data)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield line.getsockname()[1]
    line.shutdown(socket.SHUT_RDWR)
    line.close()


def test_a_proxy_is_run_steered_by_hand_and_by_a_plan(
    server: int, tmp_path: Path, mirliton: Callable[..., Done]
) -> None:
    command = [*MIRLITON, "chaos", "proxy", "--listen", "127.0.0.1:0", "--to", f"127.0.0.1:{server}"]
    with subprocess.Popen(
        [*command, "--control", "proxy.sock"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as proxy:
        assert proxy.stdout is not None
        try:
            port = int(proxy.stdout.readline().split()[0].rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port), timeout=20.0) as client:
                client.sendall(b"hello")
                assert client.recv(5) == b"hello"

                steer = ("chaos", "proxy", "--control", "proxy.sock")
                hung = mirliton(tmp_path, *steer, "hang", "--for", "60")
                assert json.loads(hung.out)["how"] == "hang", hung.err
                assert json.loads(mirliton(tmp_path, *steer, "heal").out)["how"] is None
                refused = mirliton(tmp_path, *steer, "throttle")
                assert (refused.status, "bytes_per_second" in refused.err) == (os.EX_UNAVAILABLE, True)

                (tmp_path / "plan.toml").write_text(
                    '[[attack]]\nwhat = "connections"\nhow = "hang"\nfor = 0.2\nat = [0.0]\n'
                    '[proxies]\nechoes = "proxy.sock"\n[invariants]\nreturned_within = 20.0\n'
                )
                done = mirliton(tmp_path, "chaos", "plan.toml", "--json")
                assert done.status == 0, done.out + done.err
                (hit,) = json.loads(done.out)["hits"]
                assert (hit["target"], hit["how"], hit["fate"]) == ("echoes", "hang", "back")
                client.sendall(b"again")
                assert client.recv(5) == b"again"
            proxy.send_signal(signal.SIGTERM)
            assert proxy.wait(20) == 0
            assert not (tmp_path / "proxy.sock").exists()
        finally:
            proxy.kill()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "a proxy needs --listen and --to"),
        (["hang"], "who steers a proxy gives --control alone"),
        (["hang", "--control", "none.sock"], "the proxy at none.sock cannot be asked: No such file or directory"),
        (["--listen", "127.0.0.1:0", "--to", "127.0.0.1:1", "--control", "."], "the proxy cannot listen"),
    ],
)
def test_what_is_wrong_with_a_proxys_command_is_one_clear_line(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["chaos", "proxy", *arguments]) == os.EX_UNAVAILABLE
    assert said in capsys.readouterr().err
