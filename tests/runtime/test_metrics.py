"""What a node tells Prometheus."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from mirliton.runtime import Exit, GenServer, Name, NodeCollector, message, metrics
from mirliton.runtime.metrics import serving


@message("test.metrics.note")
class Note:
    n: int


class Worker(GenServer):
    def handle_info(self, received: Any) -> None:
        raise Exit("boom")


def scrape(node: Any) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(NodeCollector(node))
    samples = {}
    for family in registry.collect():
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            samples[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    assert generate_latest(registry)
    return samples


async def test_processes_mailboxes_starts_and_ends_are_told_by_class(node: Any) -> None:
    pids = [await node.start(Worker) for _ in range(4)]
    node.send(pids[0], Note(1))
    await node.idle()
    node.exit(pids[1], "kill")
    node.exit(pids[2], "shutdown")
    await node.sys.suspend(pids[3])
    node.send(pids[3], Note(1))
    node.send(pids[3], Note(2))
    await node.idle()
    seen = scrape(node)
    assert seen["mirliton_processes{class=Worker}"] == 1
    assert seen["mirliton_mailbox_messages{class=Worker}"] == 2
    assert seen["mirliton_mailbox_longest{class=Worker}"] == 2
    assert seen["mirliton_spawned_total{class=Worker}"] == 4
    assert seen["mirliton_exited_total{class=Worker,reason=crash}"] == 1
    assert seen["mirliton_exited_total{class=Worker,reason=killed}"] == 1
    assert seen["mirliton_exited_total{class=Worker,reason=shutdown}"] == 1
    assert seen["mirliton_crash_dossiers_total{class=Worker}"] == 2


async def test_messages_dead_letters_names_timers_and_calls_are_counted(puppet: Any, node: Any) -> None:
    before = scrape(node)
    a = await puppet(name=Name("service", "a"))
    node.send(Name("service", "nobody"), Note(1))
    node.send(a.pid, Note(2))
    node.after(60, lambda _: None)
    seen = scrape(node)
    assert seen["mirliton_messages_sent_total"] == before["mirliton_messages_sent_total"] + 2
    assert seen["mirliton_dead_letters_total"] == 1
    assert seen["mirliton_names"] == 1
    assert seen["mirliton_timers"] == 1
    assert seen["mirliton_calls_in_flight"] == 0
    assert seen["mirliton_run_queue"] == 1


async def test_no_label_is_a_pid_or_a_name(puppet: Any, node: Any) -> None:
    for n in range(50):
        await puppet(name=Name("call", f"id-{n}"))
    seen = scrape(node)
    assert not [key for key in seen if "id-" in key or str(node.name) in key]


async def test_a_crash_names_the_newest_dossier_of_its_class(node: Any) -> None:
    for _ in range(3):
        node.send(await node.start(Worker), Note(1))
        await node.idle()
    (family,) = (each for each in NodeCollector(node).collect() if each.name == "mirliton_crash_dossiers")
    (sample,) = family.samples
    newest = list(node.dossiers)[-1]
    assert (sample.labels, sample.value) == ({"class": "Worker"}, 3)
    assert sample.exemplar.labels == {"dossier": str(newest.id)}
    assert sample.exemplar.timestamp == newest.when


async def test_what_was_looked_at_piece_by_piece_is_told_once(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "BATCH", 2)
    pids = [await node.start(Worker) for _ in range(5)]
    collector = NodeCollector(node)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(others())
    await collector.look()
    running.cancel()
    assert turns >= 3
    node.exit(pids[0], "kill")
    processes = {family.name: family for family in collector.collect()}["mirliton_processes"]
    assert [sample.value for sample in processes.samples] == [5]
    processes = {family.name: family for family in collector.collect()}["mirliton_processes"]
    assert [sample.value for sample in processes.samples] == [4]


async def test_classes_without_end_are_one_series(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "CLASSES", 2)
    classes = [type(f"Made{n}", (Worker,), {}) for n in range(5)]
    for cls in classes:
        cls.__qualname__ = cls.__name__
        node.send(await node.start(cls), Note(1))
        await node.start(cls)
        await node.idle()
    seen = scrape(node)
    assert {key: value for key, value in seen.items() if "class=" in key and value} == {
        f"{name}{{class={kind}{more}}}": value * times
        for kind, times in (("Made0", 1), ("Made1", 1), ("other", 3))
        for name, more, value in (
            ("mirliton_processes", "", 1),
            ("mirliton_spawned_total", "", 2),
            ("mirliton_exited_total", ",reason=crash", 1),
            ("mirliton_crash_dossiers_total", "", 1),
        )
    }


class Late(GenServer):
    async def init(self, begun: asyncio.Event, may_start: asyncio.Event) -> None:
        begun.set()
        await may_start.wait()
        self.counted = 0


async def test_a_process_is_asked_for_its_counts_when_its_init_is_done(node: Any) -> None:
    begun, may_start, name = asyncio.Event(), asyncio.Event(), Name("service", "late")
    starting = asyncio.create_task(node.start(Late, begun, may_start, name=name))
    await begun.wait()
    assert node.find(name) is not None
    assert serving(node, name, Late) is None
    may_start.set()
    await starting
    found = serving(node, name, Late)
    assert found is not None
    assert found.counted == 0
    assert serving(node, name, Worker) is None
    assert serving(node, Name("service", "nobody"), Late) is None
