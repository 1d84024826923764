"""Entities of several nodes in virtual time: where they are, and that they move."""

from __future__ import annotations

import gc
import weakref

import pytest

from entity_house import BROKER_NOTICES, CLIENT, SHARDS, Add, a_house, begin
from mirliton.runtime import Name, NodeDown, NoProc
from mirliton.supervisors.entities import EntityAway, Options, shard_of

A, B, C = "a@host", "b@host", "c@host"
CALLS = Name("counter", "calls")


async def test_an_entity_is_reached_from_every_node_under_one_name() -> None:
    async with a_house(A, B) as house:
        for name in (A, B, CLIENT):
            await house.drive(house.at(name).node.call(CALLS, Add()))
        assert await house.drive(house.client.durable_call(CALLS, "value")) == 3
        assert house.owner(CALLS) in (A, B)


async def test_which_shard_a_name_is_of_never_changes() -> None:
    assert [shard_of(Name("account", str(n)), 64) for n in range(8)] == [9, 38, 6, 4, 58, 10, 20, 42]


async def test_what_is_no_entity_stays_a_name_of_its_node() -> None:
    async with a_house(A) as house:
        with pytest.raises(NoProc):
            await house.drive(house.client.node.call(Name("service", "nobody"), "hello"))
        with pytest.raises(ValueError, match="no entity"):
            await house.client.durable_call(Name("service", "nobody"), "hello")


async def test_after_a_kill_9_its_entities_come_back_on_another_node_with_what_was_saved() -> None:
    async with a_house(A, B) as house:
        await house.all_owned()
        for _ in range(3):
            await house.drive(house.client.durable_call(CALLS, Add()))
        victim = house.owner(CALLS)
        await house.kill(victim)
        taken = await house.until(lambda: house.owner(CALLS))
        # Nothing was sent: one that waits in silence comes back too.
        assert taken < 3.5  # of which 2.5 s are how long a silent node counts as up here
        assert await house.drive(house.client.node.call(CALLS, "value")) == 3


async def test_a_stopped_node_loses_its_entities_and_does_nothing_with_them_when_it_goes_on() -> None:
    async with a_house(A, B) as house:
        await house.all_owned()
        await house.drive(house.client.durable_call(CALLS, Add()))
        victim = house.owner(CALLS)
        old = house.at(victim).slot(CALLS).cell.actor
        house.pause(victim)
        await house.until(lambda: any(e.slot(CALLS) for n, e in house.entities.items() if n != victim))
        assert await house.drive(house.client.durable_call(CALLS, Add(), timeout=30.0)) == 2
        losses = house.at(victim).counters.lease_losses
        house.resume(victim)
        await house.cluster.advance(0.0)
        assert house.at(victim).counters.lease_losses == losses + 1
        assert not old._myRef.alive
        assert house.at(victim).running() == 0
        await house.cluster.advance(5.0)
        assert await house.drive(house.client.durable_call(CALLS, "value")) == 2


async def test_what_a_stopped_node_had_in_its_mailboxes_is_not_handled_when_it_goes_on() -> None:
    async with a_house(A, B) as house:
        await house.all_owned()
        await house.drive(house.client.durable_call(CALLS, Add()))
        victim = house.owner(CALLS)
        node = house.at(victim).node
        pid = node.whereis(CALLS)
        house.pause(victim)
        for _ in range(3):
            house.client.node.send(pid, "count this")
        await house.cluster.advance(BROKER_NOTICES + 2.0)
        assert await house.drive(house.client.durable_call(CALLS, "value", timeout=30.0)) == 1
        house.resume(victim)
        node.send(CALLS, "and this, on the node that has just woken")
        await house.cluster.advance(5.0)
        # The last one went the way of all mail to an entity: to whoever has it now.
        assert await house.drive(house.client.durable_call(CALLS, "value")) == 2


async def test_a_node_that_is_cut_off_from_the_broker_gives_up_before_the_broker_gives_it_up() -> None:
    async with a_house(A, B, options=Options(lease=3.0)) as house:
        await house.all_owned()
        await house.drive(house.client.durable_call(CALLS, Add()))
        victim = house.owner(CALLS)
        house.cut(victim)
        took = await house.until(lambda: house.at(victim).running() == 0)
        assert took <= 3.5
        assert house.at(victim).counters.lease_losses == 1
        await house.until(lambda: house.owner(CALLS) not in (None, victim))
        assert await house.drive(house.client.durable_call(CALLS, Add(), timeout=30.0)) == 2
        house.resume(victim)
        await house.until(lambda: house.owned()[victim] == SHARDS // 2, limit=30.0)


async def test_who_does_not_know_yet_that_it_is_deposed_is_refused_by_the_store() -> None:
    async with a_house(A, B) as house:
        await house.all_owned()
        await house.drive(house.client.durable_call(CALLS, Add()))
        victim = house.owner(CALLS)
        # The broker has given its connection up, and it has not noticed: for the length of its lease there are two.
        house.hub.lose(victim)
        old = house.at(victim)
        old.distribution.disconnect_node(CLIENT)
        other = B if victim == A else A
        house.cluster.hub.cut(A, B)
        await house.until(lambda: house.at(other).slot(CALLS) and house.at(other).slot(CALLS).running)
        late = begin(old.node.call(CALLS, Add(10), timeout=30.0))
        await house.cluster.advance(0.5)
        assert house.world.refused == 1
        assert old.counters.dropped["fenced"] == 1
        house.cluster.hub.heal(A, B)
        # Its own call was not answered with what was never written: it went to the new owner, or failed.
        assert house.at(other).slot(CALLS).cell.actor.value in (1, 11)
        late.cancel()


async def test_shards_even_out_when_a_node_joins_and_when_one_leaves_in_order() -> None:
    async with a_house(A) as house:
        await house.all_owned()
        for number in range(20):
            await house.drive(house.client.durable_call(Name("counter", str(number)), Add()))
        for name in (B, C):
            await house.start(name)
            await house.until(lambda: max(house.owned().values()) - min(house.owned().values()) <= 1, limit=10.0)
        assert sorted(house.owned().values()) == [2, 3, 3]
        await house.cluster.advance(10.0)
        given = house.at(A).counters.given_back
        assert given
        assert sum(e.counters.given_back for e in house.entities.values()) < 2 * SHARDS, "it goes on for ever"
        await house.drive(house.at(A).close())
        del house.entities[A]
        await house.all_owned()
        for number in range(20):
            name = Name("counter", str(number))
            assert await house.drive(house.client.durable_call(name, "value")) == 1
        assert not house.hub.waiting()


async def test_what_is_begun_when_a_shard_is_given_back_is_finished_there_and_the_rest_done_by_the_next() -> None:
    async with a_house(A, options=Options(even_every=1000.0)) as house:
        await house.all_owned()
        slow = begin(house.client.durable_call(CALLS, "slow", timeout=30.0))
        await house.cluster.advance(0.2)
        behind = [begin(house.client.durable_call(CALLS, Add(), timeout=30.0)) for _ in range(5)]
        await house.start(B)
        owner = house.at(A).holding.owners[owner_shard(house)]
        leaving = begin(house.at(A).holding.give_back(owner))
        assert await house.drive(slow) == 1
        assert sorted([await house.drive(each) for each in behind]) == [2, 3, 4, 5, 6]
        await house.drive(leaving)
        assert house.owner(CALLS) == B
        assert house.at(A).counters.given_back == 1
        assert not house.hub.dead


def owner_shard(house) -> int:
    return shard_of(CALLS, house.hub.count)


async def test_a_message_without_a_key_waits_for_an_owner_and_no_longer_than_it_is_told() -> None:
    async with a_house() as house:
        house.client.node.send(CALLS, "count this")
        waiting = begin(house.client.node.call(CALLS, Add(), timeout=60.0))
        await house.cluster.advance(5.0)
        await house.start(A)
        assert await house.drive(waiting) == 2
        assert await house.drive(house.client.node.call(CALLS, "value")) == 2
        await house.kill(A)
        await house.cluster.advance(5.0)
        began = house.cluster.clock.now()
        with pytest.raises(EntityAway):
            await house.drive(house.client.node.call(CALLS, Add(), timeout=60.0))
        assert 9.0 < house.cluster.clock.now() - began < 11.0


async def test_a_call_without_a_key_that_was_sent_to_a_node_that_dies_fails_and_one_with_a_key_is_done() -> None:
    async with a_house(A, B) as house:
        await house.all_owned()
        await house.drive(house.client.durable_call(CALLS, Add()))
        victim = house.owner(CALLS)
        house.cluster.pause(victim)
        plain = begin(house.client.node.call(CALLS, Add(), timeout=60.0))
        keyed = begin(house.client.call(CALLS, Add(), key="mine", timeout=60.0))
        await house.cluster.advance(0.1)
        await house.kill(victim)
        with pytest.raises(NodeDown, match="counter:calls"):
            await house.drive(plain)
        assert await house.drive(keyed) == 2
        assert await house.drive(house.client.call(CALLS, Add(), key="mine")) == 2


async def test_messages_of_one_sender_keep_their_order_also_when_they_wait() -> None:
    async with a_house() as house:
        for number in (1, 2, 3):
            house.client.node.send(CALLS, number)
        last = begin(house.client.node.call(CALLS, "value", timeout=60.0))
        await house.start(A)
        assert await house.drive(last) == 3


async def test_the_place_of_an_entity_that_is_over_goes_without_the_garbage_collector() -> None:
    async with a_house(A, B) as house:
        await house.all_owned()
        ended, dropped = Name("counter", "ended"), Name("counter", "dropped")
        for name in (ended, dropped):
            assert await house.drive(house.client.durable_call(name, Add())) == 1
        places = [weakref.ref(house.at(house.owner(name)).slot(name)) for name in (ended, dropped)]
        gc.collect()
        gc.disable()
        try:
            await house.drive(house.client.durable_call(ended, "end"))
            await house.drive(house.at(house.owner(dropped)).close())
            await house.cluster.advance(1.0)
            assert [place() for place in places] == [None, None]
        finally:
            gc.enable()
