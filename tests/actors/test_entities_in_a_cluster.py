"""Accounts, queues and agents of several OS processes on a real RabbitMQ, whose node is killed: nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from broker import Broker, missing, running_broker
from eventually import until
from mirliton.actors.admission import account_name
from mirliton.actors.kapi.acdc_agent import Login, Pause
from mirliton.actors.queueing import AskAgent, AskQueue, Joined, JoinQueue, agent_name, queue_name
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import stamp
from mirliton.actors.store.names import account_db
from mirliton.actors.switching import executor_name
from mirliton.runtime import CallError, Name, Node
from mirliton.runtime.testing import Probe
from mirliton.supervisors.entities import Entities, entities_of
from telephony_node import ASKER, a_table, telephony_on, telephony_processes

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
    pytest.mark.lax("OS processes and a broker: what is tried is the real thing"),
    pytest.mark.timeout(180),
]

ACCOUNT = "a" * 32
NODES = ("a@host", "b@host", "c@host", "d@host")
"""Each test kills some of them, and does with those that are left; one is, in the end."""
PATIENCE = 60.0
LIMIT = 137
CALLS = 1000
QUEUE, AGENT = queue_name(ACCOUNT, "queue"), agent_name(ACCOUNT, "agent")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(tmp_path_factory.mktemp("broker"), "rabbitmq_event_exchange") as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def processes(broker: Broker, folder: Path) -> Iterator[dict[str, Popen[bytes]]]:
    with telephony_processes(folder, broker.url, *NODES) as running:
        yield running


@pytest.fixture
async def node(broker: Broker, folder: Path) -> AsyncIterator[Node]:
    """The test's own, with the store that the others share."""
    async with Node("client@host") as made, telephony_on(made, broker.url, folder, hosts=False):
        store, db = StoreClient(made), account_db(ACCOUNT)
        if not await store.create_database(db):
            yield made
            return
        documents: list[tuple[str, dict[str, Any]]] = [
            ("limits", {"_id": "limits", "calls": LIMIT}),
            ("queue", {"_id": "queue", "name": "support"}),
            ("user", {"_id": "agent", "queues": ["queue"]}),
        ]
        for kind, doc in documents:
            await store.put(db, stamp(doc, type=kind, account_id=ACCOUNT))
        yield made


def part(node: Node) -> Entities:
    found = entities_of(node)
    assert found is not None
    return found


async def all_owned(node: Node, processes: dict[str, Popen[bytes]]) -> list[str]:
    """Wait until those that live have all shards, each its part; their names."""
    names = [name for name, process in processes.items() if process.poll() is None]
    await until(lambda: not part(node).unowned() and set(part(node).status()["shards"]) == set(names), PATIENCE)
    return names


def owner(node: Node, name: Name) -> str:
    found = part(node).owner_of(part(node).shard_of(name))
    assert found is not None
    return found


async def ask(node: Node, name: Name, request: Any) -> Any:
    """Until it is answered: its node may be gone."""
    while True:
        try:
            return await node.call(name, request, timeout=2.0)
        except CallError:
            await asyncio.sleep(0.1)


async def test_a_limit_holds_exactly_while_all_nodes_ask_and_one_is_killed(
    processes: dict[str, Popen[bytes]], node: Node
) -> None:
    table = await a_table(node)
    nodes = await all_owned(node, processes)
    victim = owner(node, account_name(ACCOUNT))
    share = CALLS // len(nodes)
    asked = {
        name: asyncio.ensure_future(
            node.call(ASKER.at(name), ("admit", ACCOUNT, number * share, (number + 1) * share), timeout=PATIENCE)
        )
        for number, name in enumerate(nodes)
    }
    await until(lambda: len(table.noted) >= LIMIT // 3, PATIENCE)
    processes[victim].kill()
    processes[victim].wait(timeout=10.0)
    told: set[str] = set()
    for name, answers in asked.items():
        if name == victim:
            with pytest.raises(CallError):
                await answers
        else:
            told |= set(await answers)
    assert told <= table.noted, "who was admitted is in the table"
    assert len(table.noted) <= LIMIT
    # All of them once more, from here: who has a place keeps it, and there are as many as the limit says.
    again = set(await node.call(ASKER, ("admit", ACCOUNT, 0, CALLS), timeout=PATIENCE))
    assert again == table.noted
    assert len(again) == LIMIT
    assert owner(node, account_name(ACCOUNT)) != victim


async def test_after_the_death_of_its_node_a_queue_has_its_line_and_an_agent_its_state(
    processes: dict[str, Popen[bytes]], node: Node
) -> None:
    await a_table(node)
    await all_owned(node, processes)
    assert (await ask(node, AGENT, Login(ACCOUNT, "agent"))).status == "ready"
    assert (await ask(node, AGENT, Pause(ACCOUNT, "agent", time_limit=600.0))).status == "paused"
    entered = {}
    for number in range(5):
        call = f"call-{number}"
        await Probe.start(node, name=executor_name(call))
        joined = await ask(node, QUEUE, JoinQueue(call, executor_name(call)))
        assert isinstance(joined, Joined)
        assert joined.position == number + 1
        entered[call] = joined.entered
    for victim in {owner(node, QUEUE), owner(node, AGENT)}:
        processes[victim].kill()
        processes[victim].wait(timeout=10.0)
    await all_owned(node, processes)
    # Nobody says anything of their own: neither the callers nor the agent.
    assert (await ask(node, QUEUE, AskQueue())).waiting == tuple(entered)
    told = await ask(node, AGENT, AskAgent())
    assert (told.status, told.queues) == ("paused", ("queue",))
    place = await ask(node, QUEUE, JoinQueue("call-2", executor_name("call-2"), entered["call-2"]))
    assert (place.entered, place.position) == (entered["call-2"], 3)
