"""Entities in the document store, and in memory: the same promises."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mirliton.actors.store import StoreInterrupted
from mirliton.actors.store.entities import DATABASE, DocumentEntityStore
from mirliton.runtime import Name
from mirliton.supervisors.entities import EntityStoreAway, MemoryWorld, StaleEpoch, shard_of

SHARDS = 4
X, Y = Name("counter", "x"), Name("counter", "y")
SHARD = shard_of(X, SHARDS)


@pytest.fixture(params=["documents", "memory"])
async def entity_store(request, open_store):
    if request.param == "memory":
        return MemoryWorld(SHARDS).store()
    made = DocumentEntityStore(await open_store(), SHARDS)
    await made.open()
    await made.open()  # on every node
    return made


async def test_an_epoch_only_rises_and_tells_whether_the_one_before_ended_in_order(entity_store):
    first = await entity_store.raise_epoch(0, "a@host")
    assert (first.shard, first.epoch) == (0, 1)
    assert not (second := await entity_store.raise_epoch(0, "b@host")).orderly
    assert second.epoch == 2
    await entity_store.release(0, 1)  # too late: it is another's
    assert not (await entity_store.raise_epoch(0, "a@host")).orderly
    await entity_store.release(0, 3)
    assert (await entity_store.raise_epoch(0, "b@host")).orderly
    assert (await entity_store.raise_epoch(1, "b@host")).epoch == 1


async def test_what_is_committed_is_what_the_next_owner_claims(entity_store):
    await entity_store.raise_epoch(SHARD, "a@host")
    (record,) = await entity_store.claim(SHARD, 1, [X])
    assert (record.state, record.keys, record.live) == (None, "", True)
    for number in range(3):
        record = replace(record, state=b"\x00state %d" % number, keys="k=v", suspect="s", deaths=number)
        (version,) = await entity_store.commit([record])
        record = replace(record, version=version)
    await entity_store.raise_epoch(SHARD, "b@host")
    (after,) = await entity_store.claim(SHARD, 2, [X])
    assert after == replace(record, epoch=2, version=after.version)
    assert after.version != record.version


async def test_who_is_deposed_can_write_until_the_next_owner_has_claimed_and_never_again(entity_store):
    await entity_store.raise_epoch(SHARD, "a@host")
    (old,) = await entity_store.claim(SHARD, 1, [X])
    await entity_store.raise_epoch(SHARD, "b@host")
    (version,) = await entity_store.commit([replace(old, state=b"late, and seen by the next")])
    old = replace(old, version=version)
    (new,) = await entity_store.claim(SHARD, 2, [X])
    assert new.state == b"late, and seen by the next"
    assert await entity_store.commit([replace(old, state=b"too late")]) == [None]
    with pytest.raises(StaleEpoch):
        await entity_store.claim(SHARD, 1, [X])
    with pytest.raises(StaleEpoch):
        await entity_store.claim(SHARD, 1, [Name("counter", "never seen")])
    assert await entity_store.commit([replace(new, state=b"mine")]) != [None]


async def test_of_several_each_is_written_or_refused_by_itself(entity_store):
    await entity_store.raise_epoch(SHARD, "a@host")
    x, y = await entity_store.claim(SHARD, 1, [X, Y])
    await entity_store.claim(SHARD, 2, [Y])
    first, second = await entity_store.commit([replace(x, state=b"1"), replace(y, state=b"1")])
    assert first is not None
    assert second is None


async def test_the_live_ones_of_a_shard_are_listed(entity_store):
    names = [Name("counter", str(number)) for number in range(20)]
    for shard in range(SHARDS):
        mine = [name for name in names if shard_of(name, SHARDS) == shard]
        await entity_store.raise_epoch(shard, "a@host")
        records = await entity_store.claim(shard, 1, mine)
        await entity_store.commit([replace(records[0], live=False)])
        assert set(await entity_store.live(shard)) == set(mine[1:])


@pytest.mark.parametrize("key", ["", "_x", "a/b?c#d", "é\x00\n", "k" * 3000, ".."])
async def test_any_name_can_be_an_entity(entity_store, key):
    name = Name("counter", key)
    shard = shard_of(name, SHARDS)
    await entity_store.raise_epoch(shard, "a@host")
    (record,) = await entity_store.claim(shard, 1, [name])
    assert record.name == name
    assert await entity_store.live(shard) == [name]


class Interrupted:
    """A store whose writes are done, and at first not answered."""

    def __init__(self, store):
        self.store = store
        self.silent = False

    def __getattr__(self, method):
        async def ask(*args, **kwargs):
            answer = await getattr(self.store, method)(*args, **kwargs)
            if self.silent and method in ("put", "bulk"):
                self.silent = False
                raise StoreInterrupted("somewhere", method, "the connection broke")
            return answer

        return ask


async def test_a_write_that_was_not_answered_is_made_again_by_who_is_still_the_owner(open_store):
    store = Interrupted(await open_store())
    entities = DocumentEntityStore(store, SHARDS)
    await entities.open()
    await entities.raise_epoch(SHARD, "a@host")
    x, y = await entities.claim(SHARD, 1, [X, Y])
    for records in ([replace(x, state=b"1")], [replace(x, state=b"2"), replace(y, state=b"2")]):
        store.silent = True
        with pytest.raises(EntityStoreAway):
            await entities.commit(records)
        versions = await entities.commit(records)
        assert None not in versions
        x = replace(records[0], version=versions[0])
    assert (await entities.claim(SHARD, 2, [X]))[0].state == b"2"
    store.silent = True
    with pytest.raises(EntityStoreAway):
        await entities.raise_epoch(SHARD, "a@host")
    assert (await entities.raise_epoch(SHARD, "a@host")).epoch == 3
    assert DATABASE in await store.databases()
