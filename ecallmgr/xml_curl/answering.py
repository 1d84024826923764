"""Which part answers a lookup, by when, and how many are answered at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from mirliton.actors.store import StoreError
from mirliton.actors.store.client import StoreClient
from mirliton.ecallmgr.plan import Surroundings
from mirliton.ecallmgr.xml_curl.configuration import configuration
from mirliton.ecallmgr.xml_curl.dialplan import dialplan, extension, park
from mirliton.ecallmgr.xml_curl.directory import directory
from mirliton.ecallmgr.xml_curl.document import not_found
from mirliton.ecallmgr.xml_curl.request import Lookup
from mirliton.runtime import CallError, Exit, GenServer

AT_ONCE: Final = 500
"""Lookups under way. A dialplan beyond them is parked without being asked about, others are told to come again."""

ANSWERED: Final = ("configuration", "dialplan", "directory")
"""The sections of which anything is known here."""
OUTCOMES: Final = ("found", "not_found", "failed", "shed")


@dataclass(frozen=True, slots=True)
class LookupSettings:
    """`path`: where switches ask. `around`: what is said of them in answers. Seconds: `route_timeout` for where a call
    goes, `fetch_timeout` for everything else (Kazoo: fetch_timeout)."""

    path: str
    around: Surroundings
    route_timeout: float = 2.75
    fetch_timeout: float = 2.6


class NotKnownNow(Exception):
    """The answer may be known later: the switch does with its own files meanwhile."""


class Answering:
    """Lookups answered for `process`, and counted by section and outcome."""

    def __init__(self, process: GenServer, settings: LookupSettings) -> None:
        self._process = process
        self._settings = settings
        self._under_way = 0
        self.counts: Counter[tuple[str, str]] = Counter()

    async def answer(self, lookup: Lookup) -> bytes:
        """The answer as XML. Raises NotKnownNow, and InvalidLookup."""
        context = self._settings.around.context
        if self._under_way >= AT_ONCE:
            self.counts[lookup.section, "shed"] += 1
            if lookup.section == "dialplan" and lookup.get("Hunt-Context") == context:
                return extension(context, *park(context))
            raise NotKnownNow(f"{AT_ONCE} lookups are under way")
        self._under_way += 1
        try:
            found = await self._answer(lookup)
        except (CallError, Exit, StoreError, TypeError) as error:
            self.counts[lookup.section, "failed"] += 1
            self._process.log.warning(
                "lookup_failed", section=lookup.section, key=lookup.key_value[:80], error=str(error)
            )
            raise NotKnownNow(str(error)) from error
        finally:
            self._under_way -= 1
        self.counts[lookup.section, "not_found" if found == not_found() else "found"] += 1
        return found

    async def _answer(self, lookup: Lookup) -> bytes:
        settings = self._settings
        match lookup.section:
            case "dialplan":
                return await dialplan(self._process, lookup, settings.around, settings.route_timeout)
            case "directory":
                return await directory(self._process, lookup, settings.fetch_timeout)
            case "configuration":
                return await configuration(StoreClient(self._process), lookup, settings.around)
        return not_found()
