"""Chaos for operators: one run at a time, over the control socket, followed live and stopped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chaos_house import TOP, Worker
from eventually import until
from mirliton.runtime import Name, Node
from mirliton.supervisors import ControlSocket, Supervisor, Tree, worker
from mirliton.supervisors.chaos import (
    CHAOS,
    ChaosOff,
    ChaosRefused,
    ChaosServer,
    PlanError,
    begin_chaos,
    chaos_status,
    preview_chaos,
    stop_chaos,
)

CONTROL = Name("service", "control")
SLOW = {"name": "slow", "attack": [{"every": 0.05, "kinds": ["Worker"]}], "invariants": {"settle": 0.2}}
QUICK = {"attack": [{"every": 0.01, "kinds": ["Worker"], "count": 3}], "invariants": {"settle": 0.2}}


async def three_workers(node: Node) -> None:
    alive = [cell for cell in node.processes() if cell.kind == "Worker"]
    assert len(alive) <= 3


class Client:
    """A connection to the control socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, do: str, **request: Any) -> Any:
        self.writer.write(json.dumps({"do": do, **request}).encode() + b"\n")
        return await self.read()

    async def read(self) -> Any:
        async with asyncio.timeout(10):
            return json.loads(await self.reader.readline())

    async def until(self, event: str) -> Any:
        while (told := await self.read())["event"] != event:
            pass
        return told


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    workers = [worker(Worker, id=f"w{number}", name=Name("w", str(number))) for number in range(3)]
    doors = [
        worker(ControlSocket, str(tmp_path / "c.sock"), TOP, id="control", name=CONTROL),
        worker(ChaosServer, {"three workers": three_workers}, id="chaos", name=CHAOS),
    ]
    async with Node("test@localhost", strict=True) as node:
        await node.start(Supervisor, Tree("one_for_one", [*workers, *doors], intensity=200, name=TOP))
        yield node


@pytest.fixture
async def client(node: Node, tmp_path: Path) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "c.sock"), limit=2**24)
    yield Client(reader, writer)
    writer.close()


async def over(node: Node) -> dict[str, Any]:
    """Wait until no run is under way: the last report."""
    async with asyncio.timeout(10):
        while True:
            status = await chaos_status(node)
            if status["running"] is None:
                return dict(status["last"])
            await node.find(CHAOS).actor.task


async def test_a_run_is_followed_to_its_report(node: Node) -> None:
    feed = await begin_chaos(node, QUICK, seed=4, by="the test")
    events = [event async for event in feed]
    assert [event["event"] for event in events[:2]] == ["begun", "hit"]
    assert [event["event"] for event in events].count("back") == 3
    assert events[-1]["report"]["seed"] == 4
    assert events[-1]["report"]["held"]
    assert (await over(node))["hits"] == events[-1]["report"]["hits"]


async def test_a_dossier_tells_that_it_was_chaos(node: Node) -> None:
    feed = await begin_chaos(node, QUICK, by="the test")
    assert [event async for event in feed]
    assert {dossier.by.split()[0] for dossier in node.dossiers} == {"service:chaos"}


async def test_there_is_one_run_at_a_time(node: Node) -> None:
    await begin_chaos(node, SLOW, by="one")
    with pytest.raises(ChaosRefused, match="a run of 'slow' is under way"):
        await begin_chaos(node, QUICK, by="another")
    told = await stop_chaos(node, "one")
    assert told["plan"] == "slow"
    assert (await over(node))["ended"] == "one stopped it"
    with pytest.raises(ChaosRefused, match="no run is under way"):
        await stop_chaos(node, "one")


async def test_the_node_gives_checks_that_plans_may_name(node: Node) -> None:
    feed = await begin_chaos(node, QUICK | {"invariants": {"checks": ["three workers"]}}, by="the test")
    report = [event async for event in feed][-1]["report"]
    assert {"name": "three workers", "held": True, "looks": 1} in report["invariants"]
    with pytest.raises(PlanError, match="must be checks that are there: three workers"):
        await begin_chaos(node, QUICK | {"invariants": {"checks": ["four"]}}, by="the test")


async def test_bad_plans_and_plans_for_programs_are_refused(node: Node) -> None:
    with pytest.raises(PlanError, match=r"attack\.0\.rate"):
        await begin_chaos(node, {"attack": [{}]}, by="the test")
    with pytest.raises(ChaosRefused, match="from outside"):
        await begin_chaos(node, {"attack": [{"what": "programs", "rate": 1.0}]}, by="the test")
    with pytest.raises(ChaosRefused, match="cannot be repeated"):
        await begin_chaos(node, QUICK, repeat=[{"target": "w:0"}], by="the test")


async def test_without_a_server_chaos_is_off() -> None:
    async with Node("test@localhost", strict=True) as node:
        for asked in (begin_chaos(node, QUICK, by="x"), preview_chaos(node, QUICK), chaos_status(node)):
            with pytest.raises(ChaosOff, match=r"chaos\.enabled"):
                await asked


async def test_it_never_hits_itself_or_the_door(node: Node) -> None:
    preview = await preview_chaos(node, {"attack": [{"rate": 50.0}], "duration": 2.0}, door=node.whereis(CONTROL))
    assert preview["groups"][0]["spared"] == {
        "service:chaos": "the run is steered by it",
        "service:control": "the run is steered by it",
        "supervisor:top": "service:control, by which the run is steered, would end with it",
    }
    hit = {strike.get("would_hit") for strike in preview["strikes"]}
    assert hit == {"w:0", "w:1", "w:2"}


async def test_a_server_that_is_killed_ends_its_run(node: Node) -> None:
    plan = {"attack": [{"at": [0.0], "names": ["w:0"], "how": "suspend", "for": 60.0}]}
    feed = await begin_chaos(node, plan, by="the test")
    while (await anext(feed))["event"] != "hit":
        pass
    async with asyncio.timeout(10):
        await until(lambda: node.find(Name("w", "0")).suspended)
        node.exit(node.whereis(CHAOS), "kill")
        assert [event async for event in feed] == []
    assert not node.find(Name("w", "0")).suspended


# The control socket


async def test_the_socket_tells_what_happens_line_by_line(client: Client) -> None:
    assert (await client.ask("chaos", plan=QUICK, seed=2))["result"] == "following"
    assert await client.read() == {"event": "begun", "plan": "chaos", "seed": 2}
    report = (await client.until("over"))["report"]
    assert (len(report["hits"]), report["held"]) == (3, True)
    assert (await client.ask("chaos_status"))["result"]["last"]["seed"] == 2, "and the connection goes on"


async def test_a_report_is_repeated_over_the_socket(client: Client) -> None:
    await client.ask("chaos", plan=QUICK, seed=2)
    hits = (await client.until("over"))["report"]["hits"]
    await client.ask("chaos", plan=QUICK, seed=3, repeat=hits)
    again = (await client.until("over"))["report"]["hits"]
    assert [hit["target"] for hit in again] == [hit["target"] for hit in hits]


async def test_a_client_that_goes_stops_its_run(client: Client, node: Node) -> None:
    await client.ask("chaos", plan=SLOW)
    await client.until("back")
    client.writer.close()
    assert (await over(node))["ended"] == "who followed it has gone"


async def test_another_client_stops_it(client: Client, node: Node, tmp_path: Path) -> None:
    await client.ask("chaos", plan=SLOW)
    await client.until("hit")
    other = Client(*await asyncio.open_unix_connection(str(tmp_path / "c.sock")))
    assert (await other.ask("chaos_stop"))["result"]["plan"] == "slow"
    other.writer.close()
    assert (await client.until("over"))["report"]["ended"] == "control socket stopped it"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"do": "chaos"}, "the plan must be a table"),
        ({"do": "chaos", "plan": {"attack": [{"rate": 1.0, "colour": "red"}]}}, "attack.0.colour is not a key"),
        ({"do": "chaos", "plan": QUICK, "seed": -1}, "seed must be a whole number that is not negative, not -1"),
        ({"do": "chaos_preview", "plan": QUICK | {"guard": 1}}, "guard is 1, but must be a table"),
        ({"do": "chaos_stop"}, "no run is under way"),
    ],
)
async def test_a_bad_request_is_told_what_is_wrong(client: Client, request_: dict[str, Any], said: str) -> None:
    answer = await client.ask(**request_)
    assert (answer["ok"], said in answer["error"]) == (False, True), answer


async def test_the_audit_log_tells_who_began_and_who_stopped(node: Node, capfd: pytest.CaptureFixture[str]) -> None:
    await begin_chaos(node, SLOW, seed=11, by="somebody")
    await stop_chaos(node, "somebody else")
    await over(node)
    lines = [line for line in capfd.readouterr().out.splitlines() if "audit" in line]
    assert ["operation=chaos " in lines[0], "by=somebody" in lines[0], "seed=11" in lines[0]] == [True] * 3
    assert ["operation=chaos_stop" in lines[1], "somebody else" in lines[1]] == [True] * 2
