"""The terminal's picture of a real node, over a real control socket."""

import asyncio

import pytest

pytest.importorskip("textual")

from textual.widgets import DataTable, Static

from mirliton.api.cli.observe import Observer
from mirliton.api.cli.observe.app import figures
from mirliton.api.cli.observe.branches import Branches
from mirliton.api.cli.observe.sampling import Sampler
from mirliton.api.cli.observe.screens import AskKill
from mirliton.runtime import GenServer, Name, Node
from mirliton.supervisors import ControlSocket, Supervisor, Tree, supervisor, worker

ROOT = Name("supervisor", "root")
W0, W1 = Name("worker", "w0"), Name("worker", "w1")


class Worker(GenServer):
    def handle_cast(self, request):
        if request == "crash":
            raise ValueError("on purpose")


@pytest.fixture
async def node(tmp_path):
    deep = Tree("one_for_one", [worker(Worker, id="deep one", name=Name("worker", "deep"))])
    workers = [worker(Worker, id="w0", name=W0), worker(Worker, id="w1", name=W1), supervisor(deep, id="deep")]
    below = Tree("one_for_one", workers, intensity=9)
    control = worker(ControlSocket, str(tmp_path / "control.sock"), ROOT, id="control", name=Name("service", "control"))
    tree = Tree("one_for_one", [supervisor(below, id="below"), control], intensity=5, name=ROOT)
    async with Node("test@localhost", strict=True) as node:
        await node.start(Supervisor, tree)
        yield node


class Screen:
    """What a person would see."""

    def __init__(self, app, pilot):
        self.app, self.pilot = app, pilot

    async def until(self, holds):
        async with asyncio.timeout(20):
            while not holds():
                await self.pilot.pause(0.02)

    @property
    def lines(self):
        branches = self.app.query_one(Branches)
        found = []

        def walk(node):
            found.append(str(node.label))
            for child in node.children if node.is_expanded else ():
                walk(child)

        walk(branches.root)
        return found

    def line(self, start):
        return next((line for line in self.lines if line.startswith(start)), "")

    def text(self, name):
        return str(self.app.query_one(f"#{name}", Static).content)

    def rows(self, name):
        table = self.app.query_one(f"#{name}", DataTable)
        return [table.get_row(key) for key in table.rows]

    async def go_to(self, start):
        branches = self.app.query_one(Branches)
        await self.until(lambda: self.line(start))
        nodes = [branches.root]
        while nodes:
            node = nodes.pop()
            if str(node.label).startswith(start):
                branches.move_cursor(node)
                break
            nodes += node.children
        await self.pilot.pause()


@pytest.fixture
async def screen(node, tmp_path):
    app = Observer(tmp_path / "control.sock")
    async with app.run_test(size=(160, 50)) as pilot:
        screen = Screen(app, pilot)
        await screen.until(lambda: app.sample is not None and "worker:w0" in " ".join(screen.lines))
        yield screen


async def test_it_shows_the_tree_two_levels_deep_and_more_when_asked(screen):
    assert screen.lines[0].startswith("supervisor:root  one_for_one, 5 in 5 s")
    assert screen.line("worker:w1  Worker")
    assert not screen.line("worker:deep")
    await screen.go_to("deep")
    await screen.pilot.press("enter")
    await screen.until(lambda: screen.line("worker:deep"))


async def test_it_shows_figures_and_the_longest_mailbox(screen, node):
    await node.sys.suspend(W1)
    for _ in range(5):
        node.cast(W1, "wait")
    await screen.until(lambda: screen.rows("busiest")[:1] == [["worker:w1", "5", "0", "suspended"]])
    assert "✉ 5" in screen.line("worker:w1")
    assert f"{len(node)} processes" in screen.text("figures")


async def test_whatever_is_selected_is_shown(screen):
    await screen.go_to("worker:w1")
    await screen.until(lambda: "class_name" in screen.text("text") and "worker:w1" in screen.text("text"))


async def test_a_kill_is_asked_about_first(screen, node):
    victim = node.whereis(W1)
    await screen.go_to("worker:w1")
    await screen.until(lambda: screen.app.selected == str(victim))
    await screen.pilot.press("k")
    await screen.until(lambda: isinstance(screen.app.screen, AskKill))
    await screen.pilot.press("n")
    await screen.until(lambda: not isinstance(screen.app.screen, AskKill))
    assert node.whereis(W1) == victim
    await screen.pilot.press("k")
    await screen.until(lambda: isinstance(screen.app.screen, AskKill))
    await screen.pilot.press("y")
    await screen.until(lambda: "↻ 1" in screen.line("worker:w1"))
    assert node.whereis(W1) not in (victim, None)


async def test_crashes_are_listed_and_told(screen, node):
    node.cast(W0, "crash")
    await screen.until(lambda: screen.rows("dossiers"))
    assert screen.rows("dossiers")[0][2:] == ["worker:w0", "ValueError: on purpose"]
    screen.app.query_one("#dossiers").focus()
    await screen.pilot.press("enter")
    await screen.until(lambda: "on purpose" in screen.text("text"))


async def test_a_restart_is_explained(screen, node):
    node.cast(W0, "crash")
    await screen.until(lambda: "↻ 1" in screen.line("worker:w0"))
    await screen.go_to("worker:w0")
    await screen.until(lambda: screen.app.selected == str(node.whereis(W0)))
    await screen.pilot.press("e")
    await screen.until(lambda: "is supervised by" in screen.text("text") and "ended" in screen.text("text"))


async def test_names_are_not_taken_for_markup(screen, node):
    await node.start(Worker, name=Name("worker", "[red]x[/]"))
    await screen.until(lambda: any(row[0] == "worker:[red]x[/]" for row in screen.rows("busiest")))


async def test_a_node_that_goes_away_is_said_to_be_away_and_waited_for(screen, node):
    control = node.find(Name("service", "control"))
    supervisor_of_all = control.parent
    path = control.actor.path
    node.exit(supervisor_of_all, "kill")
    await screen.until(lambda: "no node listens" in screen.text("figures") or "gone" in screen.text("figures"))
    await node.start(ControlSocket, path, ROOT)
    await screen.until(lambda: "processes" in screen.text("figures"))


async def test_paused_it_looks_at_nothing(screen, node):
    await screen.pilot.press("p")
    await screen.until(lambda: "paused" in screen.text("figures"))
    before = screen.app.sample
    await screen.pilot.pause(1.2)
    assert screen.app.sample is before
    await screen.pilot.press("p")
    await screen.until(lambda: screen.app.sample is not before)


async def test_the_first_line_shows_channels_where_there_are_some(screen):
    assert "channels" not in figures(screen.app.sample)
    screen.app.sample.status["channels"] = 3
    assert "channels 3" in figures(screen.app.sample)


async def test_questions_asked_at_once_get_their_own_answers(node, tmp_path):
    """A worker that is cancelled leaves its thread in the middle of a question."""
    sampler = Sampler(tmp_path / "control.sock")
    questions = [("status", {}), ("top", {}), ("process", {"process": "w0"})] * 20
    answers = await asyncio.gather(*(asyncio.to_thread(sampler.ask, do, **more) for do, more in questions))
    assert all("run_queue" in status for status in answers[::3])
    assert all(isinstance(top, list) for top in answers[1::3])
    assert all(process["class_name"] == "Worker" for process in answers[2::3])
    sampler.close()
