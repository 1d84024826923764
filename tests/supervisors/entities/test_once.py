"""What has a key is done once; and what an entity shows is on the disk."""

from __future__ import annotations

import pytest

from entity_house import CLIENT, Add, Counter, Fail, TellWhenSaved, a_house, begin
from mirliton.runtime import CallTimeout, GenServer, Name, ServerDied
from mirliton.supervisors.entities import EntityRefused, Fence, Options, ReplyGone, SetAside, StaleEpoch, Stamp
from mirliton.supervisors.entities.keyed import MOST_TRIES
from mirliton.supervisors.entities.store import ANSWER_KEPT, ANSWERS_KEPT, KEYS_KEPT, Keys

A, B = "a@host", "b@host"
CALLS = Name("counter", "calls")


@pytest.fixture(autouse=True)
def nothing_failed_before() -> None:
    Counter.failed.clear()


async def test_a_key_is_done_once_and_brings_its_answer_again() -> None:
    async with a_house(A) as house:
        for _ in range(3):
            assert await house.drive(house.client.durable_call(CALLS, Add(), key="one")) == 1
            assert await house.drive(house.client.call(CALLS, Add(), key="two")) == 2
        assert house.at(A).counters.repeated == 4
        assert house.at(A).counters.handled == 2


async def test_the_same_key_twice_at_the_same_time_is_done_once() -> None:
    async with a_house(A) as house:
        calls = [begin(house.client.durable_call(CALLS, Add(), key="one")) for _ in range(5)]
        assert [await house.drive(call) for call in calls] == [1] * 5


async def test_a_key_is_known_after_its_owner_has_died_and_after_the_entity_was_passivated() -> None:
    async with a_house(A, B) as house:
        await house.all_owned()
        name = Name("idler", "calls")
        assert await house.drive(house.client.durable_call(name, Add(), key="one")) == 1
        await house.cluster.advance(12.0)
        assert house.owner(name) is None
        assert not house.world.records[name].live
        assert await house.drive(house.client.durable_call(name, Add(), key="one")) == 1
        await house.kill(house.owner(name))
        assert await house.drive(house.client.durable_call(name, Add(), key="one", timeout=30.0)) == 1


async def test_a_passivated_entity_is_not_started_by_the_next_owner_but_by_the_next_message() -> None:
    async with a_house(A, B) as house:
        await house.all_owned()
        name = Name("idler", "calls")
        await house.drive(house.client.durable_call(name, Add()))
        await house.cluster.advance(12.0)
        for node in (A, B):
            await house.kill(node)
            await house.start(node)
            await house.cluster.advance(6.0)
        assert house.owner(name) is None
        assert await house.drive(house.client.node.call(name, "value")) == 1


async def test_mail_that_meets_an_entity_at_its_passivation_is_answered() -> None:
    async with a_house(A) as house:
        await house.drive(house.client.durable_call(CALLS, Add()))
        slot = house.at(A).slot(CALLS)
        for _ in range(10):
            slot.rest()
            plain, durable = begin(house.at(A).node.call(CALLS, Add())), begin(house.client.durable_call(CALLS, Add()))
            assert {await house.drive(plain), await house.drive(durable)}
        assert await house.drive(house.client.durable_call(CALLS, "value")) == 21


async def test_an_entity_that_ends_well_is_started_by_the_next_message() -> None:
    async with a_house(A) as house:
        await house.drive(house.client.durable_call(CALLS, Add()))
        assert await house.drive(house.client.durable_call(CALLS, "end")) == 1
        await house.cluster.advance(0.1)
        assert house.owner(CALLS) is None
        assert await house.drive(house.client.node.call(CALLS, Add())) == 2


async def test_a_crash_undoes_what_the_handler_did_and_the_message_is_tried_again() -> None:
    async with a_house(A) as house:
        assert await house.drive(house.client.durable_call(CALLS, Fail(MOST_TRIES - 1))) == 1


async def test_a_message_at_which_the_entity_ends_every_time_is_set_aside_and_can_be_tried_later() -> None:
    async with a_house(A) as house:
        await house.drive(house.client.durable_call(CALLS, Add()))
        behind = begin(house.client.durable_call(CALLS, Fail(MOST_TRIES), key="bad"))
        good = begin(house.client.durable_call(CALLS, Add()))
        with pytest.raises(SetAside, match="crashes"):
            await house.drive(behind)
        assert await house.drive(good) == 2
        letters = house.at(A).dead_letters
        (letter,) = await house.drive(letters.look())
        assert (letter.name, letter.key, letter.request) == (CALLS, "bad", Fail(MOST_TRIES))
        assert house.at(A).counters.set_aside["crashes"] == 1
        assert await house.drive(letters.redrive("another")) == 0
        assert await house.drive(letters.redrive("bad")) == 1  # and this time it does not fail
        await house.cluster.advance(0.1)
        assert await house.drive(house.client.durable_call(CALLS, "value")) == 3
        assert await house.drive(letters.look()) == []
        assert not house.hub.waiting()


async def test_dead_letters_can_be_discarded() -> None:
    async with a_house(A) as house:
        for key in ("one", "two"):
            Counter.failed.clear()
            with pytest.raises(SetAside):
                await house.drive(house.client.durable_call(CALLS, Fail(MOST_TRIES), key=key))
        letters = house.client.dead_letters
        assert await house.drive(letters.discard("one")) == 1
        assert [letter.key for letter in await house.drive(letters.look())] == ["two"]
        assert await house.drive(letters.discard()) == 1


async def test_only_the_message_that_was_handled_is_blamed_and_after_three_nodes_it_is_set_aside() -> None:
    async with a_house(A, B) as house:
        await house.all_owned()
        await house.drive(house.client.durable_call(CALLS, Add()))
        # "slow" never comes to its end, because its node dies each time; the others only stand behind it.
        deadly = begin(house.client.durable_call(CALLS, "slow", key="deadly", timeout=300.0))
        await house.cluster.advance(0.1)
        behind = [begin(house.client.durable_call(CALLS, Add(), timeout=300.0)) for _ in range(4)]
        await house.cluster.advance(0.1)
        deaths = 0
        while not house.hub.dead:
            node = house.owner(CALLS)
            if node is None:
                await house.cluster.advance(0.05)
                continue
            if house.at(node).slot(CALLS).keyed._current is not None:
                await house.kill(node)
                await house.start(node)
                deaths += 1
                assert deaths <= 3
            await house.cluster.advance(0.05)
        assert deaths == 3
        with pytest.raises(SetAside, match="deaths"):
            await house.drive(deadly)
        assert sorted([await house.drive(each, limit=300.0) for each in behind]) == [2, 3, 4, 5]
        assert len(house.hub.dead) == 1


async def test_a_call_with_a_key_must_be_answered_by_its_handler() -> None:
    async with a_house(A) as house:
        with pytest.raises(SetAside, match="crashes"):
            await house.drive(house.client.durable_call(CALLS, "unanswered"))


async def test_an_answer_waits_until_what_it_shows_is_on_the_disk() -> None:
    async with a_house(A) as house:
        await house.drive(house.client.durable_call(CALLS, Add()))
        house.world.away.add(A)
        written = begin(house.client.node.call(CALLS, Add(), timeout=60.0))
        shown = begin(house.client.node.call(CALLS, "value", timeout=60.0))
        await house.cluster.advance(5.0)
        assert not written.done()
        assert not shown.done()
        assert house.at(A).counters.store_away > 3
        house.world.away.clear()
        assert await house.drive(written) == 2
        assert await house.drive(shown) == 2


class Listener(GenServer):
    def init(self) -> None:
        self.heard: list[Stamp] = []

    def handle_info(self, message: Stamp) -> None:
        self.heard.append(message)


async def test_what_is_told_waits_for_the_disk_too_and_carries_a_stamp_that_a_fence_refuses_when_it_is_over() -> None:
    async with a_house(A) as house:
        there = Name("service", "listener")
        node = house.at(A).node
        listener = node.find(await house.drive(node.start(Listener, name=there))).actor
        house.world.away.add(A)
        telling = begin(house.client.durable_call(CALLS, TellWhenSaved(there), timeout=60.0))
        await house.cluster.advance(2.0)
        assert listener.heard == []
        house.world.away.clear()
        await house.drive(telling)
        (stamp,) = listener.heard
        fence = Fence()
        fence.check(stamp)
        fence.check(Stamp(stamp.shard, stamp.epoch + 1))
        with pytest.raises(StaleEpoch) as refused:
            fence.check(stamp)
        assert (refused.value.epoch, refused.value.current, fence.refused) == (stamp.epoch, stamp.epoch + 1, 1)


async def test_a_cast_ends_when_the_broker_has_it() -> None:
    async with a_house() as house:
        await house.drive(house.client.durable_cast(CALLS, Add(7)))
        await house.start(A)
        assert await house.drive(house.client.durable_call(CALLS, "value", timeout=30.0)) == 7


async def test_an_outbox_has_a_bound() -> None:
    async with a_house(A, options=Options(outbox=10)) as house:
        await house.all_owned()
        house.hub.cut(CLIENT)
        calls = [begin(house.client.durable_call(CALLS, Add(), timeout=5.0)) for _ in range(11)]
        with pytest.raises(EntityRefused, match="outbox"):
            await house.drive(calls[-1])
        for call in calls[:-1]:
            with pytest.raises(CallTimeout):
                await house.drive(call)
        house.hub.heal(CLIENT)
        await house.cluster.advance(5.0)
        assert house.client.outbox.length == 0


async def test_a_plain_call_fails_with_the_entity_as_every_call_does() -> None:
    async with a_house(A) as house:
        with pytest.raises(ServerDied, match="told to"):
            await house.drive(house.client.node.call(CALLS, Fail(1)))


async def test_an_answer_that_is_not_kept_is_an_error_of_its_own_and_nothing_is_done_twice() -> None:
    async with a_house(A) as house:
        long = "x" * (ANSWER_KEPT + 1)
        for _ in range(2):
            assert await house.drive(house.client.durable_call(CALLS, Add(), key="one")) == 1
        slot = house.at(A).slot(CALLS)
        slot.keyed.keys.add(Keys.digest("long"), long.encode())
        with pytest.raises(ReplyGone):
            await house.drive(house.client.durable_call(CALLS, Add(), key="long"))
        assert await house.drive(house.client.durable_call(CALLS, "value")) == 1


def test_keys_are_remembered_within_bounds_and_outlive_the_answers() -> None:
    keys = Keys()
    digests = [Keys.digest(f"key {number}") for number in range(KEYS_KEPT + 10)]
    for digest in digests:
        keys.add(digest, b"a" * 1000)
    assert list(keys) == digests[10:]
    assert keys.answer(digests[-1]) == b"a" * 1000
    assert keys.answer(digests[10]) is None
    assert len(keys.text()) < ANSWERS_KEPT + KEYS_KEPT * 20
    again = Keys(keys.text())
    assert list(again) == list(keys)
    assert [again.answer(digest) for digest in again] == [keys.answer(digest) for digest in keys]
