"""`mirliton start` and the commands beside it, as an operator uses them: real processes."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from mirliton.api.cli import main
from mirliton_run import MIRLITON, free_ports
from supervised import Supervised, watching_end

PROGRAMS = Path(__file__).parents[2] / "supervisors" / "nodes"

TWO = """
[host]
state_dir = "state"
[nodes.a]
role = "program"
program = "world:node"
[nodes.b]
role = "program"
program = "world:node"
after = ["a"]
log = "b.log"
"""


@dataclass
class Done:
    """What a command has come to."""

    status: int
    out: str
    err: str


class Place:
    """A folder with a host file, and the commands given in it."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capfd = capfd

    def write(self, text: str) -> None:
        (self.folder / "host.toml").write_text(text)

    def do(self, *arguments: str) -> Done:
        self._capfd.readouterr()
        status = main(list(arguments))
        return Done(status, *self._capfd.readouterr())

    def nodes(self) -> dict[str, dict[str, object]]:
        return {node["name"]: node for node in orjson.loads(self.do("ps", "--json").out)["nodes"]}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path, capfd)


@pytest.fixture
def start(place: Place) -> Iterator[Callable[[str], Supervised]]:
    with contextlib.ExitStack() as stack:

        def begin(text: str) -> Supervised:
            place.write(text)
            parent = Supervised([*MIRLITON, "start"], env={**os.environ, "PYTHONPATH": str(PROGRAMS)})
            stack.callback(parent.close)
            return parent

        yield begin


def test_the_nodes_of_a_host_are_started_shown_restarted_and_stopped(place, start):
    parent = start(TWO)
    b = parent.event("program_ready", node="b")["os_pid"]
    shown = place.do("ps").out.splitlines()
    assert shown[0].split() == ["NODE", "STATE", "PID", "SECONDS", "STARTS", "MEMORY"]
    assert shown[2].split()[:3] == ["b", "running", b]
    assert shown[-1] == f"host running, pid {parent.pid}: 2 of 2 nodes up"

    assert place.do("restart", "b").status == 0
    assert place.nodes()["b"]["starts"] == 2
    assert place.do("stop", "b").status == 0
    assert place.nodes()["b"]["state"] == "stopped"
    assert (place.folder / "state" / "b.log").read_text().splitlines()[-1] == "b down"

    assert place.do("stop").status == 0
    assert parent.exit_status() == 0
    after = place.do("ps")
    assert after.status == os.EX_UNAVAILABLE
    assert after.err.endswith("no node supervisor runs there: start one with `mirliton start`\n")


def test_a_reload_takes_the_changed_file(place, start):
    parent = start(TWO)
    parent.event("program_ready", node="b")
    before = place.nodes()
    place.write(TWO.replace("[nodes.a]", '[nodes.c]\nrole = "program"\nprogram = "world:node"\n[nodes.a]\nnice = 3'))
    assert place.do("reload").status == 0
    parent.event("program_ready", node="a")
    while not parent.log_has("program_ready", node="c"):
        parent.read_for(0.05)
    after = place.nodes()
    assert set(after) == {"a", "b", "c"}
    assert (after["a"]["starts"], after["b"]["os_pid"]) == (2, before["b"]["os_pid"])


def test_a_reload_of_a_broken_file_is_refused_with_all_its_errors_and_changes_nothing(place, start):
    parent = start(TWO)
    parent.event("program_ready", node="b")
    before = place.nodes()
    good = (place.folder / "host.toml").read_text()
    place.write(good.replace("after = [", "affter = [") + "memory = -1\n")
    refused = place.do("reload")
    assert refused.status == os.EX_CONFIG
    assert "2 settings cannot be used" in refused.err
    assert "host.toml: nodes.b.affter is not an option (did you mean nodes.b.after?)" in refused.err
    parent.signal(signal.SIGUSR2)
    assert "the trial start failed" in parent.event("reload_refused")["reason"]
    place.write(good)
    assert {name: node["os_pid"] for name, node in place.nodes().items()} == {
        name: node["os_pid"] for name, node in before.items()
    }


def test_a_restart_that_fails_says_why(place, start):
    parent = start(TWO + '[nodes.c]\nrole = "program"\nprogram = "world:complains"\nrestarts = 0\n')
    parent.event("program_given_up", node="c")
    done = place.do("restart", "c")
    assert done.status == os.EX_UNAVAILABLE
    assert done.err == "mirliton: c does not start: exit status 1\n"


def test_role_all_is_a_whole_mirliton_that_comes_back_from_a_kill(place, start):
    ports = free_ports(4)
    tables = zip(("api", "metrics", "simulator", "leg_records"), ports, strict=True)
    settings = "".join(f"[{name}]\nport = {port}\n" for name, port in tables)
    (place.folder / "mirliton.toml").write_text(settings)
    parent = start('[nodes.main]\nrole = "all"\nsettings = "mirliton.toml"\nlog = "main.log"\n')
    first = int(parent.event("program_ready", node="main")["os_pid"])
    assert "service:store" in place.do("tree").out

    os.kill(first, signal.SIGKILL)
    second = int(parent.event("program_ready", node="main")["os_pid"])
    assert second != first
    nodes = place.nodes()
    assert (nodes["main"]["starts"], nodes["main.switch"]["starts"]) == (2, 1)
    assert place.do("stop").status == 0
    assert parent.exit_status() == 0
    assert "main" in (place.folder / "var" / "main.log").read_text()


def test_no_node_outlives_the_host_supervisor(start):
    parent = start(TWO)
    pids = [int(parent.event("program_ready", node=name)["os_pid"]) for name in ("a", "b")]
    with contextlib.ExitStack() as stack:
        ends = [stack.enter_context(watching_end(pid)) for pid in pids]
        parent.signal(signal.SIGKILL)
        assert all(ended() for ended in ends)


def test_a_full_disk_under_its_log_is_no_reason_to_end(place, start):
    parent = start(TWO.replace("[host]", '[host]\nlog = "/dev/full"'))
    while place.do("ps").status != os.EX_OK:
        parent.read_for(0.05)
    assert set(place.nodes()) == {"a", "b"}
    assert place.do("stop").status == 0
    assert parent.exit_status() == 0


@pytest.mark.parametrize(
    ("text", "status", "complaint"),
    [
        ("[nodes.a]\nrole = 'api'\n", os.EX_CONFIG, "amqp.uri must be given"),
        ("[nodes.a]\nrole = 'program'\nprogram = 'no_such_module_anywhere:main'\n", os.EX_CONFIG, "No module named"),
        (
            "[host]\nlog = 'none/host.log'\n[nodes.a]\nrole = 'program'\nprogram = 'world:node'\n",
            69,
            "cannot be opened",
        ),
    ],
)
def test_what_cannot_be_started_is_told_in_words(place, text, status, complaint):
    place.write(text)
    done = place.do("start")
    assert done.status == status
    assert complaint in done.err
    assert "Traceback" not in done.err


def test_without_a_host_file_it_says_where_it_looked(place):
    done = place.do("ps", "--host", "nowhere.toml")
    assert done.status == os.EX_CONFIG
    assert "nowhere.toml: the file cannot be read: No such file or directory" in done.err
