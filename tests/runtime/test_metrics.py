"""What a node tells Prometheus."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from mirliton.runtime import Exit, GenServer, Name, NodeCollector, message


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
    assert seen["mirliton_crash_dossiers_total"] == 2


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
