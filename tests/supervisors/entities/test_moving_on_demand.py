"""Shards that somebody moves: to a named node, evened out, away from one that is to be stopped."""

from __future__ import annotations

import random

import pytest

from entity_house import CLIENT, SHARDS, Add, House, a_house, begin
from mirliton.runtime import Name
from mirliton.supervisors.entities import Moved, NotMoved, Options
from mirliton.supervisors.entities.evening import even_plan

A, B, C = "a@host", "b@host", "c@host"
CALLS = Name("counter", "calls")
NEVER = Options(even_every=100_000.0)
"""Nobody evens out by itself."""


def agreed(house: House) -> dict[str, list[int]]:
    """Who owns what, as the client sees it."""
    return house.client.status()["shards"]


@pytest.mark.parametrize("seed", range(30))
def test_a_plan_evens_out_with_as_few_moves_as_that_takes(seed: int) -> None:
    chance = random.Random(seed)
    nodes: dict[str, list[int]] = {f"n{number}": [] for number in range(chance.randint(1, 6))}
    total = chance.choice([0, 1, 7, 16, 64])
    for shard in range(total):
        nodes[chance.choice([*nodes][: chance.randint(1, len(nodes))])].append(shard)
    plan = even_plan(nodes)
    for shard, to in plan:
        origin = next(node for node, owned in nodes.items() if shard in owned)
        nodes[origin].remove(shard)
        nodes[to].append(shard)
    loads = [len(owned) for owned in nodes.values()]
    assert max(loads) - min(loads) <= 1
    assert len({shard for shard, _ in plan}) == len(plan), "no shard is moved twice"
    assert even_plan(nodes) == []


async def test_a_shard_goes_to_the_node_that_is_named_whoever_is_next_in_line() -> None:
    async with a_house(A, B, C, options=NEVER) as house:
        await house.all_owned()
        await house.drive(house.client.durable_call(CALLS, Add()))
        shard = house.client.shard_of(CALLS)
        moves = 0
        for to in (C, B, C, A, B):
            origin = house.owner(CALLS)
            moves += origin != to
            began = house.cluster.clock.now()
            moved = await house.drive(house.client.move(shard, to))
            assert moved == (Moved(shard, origin, to) if origin != to else None)
            assert house.cluster.clock.now() - began < 0.3
            assert shard in agreed(house)[to]
            assert await house.drive(house.client.durable_call(CALLS, "value")) == 1
            assert house.owner(CALLS) == to
        await house.cluster.advance(1.0)
        assert sorted(house.hub.line(shard)) == [A, B, C], "all stand in line again"
        assert sum(each.counters.given_back for each in house.entities.values()) == moves, "nobody had it in between"
        assert sum(each.counters.dropped.total() for each in house.entities.values()) == 0
        assert not house.hub.waiting()


async def test_what_a_moving_entity_has_in_hand_is_finished_first_and_the_rest_done_by_the_next_owner() -> None:
    async with a_house(A, B, options=NEVER) as house:
        await house.all_owned()
        await house.drive(house.client.durable_call(CALLS, Add()))
        origin = house.owner(CALLS)
        slow = begin(house.client.durable_call(CALLS, "slow", timeout=30.0))
        await house.cluster.advance(0.2)
        behind = [begin(house.client.durable_call(CALLS, Add(), timeout=30.0)) for _ in range(5)]
        moving = begin(house.client.move(house.client.shard_of(CALLS), B if origin == A else A))
        assert await house.drive(slow) == 2
        assert sorted([await house.drive(each) for each in behind]) == [3, 4, 5, 6, 7]
        assert (await house.drive(moving)).origin == origin
        assert house.owner(CALLS) != origin


async def test_it_is_tried_again_where_one_that_does_not_stand_aside_takes_the_shard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with a_house(A, B, C, options=NEVER) as house:
        await house.all_owned()
        origin, stubborn, to = house.hub.line(0)

        async def say_so_only(shard: int, seconds: float) -> bool:
            return True

        monkeypatch.setattr(house.at(stubborn).line, "stand_aside", say_so_only)
        assert await house.drive(house.client.move(0, to)) == Moved(0, origin, to)
        assert house.at(stubborn).counters.given_back == 1, "it had the shard in between"


async def test_a_move_that_makes_no_sense_is_refused() -> None:
    async with a_house(A, B) as house:
        await house.all_owned()
        for shard, to, why in (
            (SHARDS, A, "0 to 7"),
            (-1, A, "0 to 7"),
            (0, CLIENT, "takes no shards"),
            (0, "x@host", "not up"),
        ):
            with pytest.raises(NotMoved, match=why):
                await house.drive(house.client.move(shard, to))
        await house.kill(B)
        await house.cluster.advance(5.0)
        with pytest.raises(NotMoved, match="not up"):
            await house.drive(house.client.move(0, B))


async def test_when_the_new_owner_dies_just_then_the_shard_is_back_where_it_was() -> None:
    async with a_house(A, B, C, options=NEVER) as house:
        await house.all_owned()
        await house.drive(house.client.durable_call(CALLS, Add()))
        origin, shard = house.owner(CALLS), house.client.shard_of(CALLS)
        to = next(node for node in (A, B, C) if node != origin)
        moving = begin(house.client.move(shard, to))
        while house.hub.line(shard)[0] != to:
            await house.cluster.advance(0.001)
        await house.kill(to)
        taken = await house.until(lambda: house.owner(CALLS) == origin, limit=20.0)
        assert taken < 6.0
        with pytest.raises(NotMoved):
            await house.drive(moving)
        assert await house.drive(house.client.durable_call(CALLS, "value")) == 1
        await house.cluster.advance(11.0)
        assert len(house.hub.line(shard)) == 2


async def test_who_stands_aside_is_in_line_again_when_nothing_came_of_it() -> None:
    async with a_house(A, B, options=NEVER) as house:
        await house.all_owned()
        shard = next(iter(agreed(house)[A]), None)
        owner, other = (A, B) if shard is not None else (B, A)
        shard = shard if shard is not None else agreed(house)[B][0]
        assert await house.drive(house.at(other).line.stand_aside(shard, 3.0))
        assert house.hub.line(shard) == [owner]
        await house.cluster.advance(2.0)
        # That somebody owns it is no news: it was so before.
        epoch = house.at(owner).fence.epoch(shard)
        house.at(other).directory.heard(shard, epoch, owner)
        await house.cluster.advance(0.1)
        assert house.hub.line(shard) == [owner]
        await house.cluster.advance(2.0)
        assert house.hub.line(shard) == [owner, other]
        assert not await house.drive(house.at(owner).line.stand_aside(shard, 3.0)), "it is its own"


async def test_a_rebalance_evens_out_at_once() -> None:
    async with a_house(A, options=NEVER) as house:
        await house.all_owned()
        for number in range(20):
            await house.drive(house.client.durable_call(Name("counter", str(number)), Add()))
        for name in (B, C):
            await house.start(name)
        await house.cluster.advance(2.0)
        assert sorted(house.owned().values()) == [0, 0, SHARDS]
        began = house.cluster.clock.now()
        moved = await house.drive(house.client.rebalance())
        assert house.cluster.clock.now() - began < 1.0
        assert len(moved) == 5
        assert sorted(house.owned().values()) == [2, 3, 3]
        assert await house.drive(house.client.rebalance()) == []
        for number in range(20):
            assert await house.drive(house.client.durable_call(Name("counter", str(number)), "value")) == 1


async def test_a_rebalance_and_evening_out_do_not_fight() -> None:
    async with a_house(A) as house:
        await house.all_owned()
        await house.start(B)
        await house.start(C)
        await house.drive(house.client.rebalance())
        await house.cluster.advance(10.0)
        assert sorted(house.owned().values()) == [2, 3, 3]
        given = sum(each.counters.given_back for each in house.entities.values())
        await house.cluster.advance(10.0)
        assert sum(each.counters.given_back for each in house.entities.values()) == given


async def test_what_somebody_moved_stays_when_loads_even_out_again() -> None:
    async with a_house(A, B) as house:
        await house.all_owned()
        await house.until(lambda: sorted(house.owned().values()) == [4, 4])
        shard = agreed(house)[A][0]
        await house.drive(house.client.move(shard, B))
        await house.cluster.advance(10.0)
        assert sorted(house.owned().values()) == [4, 4]
        assert shard in agreed(house)[B]


async def test_a_node_that_is_not_willing_gives_all_back_and_takes_its_part_when_it_is_again() -> None:
    async with a_house(A, B) as house:
        await house.all_owned()
        await house.drive(house.client.durable_call(CALLS, Add()))
        house.at(A).set_willing(False)
        assert await house.until(lambda: house.owned() == {A: 0, B: SHARDS}) < 2.0
        await house.cluster.advance(10.0)
        assert house.owned() == {A: 0, B: SHARDS}
        assert all(house.hub.line(shard) == [B] for shard in range(SHARDS))
        assert await house.drive(house.at(A).durable_call(CALLS, "value")) == 1, "it can still ask"
        with pytest.raises(NotMoved, match="takes no shards"):
            await house.drive(house.client.move(0, A))
        house.at(A).set_willing(True)
        await house.until(lambda: house.owned() == {A: SHARDS // 2, B: SHARDS // 2}, limit=10.0)
        assert not house.hub.dead


async def test_the_last_node_keeps_its_shards_and_takes_those_of_one_that_is_lost_willing_or_not() -> None:
    async with a_house(A, B) as house:
        await house.all_owned()
        await house.drive(house.client.durable_call(CALLS, Add()))
        house.at(A).set_willing(False)
        await house.until(lambda: house.owned() == {A: 0, B: SHARDS})
        house.at(B).set_willing(False)
        await house.cluster.advance(10.0)
        assert house.owned() == {A: 0, B: SHARDS}
        await house.kill(B)
        await house.until(lambda: house.owned() == {A: SHARDS}, limit=20.0)
        assert await house.drive(house.client.durable_call(CALLS, "value", timeout=30.0)) == 1
        await house.start(C)
        await house.until(lambda: house.owned() == {A: 0, C: SHARDS}, limit=10.0)
