"""Several nodes over a real RabbitMQ, each an OS process: one system, of which any node may be killed."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from broker import Broker, missing, running_broker
from cluster_world import SWITCH, ClusterWorld, Rest, cluster_world
from mirliton.api.cli import main
from mirliton.api.cli.errors import CommandError

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
    pytest.mark.timeout(240),
]

API = "api1@h"
NODES = {
    "ecallmgr1@h": ("ecallmgr",),
    "ecallmgr2@h": ("ecallmgr",),
    "whapps1@h": ("callflow", "cdr"),
    "whapps2@h": ("callflow", "cdr"),
    API: ("api",),
}
ECALLMGRS = ("ecallmgr1@h", "ecallmgr2@h")
WHAPPS = ("whapps1@h", "whapps2@h")
SWITCHES = (SWITCH, "second")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(tmp_path_factory.mktemp("broker"), "rabbitmq_event_exchange") as running:
        yield running


@pytest.fixture(scope="module")
def system(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterWorld]:
    with cluster_world(tmp_path_factory.mktemp("cluster"), broker, NODES, SWITCHES) as world:
        world.wait(lambda: world.start(*NODES) is None, "the host supervisor")
        yield world


@pytest.fixture
def world(system: ClusterWorld) -> ClusterWorld:
    """All nodes run; what a test before has killed is started again."""
    system.start(*NODES)
    system.all_see(API, *NODES)
    for switch in SWITCHES:
        system.wait(lambda switch=switch: len(system.acting(API, switch)) == 1, f"one node acting for {switch}")
        system.wait(
            lambda switch=switch: system.simulator(API, {"do": "list"}, switch)["phones"], f"{switch} being there"
        )
    return system


def executors(world: ClusterWorld) -> dict[str, int]:
    return {name: card["executors"] for name, card in world.cards(API).items() if card["executors"]}


def talking(world: ClusterWorld, count: int, **how: Any) -> tuple[list[str], list[str]]:
    """So many calls that are answered: the callers' legs, and all legs."""
    calls = [world.call(API, **how) for _ in range(count)]

    def legs() -> list[str]:
        up = world.channels(API)
        return [leg for leg, row in up.items() if row["answered"] and {leg, row["other_leg"]} & set(calls)]

    world.wait(lambda: len(legs()) == 2 * count, f"{count} calls being answered")
    return calls, legs()


def hang_up(world: ClusterWorld, calls: Sequence[str], switch: str = SWITCH) -> None:
    for call in calls:
        world.simulator(API, {"do": "act", "uuid": call, "step": {"do": "hang_up"}}, switch)


def recorded(world: ClusterWorld, legs: Sequence[str]) -> None:
    """Each leg has its record, and one only."""
    world.wait(lambda: len(world.cdrs(API, legs)) >= len(legs), "the records")
    found = world.cdrs(API, legs)
    assert sorted(record["call_id"] for record in found) == sorted(legs)
    assert {record["hangup_cause"] for record in found} == {"NORMAL_CLEARING"}
    world.wait(lambda: not executors(world), "the executors' ends")


def test_a_call_goes_through_nodes_that_each_do_their_part_and_is_seen_by_rest(world: ClusterWorld) -> None:
    calls, legs = talking(world, 1)
    rest = Rest(world)
    assert {row["uuid"] for row in rest.get("channels").json()["data"]} == set(legs)
    assert set(executors(world)) <= set(WHAPPS)
    [acting] = world.acting(API)
    assert world.cards(API)[acting]["calls"] == 1
    hang_up(world, calls)
    recorded(world, legs)
    # A list ends with the second that it is asked for in, a record bears the switch's time.
    world.wait(lambda: {row["call_id"] for row in rest.get("cdrs").json()["data"]} >= set(legs), "the list of records")


def test_a_killed_whapps_nodes_calls_go_on_on_the_other(world: ClusterWorld) -> None:
    calls, legs = talking(world, 8)
    world.wait(lambda: sum(executors(world).values()) == 8, "an executor for each call")
    victim = max(executors(world), key=lambda name: executors(world)[name])
    [other] = set(WHAPPS) - {victim}
    world.kill(victim)
    world.wait(lambda: executors(world) == {other: 8}, "the other node having all executors")
    assert len(world.channels(API)) == 16
    hang_up(world, calls)
    recorded(world, legs)


def test_a_killed_ecallmgr_nodes_switches_and_calls_are_taken_over(world: ClusterWorld) -> None:
    calls, legs = talking(world, 4)
    _, ending = talking(world, 4, stays=0.5)  # they end about when nobody listens to the switch
    [acting] = world.acting(API)
    [other] = set(ECALLMGRS) - {acting}
    world.kill(acting)
    world.wait(lambda: world.acting(API) == [other], "the other node acting")
    world.wait(lambda: world.cards(API)[other]["calls"] == 4, "the calls having actors again")
    world.wait(lambda: set(world.channels(API)) == set(legs), "the channel table")
    late, late_legs = talking(world, 1)
    hang_up(world, [*calls, *late])
    recorded(world, [*legs, *ending, *late_legs])


def test_switches_are_spread_and_the_calls_of_both_go_on_when_the_node_of_one_is_killed(world: ClusterWorld) -> None:
    one, other = ECALLMGRS
    for switch, node in zip(SWITCHES, ECALLMGRS, strict=True):
        assert mirliton(world, "cluster", "move", f"switch {switch}", node)[0] == 0
    up = {switch: talking(world, 3, switch=switch) for switch in SWITCHES}
    ending = [talking(world, 3, switch=switch, stays=0.5)[1] for switch in SWITCHES]
    assert {world.cards(API)[node]["calls"] for node in ECALLMGRS} >= {3}
    told = {row["uuid"]: row["node"] for row in Rest(world).get("channels").json()["data"]}
    for switch in SWITCHES:
        assert {told[leg] for leg in up[switch][1]} == {switch}
    world.kill(one)
    world.wait(
        lambda: [world.acting(API, switch) for switch in SWITCHES] == [[other], [other]], "the other having both"
    )
    world.wait(lambda: world.cards(API)[other]["calls"] == 6, "the calls having actors")
    legs = [leg for _, legs in up.values() for leg in legs]
    world.wait(lambda: set(world.channels(API)) == set(legs), "the channel tables")
    for switch, (calls, _) in up.items():
        hang_up(world, calls, switch)
    recorded(world, [*legs, *ending[0], *ending[1]])


def test_drained_nodes_hand_over_and_finish_their_calls_and_are_not_ready_meanwhile(world: ClusterWorld) -> None:
    calls, legs = talking(world, 4)
    [acting] = world.acting(API)
    assert world.health(acting)[0] == 200
    assert mirliton(world, "cluster", "drain", acting)[0] == 0
    assert world.acting(API) != [acting]
    status, told = world.health(acting)
    assert (status, told["problems"]) == (503, {"node": "draining"})
    one, other = WHAPPS
    has = executors(world).get(one, 0)
    status, said = mirliton(world, "cluster", "drain", one, "--wait", "0")
    assert status == 69 or not has, said  # it has entities too, which go at once
    assert mirliton(world, "cluster", "drain", other) == (
        69,
        "mirliton: no other node runs callflow; with --force it is drained all the same\n",
    )
    later, later_legs = talking(world, 3)
    assert executors(world) == {name: count for name, count in ((one, has), (other, 7 - has)) if count}
    hang_up(world, [*calls, *later])
    recorded(world, [*legs, *later_legs])
    world.wait(lambda: world.cards(API)[one]["drained"], "the drained node having nothing left")
    for name in (acting, one):
        assert mirliton(world, "cluster", "resume", name)[0] == 0
    world.all_see(API, *NODES)


def test_a_drained_switch_takes_no_new_calls_keeps_those_it_has_and_stays_so_when_another_node_takes_it_over(
    world: ClusterWorld,
) -> None:
    switch = "second"
    calls, legs = talking(world, 2, switch=switch)
    status, said = mirliton(world, "switch", "drain", switch, "--wait", "0")
    assert (status, said.splitlines()[-1]) == (69, f"mirliton: {switch} is not drained within 0 s: it has 4 legs left")
    with pytest.raises(CommandError, match="takes no new calls"):
        world.call(API, switch=switch)
    [owner] = world.acting(API, switch)
    [other] = set(ECALLMGRS) - {owner}
    world.kill(owner)
    world.wait(lambda: world.acting(API, switch) == [other], "the other node having it")
    drains = {"switch": switch, "node": other, "state": "draining", "legs": 4}
    world.wait(lambda: drains in json.loads(mirliton(world, "switch", "list", "--json")[1]), "the list")
    assert f"{SWITCH}  " in mirliton(world, "switch", "list")[1]
    hang_up(world, calls, switch)
    assert mirliton(world, "switch", "drain", switch, "--wait", "60")[0] == 0
    recorded(world, legs)
    assert mirliton(world, "switch", "resume", switch)[0] == 0
    again, again_legs = talking(world, 1, switch=switch)
    hang_up(world, again, switch)
    recorded(world, again_legs)
    status, said = mirliton(world, "switch", "drain", "third")
    assert (status, said) == (69, f"mirliton: there is no switch 'third'; there are: {', '.join(SWITCHES[::-1])}\n")


def test_the_state_of_the_cluster_is_told_by_any_node(world: ClusterWorld) -> None:
    cards = {card["node"]: card for card in json.loads(mirliton(world, "cluster", "status", "--json")[1])}
    assert {name: tuple(card["apps"]) for name, card in cards.items()} == NODES
    table = mirliton(world, "cluster", "status")[1]
    assert sum(f"ecallmgr({name})" in table for name in (SWITCH, "second", f"second {SWITCH}")) in (1, 2)
    assert world.health(API, "live")[1] == {"live": True, "node": API}


def mirliton(world: ClusterWorld, *arguments: str) -> tuple[int, str]:
    """What the command ends with, and what it says."""
    said = io.StringIO()
    with contextlib.chdir(world.folder), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = main(list(arguments))
    return status, said.getvalue()


def test_shards_go_to_the_node_that_is_named_and_are_dealt_out_again(world: ClusterWorld) -> None:
    hosts = set(NODES) - {API}

    def shards() -> dict[str, int]:
        return {name: world.cards(API)[name]["shards"] for name in NODES}

    world.wait(lambda: sum(shards().values()) == 64 and not shards()[API], "all shards being owned")
    for to in sorted(hosts):
        status, said = mirliton(world, "cluster", "move", "shard:7", to)
        assert (status, said.rstrip().endswith(to)) == (0, True), said
    assert mirliton(world, "cluster", "move", "shard:7", API) == (
        69,
        f"mirliton: shard 7 was not moved to {API}: that node is not up, or takes no shards\n",
    )
    assert mirliton(world, "cluster", "rebalance")[0] == 0
    world.wait(lambda: {shards()[name] for name in hosts} == {16}, "shards being even")
