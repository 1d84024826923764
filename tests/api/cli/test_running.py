"""The mirliton command as its user meets it: real OS processes, real sockets, a state directory of its own."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirliton_run import MIRLITON, STOP_TIMEOUT, Running, eventually, settings_in, start


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    settings_in(tmp_path)
    node = start(tmp_path, "--quiet")
    try:
        eventually(lambda: node.command("status").returncode == 0, "the node's start")
        yield node
    finally:
        if node.process.poll() is None:
            os.killpg(node.process.pid, signal.SIGKILL)
            node.process.wait(STOP_TIMEOUT)
        assert node.process.stdout is not None
        node.process.stdout.close()


def registered(node: Running) -> bool:
    with node.control() as control:
        return bool(control.ask("simulator", switch="simulated", request={"do": "list"})["phones"])


def test_run_shows_a_call_going_through_and_stops_in_order(tmp_path: Path) -> None:
    settings_in(tmp_path)
    node = start(tmp_path)
    assert node.process.stdout is not None
    lines: list[str] = []
    for line in node.process.stdout:
        lines.append(line.strip())
        if "Ctrl-C" in line:
            break
    shown = "\n".join(lines)
    for step in ("alice calls 1002", "bob rings", "bob answers", "they talk", "NORMAL_CLEARING", "2 CDRs"):
        assert step in shown
    password = (tmp_path / "var" / "admin.password").read_text().strip()
    assert password in shown
    assert (tmp_path / "var" / "admin.password").stat().st_mode & 0o777 == 0o600
    assert node.stop() == 0
    assert node.process.stdout.read().strip() == ""
    node.process.stdout.close()
    assert "stopped" in node.log


def test_the_control_socket_is_for_its_owner_alone(running: Running) -> None:
    assert (running.folder / "var" / "control.sock").stat().st_mode & 0o777 == 0o600


def test_a_killed_process_comes_back_and_explain_tells_why(running: Running) -> None:
    before = running.command("process", "channels").stdout
    killed = running.command("kill", "channels")
    assert killed.returncode == 0
    eventually(
        lambda: running.command("process", "channels").stdout not in ("", before), "the restart of the channel table"
    )
    told = running.command("explain", "channels").stdout
    assert "reason killed" in told
    assert "sent by service:control" in told
    assert "so: restart" in told
    assert "audit" in running.log
    assert "Channels" in running.command("dossiers").stdout


def test_a_call_outlives_the_node_that_was_killed(running: Running) -> None:
    eventually(lambda: registered(running), "the phones' registration")
    with running.control() as control:
        placed = control.ask(
            "simulator",
            switch="simulated",
            request={
                "do": "call",
                "from": "alice@demo.mirliton.test",
                "to": "1002",
                "context": "context_2",
                "script": [{"do": "await_bridge"}, {"do": "hang_up", "after": 4}],
            },
        )
    call_id = placed["uuid"]

    def bridged() -> bool:
        with running.control() as control:
            return any(row["other_leg"] for row in control.ask("channels").values() if row["uuid"] == call_id)

    eventually(bridged, "the bridge")
    os.kill(running.node_pid(), signal.SIGKILL)

    def recorded() -> bool:
        with running.control() as control:
            return bool(control.ask("cdrs", call_ids=[call_id]))

    eventually(recorded, "the call's record")
    with running.control() as control:
        (record,) = control.ask("cdrs", call_ids=[call_id])
        assert control.ask("channels") == {}
    assert record["hangup_cause"] == "NORMAL_CLEARING"
    assert record["billing_seconds"] >= 4
    assert "program_died" in running.log


def test_the_tree_is_shown_with_every_application(running: Running) -> None:
    shown = running.command("tree").stdout
    for name in ("supervisor:mirliton", "service:store", "supervisor:callflow", "switch:simulated", "service:api"):
        assert name in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("kill", "nobody"), "no process is called 'nobody'"),
        (("explain", "nobody"), "no process is called 'nobody'"),
        (("process", "nobody"), "no process is called 'nobody'"),
    ],
)
def test_a_process_that_is_not_there_is_said_to_be_not_there(
    running: Running, arguments: tuple[str, ...], said: str
) -> None:
    done = running.command(*arguments)
    assert (done.returncode, done.stdout) == (os.EX_UNAVAILABLE, "")
    assert done.stderr == f"mirliton: {said}\n"


def test_nonsense_on_the_control_socket_is_answered_and_harms_nobody(running: Running) -> None:
    for nonsense in (b"\n", b"{}\n", b"[1]\n", b"\xff\xfe\n", b'{"do": 5}\n', b'{"do": "kill"}\n', b"x" * 200_000):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5.0)
            client.connect(str(running.folder / "var" / "control.sock"))
            client.sendall(nonsense)
            answer = client.recv(4096)
            assert answer == b"" or b'"ok":false' in answer
    assert running.command("status").returncode == 0


def refused(folder: Path) -> tuple[int, list[str]]:
    done = subprocess.run(
        [*MIRLITON, "run", "--quiet"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("section", ["api", "metrics", "simulator", "leg_records"])
def test_a_port_in_use_is_one_clear_line(tmp_path: Path, section: str) -> None:
    settings_in(tmp_path)
    text = (tmp_path / "mirliton.toml").read_text()
    found = re.search(rf"\[{section}\]\nport = (\d+)", text)
    assert found is not None
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(found[1])))
        taken.listen()
        status, lines = refused(tmp_path)
    assert status == os.EX_UNAVAILABLE
    assert len(lines) == 2
    assert found[1] in lines[0]


def test_a_bad_setting_is_named_with_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "mirliton.toml").write_text('[api]\nport = "x"\n')
    status, lines = refused(tmp_path)
    assert status == os.EX_CONFIG
    assert "api.port is 'x', but must be a whole number" in "\n".join(lines)


def test_a_damaged_store_is_one_clear_line(tmp_path: Path) -> None:
    settings_in(tmp_path)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "mirliton.db").write_bytes(b"not a store" * 1000)
    status, lines = refused(tmp_path)
    assert status == os.EX_UNAVAILABLE
    assert len(lines) == 2
    assert "var/mirliton.db cannot be used" in lines[0]


def test_commands_without_a_node_say_so(tmp_path: Path) -> None:
    for arguments in (["status"], ["tree"], ["call", "alice", "1002"], ["kill", "x"]):
        done = subprocess.run(
            [*MIRLITON, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == os.EX_UNAVAILABLE
        assert done.stderr == "mirliton: no node listens on var/control.sock: start one with `mirliton run`\n"


def test_a_whapp_takes_other_code_while_the_node_runs(running: Running, root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    package = elsewhere / "mirliton" / "whapps" / "cdr"
    shutil.copytree(root / "whapps" / "cdr", package)
    app = package / "app.py"
    app.write_text(app.read_text().replace("intensity=5", "intensity=6"))
    node_pid = running.node_pid()
    done = running.command("upgrade", "cdr", "--path", str(elsewhere))
    assert done.returncode == 0, done.stderr
    assert re.search(r"processes +1\n", done.stdout)
    (package / "listener.py").write_text("1 / 0\n")
    undone = running.command("upgrade", "cdr", "--path", str(elsewhere))
    assert undone.returncode != 0
    assert "load failed at mirliton.whapps.cdr.listener: ZeroDivisionError" in undone.stderr
    assert "callflow, cdr" in running.command("upgrade", "ecallmgr").stderr
    assert "operation=upgrade" in running.log
    eventually(lambda: registered(running), "the phones' registration")
    call = running.command("call", "alice", "1002", "--seconds", "1")
    assert "2 CDRs" in call.stdout
    assert running.node_pid() == node_pid


def test_a_reload_keeps_the_node(running: Running) -> None:
    before = running.node_pid()
    running.process.send_signal(signal.SIGHUP)
    eventually(lambda: "program_adopted" in running.log, "the reload")
    assert running.command("status").returncode == 0
    assert running.node_pid() == before
