"""Tells SIP proxies which switches there are: the node's heartbeat on Kazoo's exchange `nodes`.

A proxy puts every switch that is named into its sets, and takes out the one that its node names no more. So a heartbeat
goes out at intervals, whenever a switch comes or goes, and whenever a broker is there again. It names those switches
only that are connected, have a SIP profile for calls and do not drain. Kazoo: kz_nodes, with ecallmgr's part of it.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any, Final

from mirliton.actors.edge import BrokerUp, Publish
from mirliton.actors.kapi.nodes import Advertise
from mirliton.actors.switching import DRAINS, SWITCH_NEWS, SwitchApi, SwitchDown, SwitchUp, switch_name
from mirliton.runtime import Address, CallError, Completed, Continue, GenServer, Name, NoReply, TimerFired

ADVERTISER: Final = Name("service", "advertiser")
EVERY: Final = 10.0
EXPIRES: Final = 30.0
"""Seconds for which a heartbeat is good."""
ASK_TIMEOUT: Final = 5.0
_URL: Final = re.compile(r"^URL\s+(sips?:[A-Za-z0-9@.:\[\]_-]{1,180})\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Advertised:
    """A switch as a proxy needs to know it."""

    url: str
    run: str
    since: int
    """Unix seconds at which it was connected."""


class Advertiser(GenServer):
    """Under ADVERTISER. It keeps nothing that it does not ask for again at its start."""

    def init(self, edge: Address, switches: tuple[str, ...], interface: str, zone: str, apps: tuple[str, ...]) -> Any:
        """`interface` is the SIP profile that takes calls, `apps` what this node runs."""
        self.edge = edge
        self.switches = switches
        self.interface = interface
        self.zone = zone
        self.started = int(self.node.clock.time())
        self.apps = {app: {"Startup": self.started} for app in apps}
        self.known: dict[str, Advertised] = {}
        self.asking = False
        self.again = False
        self.told = 0
        self.node.groups.join(SWITCH_NEWS, self.pid)
        return NoReply(then=Continue())

    def handle_continue(self, argument: Any) -> None:
        self._look()
        self.start_timer(EVERY, "heartbeat")

    def handle_info(self, message: Any) -> None:
        match message:
            case TimerFired(message="heartbeat"):
                self._look()
                self.start_timer(EVERY, "heartbeat")
            case SwitchUp() | BrokerUp():
                self._look()
            case SwitchDown(switch):
                if self.known.pop(switch, None) is not None:
                    self._tell()
            case Completed(tag="looked", value=found, error=None):
                self._looked(found)
            case Completed(tag="looked", error=error):
                self.asking = False
                self.log.error("switches_not_asked", error=str(error))
            case _:
                super().handle_info(message)

    def _look(self) -> None:
        """Ask each switch for its address, and tell what they say."""
        if self.asking:
            self.again = True
            return
        self.asking = True
        self.background(self._ask(), "looked")

    async def _ask(self) -> dict[str, tuple[str, str]]:
        """Address and run (Core-UUID) of each switch that has them."""
        found = await asyncio.gather(*(self._ask_one(switch) for switch in self.switches))
        return {switch: facts for switch, facts in zip(self.switches, found, strict=True) if facts is not None}

    async def _ask_one(self, switch: str) -> tuple[str, str] | None:
        status, run, drains = await asyncio.gather(
            self._api(switch, f"sofia status profile {self.interface}"),
            self._api(switch, "global_getvar core_uuid"),
            self._api(switch, DRAINS),
        )
        url = _URL.search(status)
        return (url[1], run.strip()) if url is not None and drains.strip() != "true" else None

    async def _api(self, switch: str, command: str) -> str:
        request = SwitchApi(command, timeout=ASK_TIMEOUT)
        try:
            text = await self.call(switch_name(switch), request, timeout=ASK_TIMEOUT + 1.0)
        except CallError as error:
            text = error
        if not isinstance(text, str):
            self.log.debug("switch_not_advertised", switch=switch, error=str(text))
            return ""
        return text

    def _looked(self, found: dict[str, tuple[str, str]]) -> None:
        self.asking = False
        now = int(self.node.clock.time())
        for switch in [switch for switch in self.known if switch not in found]:
            del self.known[switch]
        for switch, (url, run) in found.items():
            known = self.known.get(switch)
            if known is None or (known.url, known.run) != (url, run):
                self.known[switch] = Advertised(url, run, now)
        self._tell()
        if self.again:
            self.again = False
            self._look()

    def _tell(self) -> None:
        self.told += 1
        heartbeat = Advertise(
            EXPIRES,
            media_servers={_name(switch): self._server(found) for switch, found in self.known.items()},
            whapps=self.apps,
            zone=self.zone,
            startup=self.started,
        )
        self.cast(self.edge, Publish(heartbeat))

    def _server(self, switch: Advertised) -> dict[str, Any]:
        interface = {"URL": switch.url, "info": {"url": switch.url}}
        found: dict[str, Any] = {"Startup": switch.since, "Interfaces": {self.interface: interface}}
        return {**found, **({"Instance-UUID": switch.run} if switch.run else {})}


def _name(switch: str) -> str:
    """A switch's name as Kazoo has them."""
    return switch if "@" in switch else f"freeswitch@{switch}"
