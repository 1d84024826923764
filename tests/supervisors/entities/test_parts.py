"""What can be looked at by itself: evening out, seals, batches, leases, options."""

from __future__ import annotations

import random
from typing import Any

import pytest

from entity_house import Counter, a_house, begin
from mirliton.runtime import CodecError, From, Name, ServerDied
from mirliton.runtime.codec import encode
from mirliton.runtime.transport import Keyring
from mirliton.supervisors.entities import Options
from mirliton.supervisors.entities.evening import to_give
from mirliton.supervisors.entities.lease import Lease
from mirliton.supervisors.entities.messages import Claim, Durable, Stamp, pack, unpack
from mirliton.supervisors.entities.seal import seal, unseal


@pytest.mark.parametrize("seed", range(50))
def test_shards_that_go_to_whoever_is_next_in_line_even_out_in_a_few_rounds(seed: int) -> None:
    chance = random.Random(seed)
    nodes = [f"n{number}" for number in range(chance.randint(2, 6))]
    shards = chance.choice([7, 16, 64])
    first = chance.choice(nodes)
    lines = [[first, *chance.sample([node for node in nodes if node != first], len(nodes) - 1)] for _ in range(shards)]
    taken = dict.fromkeys(range(shards), 0)
    for tick in range(1, 11):
        loads = {node: sum(line[0] == node for line in lines) for node in nodes}
        if max(loads.values()) - min(loads.values()) <= 1:
            assert all(to_give(loads, node) == 0 for node in nodes)
            return
        for node in nodes:
            mine = sorted((s for s in range(shards) if lines[s][0] == node), key=lambda s: -taken[s])
            for shard in mine[: to_give(loads, node)]:
                lines[shard].append(lines[shard].pop(0))
                taken[shard] = tick
    raise AssertionError(f"still {loads} after ten rounds")


def test_who_takes_no_shards_gives_none() -> None:
    assert to_give({"a": 5, "b": 0}, "c") == 0
    assert to_give({"a": 5}, "a") == 0


def test_only_who_knows_the_secret_can_seal_and_only_for_the_shard_it_says() -> None:
    ours, others = Keyring("a secret of many letters"), Keyring("another secret of many letters")
    body = seal(ours, 3, b"content")
    assert unseal(ours, body) == (3, b"content")
    assert unseal(Keyring("a new secret of many letters", "a secret of many letters"), body) == (3, b"content")
    assert unseal(others, body) is None
    for place in range(len(body)):
        assert unseal(ours, body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]) is None
        assert unseal(ours, body[:place]) is None


def test_a_batch_with_anything_else_in_it_is_refused() -> None:
    fine = [Claim("a@host"), Durable(Name("x", "y"), "key", b"", True, From("a@host", 1)), Claim("b@host")]
    assert unpack(pack([encode(each) for each in fine])) == fine
    for bad in [
        b"",
        b"\xc1",
        encode("text"),
        encode(["text"]),
        pack([encode("text")]),
        pack([encode(Stamp(1, 1))]),
        pack([encode(Claim(7))]),
        pack([encode(Durable("no name", "key", b"", True, None))]),
        pack([encode(Durable(Name("x", "y"), "key", b"", 1, None))]),
        pack([encode(Claim("a@host"))[:-1]]),
    ]:
        with pytest.raises(CodecError):
            unpack(bad)


def test_a_lease_runs_from_when_it_was_asked_for() -> None:
    lease = Lease(3.0)
    assert not lease.holds(0.0)
    lease.renew(10.0)
    lease.renew(9.0)  # an answer that was overtaken
    assert lease.holds(12.9)
    assert not lease.holds(13.0)
    assert lease.left(12.0) == 1.0
    assert lease.left(20.0) == 0.0


@pytest.mark.parametrize("wrong", [{"lease": 0.0}, {"batch": 0}, {"tick": 2.0}, {"park_for": -1.0}])
def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"entities: {next(iter(wrong))}"):
        Options(**wrong)


async def test_a_state_that_is_too_long_fails_in_its_handler() -> None:
    class Long(Counter):
        def handle_call(self, request: object, sender: object) -> object:
            self.save("x" * 2_000_000)
            return super().handle_call(request, sender)

    async with a_house("a@host") as house:
        house.at("a@host").kinds["counter"] = Long
        call = begin(house.client.node.call(Name("counter", "x"), "value"))
        with pytest.raises(ServerDied, match="MessageTooLarge"):
            await house.drive(call)
