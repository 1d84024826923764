"""The messages to entities that were set aside, for operators: by the control socket and /v2/supervision/dead_letters.

    await listed(node)                      # the oldest, the request of each in one line
    await redrive(node, "5f2e…")            # that letter; None for all
    await discard(node, "5f2e…")

The oldest MOST are looked at, and so listed, tried again or discarded at a time. All raise EntityFault when the node
has no part in the entities or the broker is away, and NoSuchLetter for an id that is none of theirs.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.runtime import Node
from mirliton.runtime.redaction import scrub, summarise
from mirliton.supervisors import BadRequest
from mirliton.supervisors.entities import DeadLetter, DeadLetters, Entities, EntityFault

MOST: Final = 1_000


class NoSuchLetter(BadRequest):
    """There is no letter `id` among the oldest MOST."""

    def __init__(self, id: str) -> None:
        super().__init__(
            f"there is no dead letter {id[:64]!r} among the oldest {MOST}: see `mirliton dead-letters list`"
        )
        self.id = id


async def listed(node: Node) -> list[dict[str, Any]]:
    """The letters, oldest first: each message of them as an object."""
    return [_shown(letter) for letter in await _of(node).look(MOST)]


async def shown(node: Node, id: str) -> list[dict[str, Any]]:
    """The messages of one letter."""
    found = [_shown(letter) for letter in await _of(node).look(MOST, id=id)]
    if not found:
        raise NoSuchLetter(id)
    return found


async def redrive(node: Node, id: str | None) -> int:
    """Put one letter, or all of them, back into the queues of their shards; how many messages."""
    return _some(await _of(node).redrive(most=MOST, id=id), id)


async def discard(node: Node, id: str | None) -> int:
    """Forget one letter, or all of them; how many messages."""
    return _some(await _of(node).discard(most=MOST, id=id), id)


def _of(node: Node) -> DeadLetters:
    entities = node.cluster_names
    if not isinstance(entities, Entities):
        raise EntityFault(f"node {node.name} has no part in the entities just now")
    return entities.dead_letters


def _some(count: int, id: str | None) -> int:
    if id is not None and not count:
        raise NoSuchLetter(id)
    return count


def _shown(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "name": str(letter.name) if letter.name is not None else None,
        "key": scrub(letter.key),
        "why": letter.why,
        "node": letter.node or None,
        "when": letter.when,
        # A message may hold what is nobody's business.
        "request": summarise(letter.request) if not letter.unreadable else None,
        "unreadable": letter.unreadable or None,
    }
