"""A cluster of OS processes over a real RabbitMQ in which things are killed, stopped and restarted under calls."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator, Mapping, Sequence

import pytest

from broker import Broker, missing, running_broker
from cluster_world import SWITCH, ClusterWorld, cluster_world
from mirliton.api.cli.errors import CommandError
from recorded_way import RecordedWay, recorded_ways

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
    pytest.mark.timeout(600),
]

API = "api1@h"
ECALLMGRS = ("ecallmgr1@h", "ecallmgr2@h")
WHAPPS = ("whapps1@h", "whapps2@h")
NODES = dict.fromkeys(ECALLMGRS, ("ecallmgr",)) | dict.fromkeys(WHAPPS, ("callflow", "cdr")) | {API: ("api",)}


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(tmp_path_factory.mktemp("broker"), "rabbitmq_event_exchange") as running:
        yield running


@pytest.fixture
def world(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterWorld]:
    with cluster_world(tmp_path_factory.mktemp("cluster"), broker, NODES) as world:
        world.wait(lambda: world.start(*NODES) is None, "the host supervisor")
        whole(world)
        yield world


def whole(world: ClusterWorld) -> None:
    """Everything runs and is ready."""
    world.start(*NODES)
    world.all_see(API, *NODES)
    world.wait(lambda: len(world.acting(API)) == 1, "one ecallmgr node acting")
    world.wait(lambda: world.simulator(API, {"do": "list"})["phones"], "the switch being connected")


def executors(world: ClusterWorld) -> dict[str, int]:
    return {name: card["executors"] for name, card in world.cards(API).items() if card["executors"]}


def talking(world: ClusterWorld, count: int) -> tuple[list[str], list[str]]:
    calls = [world.call(API) for _ in range(count)]

    def legs() -> list[str]:
        up = world.channels(API)
        return [leg for leg, row in up.items() if row["answered"] and {leg, row["other_leg"]} & set(calls)]

    world.wait(lambda: len(legs()) == 2 * count, f"{count} calls being answered")
    return calls, legs()


def finish(world: ClusterWorld, calls: Sequence[str], legs: Sequence[str]) -> None:
    """All calls are up still, end as their callers hang up, and are recorded once."""
    world.wait(lambda: set(legs) <= set(world.channels(API)), "the channel table")
    for call in calls:
        world.simulator(API, {"do": "act", "uuid": call, "step": {"do": "hang_up"}})
    recorded(world, legs)
    world.wait(lambda: not executors(world), "the executors' ends")
    assert world.channels(API) == {}


def recorded(world: ClusterWorld, legs: Sequence[str]) -> None:
    world.wait(lambda: len(world.cdrs(API, legs)) >= len(legs), "the records")
    found = world.cdrs(API, legs)
    assert sorted(record["call_id"] for record in found) == sorted(legs)
    assert {record["hangup_cause"] for record in found} == {"NORMAL_CLEARING"}


def test_calls_outlive_a_restart_of_the_broker(world: ClusterWorld, broker: Broker) -> None:
    calls, legs = talking(world, 10)
    broker.kill()
    world.wait(lambda: world.health(API)[1]["problems"] == {"broker": "not connected"}, "the API being not ready")
    broker.start()
    whole(world)
    world.wait(lambda: sum(executors(world).values()) == 10, "the executors")
    finish(world, calls, legs)


def test_a_stopped_ecallmgr_node_that_goes_on_finds_another_acting(world: ClusterWorld) -> None:
    calls, legs = talking(world, 10)
    [acting] = world.acting(API)
    [other] = set(ECALLMGRS) - {acting}
    world.freeze(acting)
    world.wait(lambda: world.acting(API) == [other], "the other one acting")
    world.wait(lambda: world.simulator(API, {"do": "list"}), "the switch being connected")
    later, later_legs = talking(world, 5)
    world.thaw(acting)
    whole(world)
    assert world.acting(API) == [other]
    finish(world, [*calls, *later], [*legs, *later_legs])


@pytest.fixture
def ways() -> Iterator[tuple[dict[str, RecordedWay], dict[str, RecordedWay]]]:
    """Each ecallmgr node's way to the switch, and to the broker; made by `apart`."""
    with recorded_ways() as made:
        to_switch: dict[str, RecordedWay] = {}
        to_broker: dict[str, RecordedWay] = {}
        yield to_switch, to_broker
        made += [*to_switch.values(), *to_broker.values()]


@pytest.fixture
def apart(
    broker: Broker,
    ways: tuple[dict[str, RecordedWay], dict[str, RecordedWay]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ClusterWorld]:
    """A world whose ecallmgr nodes reach switch and broker by ways of their own."""
    to_switch, to_broker = ways

    def own(node: str, at: Mapping[str, int]) -> Mapping[str, str]:
        if node not in ECALLMGRS:
            return {}
        to_switch[node], to_broker[node] = RecordedWay(at[SWITCH]), RecordedWay(broker.port)
        uri = broker.url.replace(f":{broker.port}", f":{to_broker[node].port}")
        return {"MIRLITON_SIMULATOR_PORT": str(to_switch[node].port), "MIRLITON_AMQP_URI": uri}

    with cluster_world(tmp_path_factory.mktemp("apart"), broker, NODES, own=own) as world:
        world.wait(lambda: world.start(*NODES) is None, "the host supervisor")
        whole(world)
        yield world


@pytest.mark.parametrize("how", ["stopped", "cut off from the broker"])
def test_two_nodes_never_act_for_a_switch_at_the_same_time(
    apart: ClusterWorld, ways: tuple[dict[str, RecordedWay], dict[str, RecordedWay]], how: str
) -> None:
    """The owner is stopped, or cut off in silence while its way to the switch stays, under calls that come and go; and
    goes on when another has taken over. Nothing of it reaches the switch after the first word of the other."""
    world, (to_switch, to_broker) = apart, ways
    calls, legs = talking(world, 5)
    going = [world.call(API, stays=1.0 + each) for each in range(12)]
    [owner] = world.acting(API)
    [other] = set(ECALLMGRS) - {owner}
    before = len(to_switch[other].said)
    began = time.monotonic()
    if how == "stopped":
        world.freeze(owner)
    else:
        to_broker[owner].cut()
    world.wait(lambda: other in world.acting(API), "the other one acting")
    assert time.monotonic() - began < 15.0  # 5 s where the machine has time
    world.wait(lambda: set(legs) <= set(world.channels(API)), "the channel table")
    if how == "stopped":
        world.thaw(owner)
    else:
        to_broker[owner].heal()
    whole(world)
    assert world.acting(API) == [other]
    time.sleep(2.0)
    taken_over = to_switch[other].said[before]
    assert began < taken_over
    late = [at - taken_over for at in to_switch[owner].said if at > taken_over]
    assert not late
    finish(world, calls, legs)
    world.wait(lambda: len(world.cdrs(API, going)) == len(going), "the records of calls that ended meanwhile")


def test_a_stopped_whapps_node_that_goes_on_leaves_its_calls_to_the_newer_executors(world: ClusterWorld) -> None:
    calls, legs = talking(world, 10)
    world.wait(lambda: sum(executors(world).values()) == 10, "the executors")
    victim = max(executors(world), key=lambda name: executors(world)[name])
    [other] = set(WHAPPS) - {victim}
    world.freeze(victim)
    world.wait(lambda: executors(world) == {other: 10}, "the other one having all executors")
    world.thaw(victim)
    whole(world)
    world.wait(lambda: executors(world) == {other: 10}, "each call having one executor")
    finish(world, calls, legs)


def test_no_call_and_no_record_is_lost_while_nodes_are_killed(world: ClusterWorld) -> None:
    chance = random.Random(1)
    calls: list[str] = []
    ends = time.monotonic() + 60.0
    next_kill = time.monotonic() + 2.0
    while time.monotonic() < ends:
        # Sometimes nobody is there to pass it on to the switch: then there is no such call.
        with contextlib.suppress(CommandError):
            calls.append(world.call(API, stays=chance.uniform(0.5, 8.0)))
        if time.monotonic() > next_kill:
            victim = chance.choice([*ECALLMGRS, *WHAPPS])
            partner = next(name for pair in (ECALLMGRS, WHAPPS) if victim in pair for name in pair if name != victim)
            if set(world.cards(API)) >= {victim, partner}:
                world.kill(victim)
            next_kill = time.monotonic() + 3.0
        world.start(*NODES)
        time.sleep(0.1)
    whole(world)
    world.wait(lambda: world.channels(API) == {}, "the calls' ends")
    assert len(calls) > 100
    world.wait(lambda: len(world.cdrs(API, calls)) >= len(calls), "a record of each caller's leg")
    found = world.cdrs(API, calls)
    others = [record["other_leg_call_id"] for record in found if record.get("other_leg_call_id")]
    causes = [record["hangup_cause"] for record in found]
    assert causes == ["NORMAL_CLEARING"] * len(calls)
    legs = {*calls, *others}
    recorded(world, sorted(legs))
    assert len(legs) == 2 * len(calls)
