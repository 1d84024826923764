"""Connections that pass through a proxy, as members of a field.

They are back when, after the trouble, as many as before pass: old ones that came through it, or such as their clients
have made anew and that have heard their server.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from mirliton.supervisors.chaos.errors import ChaosRefused
from mirliton.supervisors.chaos.field import Hit
from mirliton.supervisors.chaos.named import NamedField
from mirliton.supervisors.chaos.plan import Attack
from mirliton.supervisors.chaos.proxy import Proxy
from mirliton.supervisors.chaos.proxy_control import ask_proxy
from mirliton.supervisors.chaos.real_time import RealTime

LOOK_EVERY: Final = 0.01
LEASE: Final = 5.0
"""Seconds after a trouble's own time in which the proxy ends it by itself, should whoever made it have died."""

Ask = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Connections:
    """Those of one proxy."""

    kind = "connections"

    def __init__(self, place: str, ask: Ask) -> None:
        self.place = place
        self._ask = ask

    async def troubled(self, attack: Attack, hit: Hit, within: float, time: RealTime) -> None:
        """See Member."""
        lasts = attack.how != "drop"
        began = time.now()
        try:
            before = (await self._ask(_request(attack)))["before"]
            if lasts:
                await time.rest(attack.seconds)
                began = time.now()
                await self._ask({"do": "heal"})
        except ChaosRefused as refused:
            hit.fate, hit.note = "unmoved", str(refused)
            return
        except asyncio.CancelledError:
            # The run is cut off: what is begun is not left behind, and should this fail, the lease ends it.
            with contextlib.suppress(ChaosRefused):
                await self._ask({"do": "heal"})
            raise
        while time.now() - began < within:
            try:
                status = await self._ask({"do": "status"})
            except ChaosRefused as refused:
                hit.fate, hit.note = "lost", str(refused)
                return
            if status["alive"] >= before:
                hit.fate, hit.took = "back", time.now() - began
                hit.note = "" if before else "there was no connection"
                return
            await time.pause(LOOK_EVERY)
        hit.fate, hit.note = "lost", f"{status['alive']} of {before} connections pass"


def _request(attack: Attack) -> dict[str, Any]:
    request: dict[str, Any] = {"do": "trouble", "how": attack.how}
    if attack.how != "drop":
        request["for"] = attack.seconds + LEASE
    match attack.how:
        case "delay":
            request |= {"delay": attack.delay, "jitter": attack.jitter}
        case "throttle":
            request["bytes_per_second"] = attack.bytes_per_second
        case "half_open":
            request["kept"] = attack.kept
    return request


def connection_field(proxies: Mapping[str, Proxy | Path]) -> NamedField:
    """The connections of these proxies, by name: of this process, or by the sockets that they are steered by."""
    return NamedField("connections", {name: _member(proxy) for name, proxy in proxies.items()})


def _member(proxy: Proxy | Path) -> Connections:
    if isinstance(proxy, Path):
        path = proxy
        return Connections(str(path), lambda request: ask_proxy(path, request))
    own = proxy

    async def ask(request: dict[str, Any]) -> dict[str, Any]:
        return own.answer(request)

    return Connections(f"{own.to[0]}:{own.to[1]}", ask)
