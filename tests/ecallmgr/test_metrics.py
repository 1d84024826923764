"""What the switch side, callflow, cdr and the store tell Prometheus of a call."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.registry import Collector

from mirliton.actors.store.metrics import StoreCollector
from mirliton.actors.switching import CDR, channels_name, switch_name
from mirliton.ecallmgr.metrics import SwitchCollector
from mirliton.whapps.callflow.metrics import CallflowCollector
from mirliton.whapps.cdr.metrics import CdrCollector
from scenarios import MENU
from scene import PATIENCE, SWITCH, eventually
from tenants import ALICE
from world import World, a_world


def told(world: World, *, switches: tuple[str, ...] = (SWITCH,)) -> dict[str, float]:
    """All samples by name and label values."""
    node = world.node
    collectors: list[Collector] = [
        SwitchCollector(node, switches),
        CallflowCollector(node),
        CdrCollector(node),
        StoreCollector(node),
    ]
    return {
        " ".join((sample.name.removeprefix("mirliton_"), *sample.labels.values())): sample.value
        for collector in collectors
        for family in collector.collect()
        for sample in family.samples
    }


async def test_a_call_is_seen_while_it_is_up_and_counted_when_it_has_ended(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        before = told(world)
        assert before["switch_connected sim"] == 1
        assert before["switch_connects_total sim"] == 1
        assert {value for key, value in before.items() if key.startswith("legs ")} == {0}
        call = await world.place(ALICE, MENU.number)
        await world.switch.happened(lambda name, _: name == "CHANNEL_ANSWER", PATIENCE)

        async def answered() -> bool:
            return told(world)["legs sim inbound answered"] == 1

        assert await eventually(answered, PATIENCE)
        during = told(world)
        assert during["routes_asked_total"] == during["routes_won_total"] == 1
        assert during["event_socket_events_total sim events"] > before["event_socket_events_total sim events"]
        assert during["event_socket_commands_total sim commands"] > before["event_socket_commands_total sim commands"]
        assert during["store_requests_total"] > before["store_requests_total"]
        call.hang_up()
        await world.cdrs(of=1)
        await world.is_quiet()
        after = told(world)
        assert after["legs sim inbound answered"] == after["legs_unrecorded"] == 0
        assert after["cdrs_stored_total"] == 1


async def test_of_a_process_that_is_away_nothing_is_told_but_that_its_switch_is_not_connected(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        node = world.node
        assert told(world, switches=(SWITCH, "another"))["switch_connected another"] == 0
        for name in (switch_name(SWITCH), channels_name(SWITCH), CDR):
            pid = node.whereis(name)
            assert pid is not None
            node.exit(pid, "kill")
        away = told(world)
        assert away["switch_connected sim"] == 0
        assert not [key for key in away if key.startswith(("event_socket", "legs", "cdrs", "switch_connects"))]
        await world.is_whole()
        await world.connected()
