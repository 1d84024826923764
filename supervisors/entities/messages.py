"""What nodes tell each other about entities, and what travels through the queue of a shard."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from mirliton.runtime import From, MalformedFrame, Name, Pid, message
from mirliton.runtime.codec import decode, encode
from mirliton.runtime.protocol import Local

GATE: Final = Name("service", "entities")
"""Who takes what other nodes send to the entities of a node."""


def shard_of(name: Name, shards: int) -> int:
    """Which of so many shards a name belongs to: the same in every process, for ever."""
    digest = hashlib.blake2b(f"{name.kind}\0{name.key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % shards


# Between the gates of nodes


@message("entities.owned")
class Owned:
    """`node` has become the owner of `shard`, under `epoch`; with no node: it has given it back."""

    shard: int
    epoch: int
    node: str | None


@message("entities.table")
class Table:
    """All that one node owns, and whether it takes shards at all."""

    owned: list[Owned]
    hosts: bool


@message("entities.who_owns")
class WhoOwns:
    """Ask for a Table."""


@message("entities.lane_send")
class LaneSend:
    """A message for an entity there. `hops` counts the nodes that passed it on."""

    name: Name
    message: Any
    sender: Pid | None
    hops: int = 0


@message("entities.lane_call")
class LaneCall:
    """A request for an entity there; answered NotHere, and certainly not done, by who does not own it."""

    name: Name
    request: Any
    sender: Pid | None = None
    key: str | None = None


@message("entities.not_here")
class NotHere:
    """The owner of `shard` is another; `epoch` is the highest that this node knows of."""

    shard: int
    epoch: int


@message("entities.stand_aside")
class StandAside:
    """Leave the line for a shard until it has a new owner, for `seconds` at most. Answered True when that is done."""

    shard: int
    seconds: float


@message("entities.expect")
class Expect:
    """A shard is about to come to you, within `seconds`. Answered with whether you stand in line for it."""

    shard: int
    seconds: float


@message("entities.give_back")
class GiveBack:
    """Leave a shard to the next in line. Answered True when that is done, False by who does not own it."""

    shard: int


@message("entities.answer")
class Answer:
    """What became of a request with a key: its answer, or the `error` (see errors.py, `why`) and why (`value`)."""

    value: Any = None
    error: str | None = None


@message("entities.stamp")
class Stamp:
    """Under which ownership something was said: give it to a Fence."""

    shard: int
    epoch: int


# In the queue of a shard


@message("entities.claim")
class Claim:
    """There is an owner if this is delivered to it. `node` wants to know who."""

    node: str


@message("entities.durable")
class Durable:
    """A request that is done once. `request` is encoded by itself, so that one that cannot be read harms no other.

    A `call` goes to handle_call, and its Answer to the `caller`, if there is one; anything else to handle_cast.
    """

    name: Name
    key: str
    request: bytes
    call: bool
    caller: From | None


@message("entities.aside")
class Aside:
    """Stands in the queue of dead letters beside what was set aside: why, by which node, and when (unix time)."""

    why: str
    node: str
    when: float


Envelope = Claim | Durable | Aside


def pack(envelopes: list[bytes]) -> bytes:
    """The body of one message in the queue of a shard: encoded Envelopes."""
    return encode(envelopes)


def unpack(body: bytes) -> list[Envelope]:
    """What `pack` made. Raises a CodecError."""
    envelopes = decode(body)
    if not isinstance(envelopes, list):
        raise MalformedFrame("a batch that is no list")
    return [_sound(decode(envelope) if isinstance(envelope, bytes) else None) for envelope in envelopes]


def _sound(envelope: Any) -> Envelope:
    if not isinstance(envelope, Envelope) or not _fits(envelope):
        raise MalformedFrame(f"a batch with a {type(envelope).__name__} in it")
    return envelope


def _fits(envelope: Envelope) -> bool:
    if isinstance(envelope, Claim):
        return isinstance(envelope.node, str)
    if isinstance(envelope, Aside):
        return (
            isinstance(envelope.why, str) and isinstance(envelope.node, str) and isinstance(envelope.when, int | float)
        )
    return (
        isinstance(envelope.name, Name)
        and isinstance(envelope.key, str)
        and isinstance(envelope.request, bytes)
        and isinstance(envelope.call, bool)
        and (envelope.caller is None or isinstance(envelope.caller, From))
    )


# From a slot to its process


class Work(Local):
    """One message with a key, on its way into the entity's mailbox."""

    __slots__ = ("item", "life")

    def __init__(self, item: Any, life: int) -> None:
        self.item = item
        self.life = life
        """For which start of the entity: another one finds it among its mail, and leaves it."""


class Passivate(Local):
    """End, and leave what is in the mailbox behind this to the next start."""
