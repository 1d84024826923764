"""The group commit of a node: what all its entities changed in a turn of the loop is written at once.

One write is under way at a time. What changes meanwhile goes with the next one, so that the groups grow as the load
does, and nothing waits for a timer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mirliton.supervisors.entities.errors import EntityStoreAway

if TYPE_CHECKING:
    from mirliton.supervisors.entities.entities import Entities
    from mirliton.supervisors.entities.slot import Slot
    from mirliton.supervisors.entities.store import Record

PAUSE: Final = 0.1
"""Seconds between two attempts while the store is away."""
MOST: Final = 500
"""Entities written at once."""


class Committer:
    """Holds the slots that have changed."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities
        self._changed: dict[Slot, None] = {}
        self._busy = False

    def note(self, slot: Slot) -> None:
        """Write what this slot's snapshot says, at the end of this turn of the loop."""
        if not slot.over:
            self._changed[slot] = None
            if not self._busy:
                self._busy = True
                self._entities.node.loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._entities.task(self._run())

    async def _run(self) -> None:
        try:
            while self._changed:
                slots = [slot for slot in self._changed if not slot.over][:MOST]
                for slot in slots:
                    del self._changed[slot]
                if not slots:
                    self._changed.clear()
                    break
                await self._commit(slots)
        finally:
            self._busy = False

    async def _commit(self, slots: list[Slot]) -> None:
        entities = self._entities
        records = {slot: slot.snapshot() for slot in slots}
        while records:
            entities.counters.commits += 1
            try:
                versions: list[Any] = await entities.store.commit(list(records.values()))
            except EntityStoreAway as error:
                entities.counters.store_away += 1
                entities.log.warning("entity_commit_failed", error=str(error), again_in=PAUSE)
                await entities.pause(PAUSE)
                # Not those that this node has lost since: they are another's to write.
                records = {slot: record for slot, record in records.items() if not slot.over}
                continue
            self._told(records, versions)
            return

    def _told(self, records: dict[Slot, Record], versions: list[Any]) -> None:
        for (slot, record), version in zip(records.items(), versions, strict=True):
            if slot.over:
                continue
            if version is None:
                slot.owner.fenced()
            else:
                slot.committed(record, version)
