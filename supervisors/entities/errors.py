"""What can go wrong with entities.

EntityFault
├── StaleEpoch          who acts, or speaks, is no longer the owner of its shard
├── WrongShardCount     the store has been used with another number of shards
├── NotMoved            a shard could not be moved to the node that somebody wanted
├── EntityStoreAway     the store cannot be used now; what was to be written may or may not be there
└── EntityCallError     a call got no answer (a CallError too)
    ├── EntityAway      nobody owned the entity for as long as a message may wait
    ├── EntityRefused   the shard's queue, or this node's outbox, is full; nothing was done
    ├── NotConfirmed    the broker did not confirm it in time; it may be done all the same
    ├── SetAside        it ended its node, or its entity, too often, and is kept apart
    └── ReplyGone       it was done before; its answer was too long, or is too old, to be kept
"""

from __future__ import annotations

from mirliton.runtime import CallError
from mirliton.supervisors.errors import SupervisionFault


class EntityFault(SupervisionFault):
    """Base of what is raised here."""


class StaleEpoch(EntityFault):
    """Of `shard` there is a higher epoch, `current`, than the `epoch` that this was done under."""

    def __init__(self, shard: int, epoch: int, current: int) -> None:
        super().__init__(f"shard {shard}: epoch {epoch} is over, {current} has begun")
        self.shard = shard
        self.epoch = epoch
        self.current = current


class WrongShardCount(EntityFault):
    """The entities in the store are divided into `found` shards, and cannot be found by who divides into `given`."""

    def __init__(self, found: object, given: int) -> None:
        super().__init__(f"the store's entities are divided into {found} shards, not {given}: that cannot be changed")
        self.found = found
        self.given = given


class NotMoved(EntityFault):
    """`shard` is not `to`'s, because of `why`."""

    def __init__(self, shard: int, to: str, why: str) -> None:
        super().__init__(f"shard {shard} was not moved to {to}: {why}")
        self.shard = shard
        self.to = to
        self.why = why


class EntityStoreAway(EntityFault):
    """The store could not do it now, for `reason`; a write may be there or not. Worth trying again."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the store of the entities is away: {reason}")
        self.reason = reason


class EntityCallError(EntityFault, CallError):
    """Base of why a call to an entity got no answer."""

    why = "away"

    def __init__(self, target: object, detail: str) -> None:
        CallError.__init__(self, target, detail)

    @property
    def reason(self) -> object:
        return self.why


class EntityAway(EntityCallError):
    """No node owned the entity, or started it, in `seconds`."""

    def __init__(self, target: object, seconds: float) -> None:
        super().__init__(target, f"nobody has had it for {seconds:g} s")
        self.seconds = seconds


class EntityRefused(EntityCallError):
    """There is no room for it: `where` says whose bound is reached. It was not taken."""

    why = "refused"

    def __init__(self, target: object, where: str) -> None:
        super().__init__(target, f"{where} is full")
        self.where = where


class NotConfirmed(EntityCallError):
    """The broker has not confirmed it within `seconds`. The same key may be sent again."""

    why = "not_confirmed"

    def __init__(self, target: object, seconds: float) -> None:
        super().__init__(target, f"the broker did not confirm it within {seconds:g} s; it may be done all the same")
        self.seconds = seconds


class SetAside(EntityCallError):
    """The message was set aside, for `because`: the queue of dead letters has it."""

    why = "set_aside"

    def __init__(self, target: object, because: str) -> None:
        super().__init__(target, f"it was set aside: {because}")
        self.because = because


class ReplyGone(EntityCallError):
    """The key is known: it was done, once. The answer is not kept."""

    why = "reply_gone"

    def __init__(self, target: object) -> None:
        super().__init__(target, "it was done before, and its answer is not kept")
