"""Lamps that are lit by other things than calls of phones: slots, conferences, agents, hands; without I/O.

A source's word about a presence id is told to proxies as a dialog of its own, so that several sources may light one
lamp, and each puts out only what it has lit.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from mirliton.actors.kapi.presence import DialogUpdate
from mirliton.actors.presence import LampState
from mirliton.whapps.omnipresence.dialogs import Dialog

LASTING: Final = 7 * 86_400.0
"""Seconds for which a proxy is told a state that nobody tells again; a phone that subscribes anew has it asked for."""
MOST: Final = 100_000
"""Lamps that are lit; the oldest go."""


@dataclass(frozen=True, slots=True)
class Lamp:
    """What one source says of one presence id, `user@realm` in small letters. `call_id`: out when that leg is gone."""

    user: str
    realm: str
    source: str
    state: LampState
    call_id: str = ""
    lasting: bool = False

    @property
    def presence_id(self) -> str:
        return f"{self.user}@{self.realm}"

    def update(self, *, alone: bool = False) -> DialogUpdate:
        """What a proxy is told; `alone`: and nothing else of this presence id is true."""
        known = hashlib.sha256(f"{self.presence_id}/{self.source}".encode()).hexdigest()[:32]
        dialog = Dialog(
            f"lamp-{known}", self.user, self.realm, (self.user, self.realm), ("", ""), False, "", self.state
        )
        told = dialog.update(alone=alone)
        return replace(told, expires=LASTING) if self.lasting and self.state != "terminated" else told


Key = tuple[str, str]
"""Presence id and source."""


class Lamps:
    """All that are lit."""

    def __init__(self) -> None:
        self._lit: OrderedDict[Key, Lamp] = OrderedDict()
        self._sources: dict[str, dict[str, None]] = {}
        """By presence id, the sources that light it."""
        self._hang: dict[str, dict[Key, None]] = {}
        """By leg, what hangs on it."""

    def __len__(self) -> int:
        return len(self._lit)

    def put(self, lamp: Lamp) -> Lamp | None:
        """A source has spoken: the lamp, where that is news. One that is out may be told of twice."""
        key = (lamp.presence_id, lamp.source)
        known = self._lit.get(key)
        if known == lamp:
            return None
        if known is not None:
            self._drop(key)
        if lamp.state != "terminated":
            self._lit[key] = lamp
            self._sources.setdefault(lamp.presence_id, {})[lamp.source] = None
            if lamp.call_id:
                self._hang.setdefault(lamp.call_id, {})[key] = None
            if len(self._lit) > MOST:
                self._drop(next(iter(self._lit)))
        return lamp

    def of(self, presence_id: str) -> list[Lamp]:
        """Those of one presence id."""
        return [self._lit[presence_id, source] for source in self._sources.get(presence_id, ())]

    def up(self) -> Iterable[Lamp]:
        """All of them."""
        return tuple(self._lit.values())

    def legs(self) -> frozenset[str]:
        """The legs that lamps hang on."""
        return frozenset(self._hang)

    def ended(self, call_id: str) -> list[Lamp]:
        """What hung on a leg that has ended, as news."""
        return [replace(self._drop(key), state="terminated") for key in tuple(self._hang.get(call_id, ()))]

    def _drop(self, key: Key) -> Lamp:
        lamp = self._lit.pop(key)
        _without(self._sources, lamp.presence_id, lamp.source)
        if lamp.call_id:
            _without(self._hang, lamp.call_id, key)
        return lamp


def _without(table: dict[str, dict[Any, None]], name: str, item: Any) -> None:
    del table[name][item]
    if not table[name]:
        del table[name]
