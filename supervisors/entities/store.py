"""What is kept of shards and entities, and what a store of them must promise. actors/store/ has one on documents.

The store is where two owners of one shard are told apart. Each ownership has an *epoch*, which its owner raised by
compare-and-set; and an owner *claims* each entity before it runs it: the entity's record then bears that epoch. Whoever
wrote the record last is the only one who can write it next, so an owner that was deposed is refused from then on,
whatever it has not yet heard.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from mirliton.runtime import Name

KEYS_KEPT: Final = 512
"""Keys that are remembered of one entity: more than can be on their way to it (see Options.prefetch, batch)."""
ANSWER_KEPT: Final = 4 * 1024
"""Bytes of an answer that is remembered with its key."""
ANSWERS_KEPT: Final = 64 * 1024
"""Bytes of all answers that are remembered of one entity, in the form in which they are written."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """What `raise_epoch` made. `orderly`: the owner before gave the shard back, so that nothing was left half done."""

    shard: int
    epoch: int
    orderly: bool


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of one entity. `version` is the store's own; who writes gives back the one it was last given."""

    name: Name
    epoch: int
    version: Any
    live: bool = True
    """Runs, or would if its node did: the next owner starts it, whether mail waits or not."""
    state: bytes | None = None
    keys: str = ""
    """See Keys."""
    suspect: str = ""
    """The key of a message that may be what ended the node before, noted before it is handled again."""
    deaths: int = 0
    """How often an owner was lost with that note."""


class EntityStore(Protocol):
    """Every method may raise EntityStoreAway, after which what it was to do may be done; it can be called again."""

    async def open(self) -> None:
        """Make what has to be there. Raises WrongShardCount where it was made for another number of shards."""

    async def raise_epoch(self, shard: int, node: str) -> Ownership:
        """Become the owner: an epoch that is higher than all before. Of two who do it at once each has its own."""

    async def release(self, shard: int, epoch: int) -> None:
        """Note that the ownership ended in order. Nothing happens when there is a higher epoch."""

    async def live(self, shard: int) -> list[Name]:
        """The entities of a shard that are to be started."""

    async def claim(self, shard: int, epoch: int, names: Sequence[Name]) -> list[Record]:
        """Read these entities, in this order, and make them this epoch's, and live. An unknown one begins anew.

        Raises StaleEpoch when the shard, or one of them, is a higher epoch's.
        """

    async def states(self, names: Sequence[Name]) -> list[bytes | None]:
        """What each of these saved last, whoever has it now; None for one that saved nothing."""

    async def commit(self, records: Sequence[Record]) -> list[Any]:
        """Write each record; its new version, or None for one that is no longer its owner's. They are independent.

        What is answered is on the disk.
        """


class Keys:
    """The keys of what one entity has done, each with its answer, oldest first; at most KEYS_KEPT.

    They are written with every commit, and so as one text: of each key a digest, and the answer in base64.
    """

    __slots__ = ("_answers", "_entries")

    def __init__(self, text: str = "") -> None:
        self._entries: dict[str, str] = {}
        self._answers = 0
        for entry in text.split(" ") if text else ():
            digest, _, answer = entry.partition("=")
            self._entries[digest] = answer
            self._answers += len(answer)

    @staticmethod
    def digest(key: str) -> str:
        """What a key is known by."""
        return base64.urlsafe_b64encode(hashlib.blake2b(key.encode(), digest_size=12).digest()).decode()

    def __contains__(self, digest: str) -> bool:
        return digest in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def answer(self, digest: str) -> bytes | None:
        """The answer under a known key; None when it is not kept."""
        kept = self._entries[digest]
        return base64.urlsafe_b64decode(kept) if kept else None

    def add(self, digest: str, answer: bytes) -> None:
        """Remember a key. An answer of no bytes is none."""
        kept = base64.urlsafe_b64encode(answer).decode() if len(answer) <= ANSWER_KEPT else ""
        self._entries[digest] = kept
        self._answers += len(kept)
        while len(self._entries) > KEYS_KEPT:
            oldest = next(iter(self._entries))
            self._answers -= len(self._entries.pop(oldest))
        if self._answers > ANSWERS_KEPT:
            self._forget_answers()

    def _forget_answers(self) -> None:
        """Of the oldest, until half of the room is free again; their keys stay."""
        for digest, kept in self._entries.items():
            if self._answers <= ANSWERS_KEPT // 2:
                return
            self._entries[digest] = ""
            self._answers -= len(kept)

    def text(self) -> str:
        """All of them, as they are written."""
        return " ".join([f"{digest}={answer}" for digest, answer in self._entries.items()])
