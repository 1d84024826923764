"""`mirliton chaos` as its user meets it: a real node under plans, from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirliton_run import MIRLITON, STOP_TIMEOUT, Running, eventually, settings_in, start

ALLOWED = "[chaos]\nenabled = true\n"
PARTS = """
name = "parts of a node"
duration = 20.0
[[attack]]
every = 0.05
count = 2
among = [{ names = ["service:cdr"] }, { names = ["supervisor:callflow"] }, { kinds = ["Registrar"] }]
[guard]
at_once = 2
[invariants]
returned_within = 10.0
settle = 3.0
checks = ["switches"]
"""
ENDLESS = '[[attack]]\nnames = ["service:cdr"]\nevery = 1.0\nbeyond_intensity = true\n'
NODE = """
name = "the whole node"
[[attack]]
what = "programs"
names = ["node"]
at = [0.0]
[[attack]]
what = "programs"
names = ["node"]
how = "stop"
for = 0.5
at = [0.1]
[guard]
at_once = 2
[invariants]
returned_within = 30.0
check_timeout = 40.0
checks = ["node answers"]
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for all: each test leaves it as whole as it found it, which is what chaos is about."""
    folder = tmp_path_factory.mktemp("chaos")
    settings_in(folder, ALLOWED)
    node = start(folder, "--quiet")
    try:
        eventually(lambda: node.command("status").returncode == 0, "the node's start")
        yield node
    finally:
        if node.process.poll() is None:
            os.killpg(node.process.pid, signal.SIGKILL)
            node.process.wait(STOP_TIMEOUT)
        assert node.process.stdout is not None
        node.process.stdout.close()


def plan(node: Running, text: str) -> str:
    (node.folder / "plan.toml").write_text(text)
    return "plan.toml"


@pytest.mark.timeout(120)
def test_parts_of_a_node_are_killed_and_reported(running: Running) -> None:
    dry = running.command("chaos", plan(running, PARTS), "--seed", "5", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "parts of a node, seed 5, if all stays as it is now:" in dry.stdout
    foretold = [line.split()[3] for line in dry.stdout.splitlines() if " s  kill " in line]
    assert len(foretold) == 2

    done = running.command("chaos", "plan.toml", "--seed", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[3] for line in done.stdout.splitlines() if " s  kill " in line] == foretold
    assert "is back after" in done.stdout
    assert "lost: nothing" in done.stdout
    assert "held: switches" in done.stdout
    assert "operation=chaos" in running.log

    again = running.command("chaos", "plan.toml", "--seed", "5", "--json")
    assert again.returncode == 0, again.stdout
    report = json.loads(again.stdout)
    assert [hit["target"] for hit in report["hits"]] == foretold
    (running.folder / "report.json").write_text(again.stdout)
    repeated = running.command("chaos", "plan.toml", "--repeat", "report.json", "--json")
    assert [hit["target"] for hit in json.loads(repeated.stdout)["hits"]] == foretold
    assert json.loads(running.command("chaos", "--status").stdout)["running"] is None


@pytest.mark.timeout(120)
def test_ctrl_c_stops_it_and_there_is_a_report(running: Running) -> None:
    command = [*MIRLITON, "chaos", plan(running, ENDLESS)]
    with subprocess.Popen(command, cwd=running.folder, stdout=subprocess.PIPE, text=True) as chaos:
        assert chaos.stdout is not None
        for line in chaos.stdout:
            if "is back" in line:
                break
        chaos.send_signal(signal.SIGINT)
        rest = chaos.stdout.read()
        assert chaos.wait(30) == 0, rest
    assert "ended because control socket stopped it" in rest
    assert "held: back within 5 s" in rest


@pytest.mark.timeout(120)
def test_the_whole_node_is_killed_and_stopped_from_outside(running: Running) -> None:
    before = running.node_pid()
    done = running.command("chaos", plan(running, NODE), "--json", timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    first = report["hits"][0]
    assert (first["target"], first["how"], first["fate"]) == ("node", "kill", "back")
    assert report["held"]
    assert running.node_pid() != before
    assert running.command("status").returncode == 0


def test_it_is_off_unless_a_setting_allows_it(tmp_path: Path) -> None:
    settings_in(tmp_path)
    node = start(tmp_path, "--quiet")
    try:
        eventually(lambda: node.command("status").returncode == 0, "the node's start")
        for text in (PARTS, NODE):
            done = node.command("chaos", plan(node, text))
            assert (done.returncode, "chaos.enabled" in done.stderr) == (os.EX_UNAVAILABLE, True), done.stderr
    finally:
        os.killpg(node.process.pid, signal.SIGKILL)
        node.process.wait(STOP_TIMEOUT)
        assert node.process.stdout is not None
        node.process.stdout.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chaos"], "chaos needs a plan, or --status, or --stop"),
        (["chaos", "none.toml"], "none.toml cannot be read"),
        (["chaos", "bad.toml"], "bad.toml: attack.0.hwo is not a key of a plan here (did you mean how?)"),
        (["chaos", "good.toml", "--repeat", "bad.toml"], "bad.toml is no report of chaos"),
        (["chaos", "good.toml", "--seed", "-1"], "--seed must not be negative"),
        (["chaos", "good.toml"], "no node listens"),
    ],
)
def test_what_is_wrong_is_one_clear_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "bad.toml").write_text('[[attack]]\nhwo = "kill"\nrate = 1.0\n')
    (tmp_path / "good.toml").write_text("[[attack]]\nrate = 1.0\n")
    done = subprocess.run(
        [*MIRLITON, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, said in done.stderr) == (os.EX_UNAVAILABLE, True), done.stderr
