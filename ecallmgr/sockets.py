"""The two event sockets of one connection to a switch, opened and closed together.

Events come on a socket of their own and are read fast, commands go over a second one (FreeSWITCH does not read a
command while it sends events).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from mirliton.ecallmgr.call_events import SUBSCRIPTION
from mirliton.ecallmgr.errors import SwitchNotUsable
from mirliton.ecallmgr.esl.connection import EventSocket
from mirliton.ecallmgr.esl.errors import ClosedLocally
from mirliton.ecallmgr.esl.events import Event
from mirliton.ecallmgr.plan import PROMPTS

IN_FLIGHT: Final = 2048
"""Commands that may wait for the switch's answer at once."""
_FOLDER: Final = re.compile(r"(/[A-Za-z0-9_.-]{1,64}){1,16}")


@dataclass(frozen=True, slots=True)
class SwitchAddress:
    """Where a switch is and how it is spoken with. Durations in seconds."""

    name: str
    host: str
    port: int
    password: str
    connect_timeout: float = 5.0
    command_timeout: float = 10.0
    silence: float = 60.0
    reconnect_first: float = 0.2
    reconnect_most: float = 30.0
    event_backlog: int = 50_000

    def __repr__(self) -> str:
        return f"SwitchAddress({self.name!r}, {self.host}:{self.port})"


class Sockets:
    """A connection that lives once. `run` names the switch's run, `sounds` the folder of our prompts there.

    `on_event` gets every event, in order; `on_closed` is told when one of the two sockets has ended (and may be told
    twice). When `waiting()` events have not been handled yet and the address allows no more, the connection is given
    up: what was missed is found by comparing with the switch.
    """

    def __init__(
        self,
        address: SwitchAddress,
        *,
        on_event: Callable[[Event], object],
        on_closed: Callable[[str], object],
        waiting: Callable[[], int],
        may_send: Callable[[], bool],
        unacknowledged: float | None,
    ) -> None:
        self.address = address
        self.run = ""
        self.sounds = PROMPTS
        self._on_event = on_event
        self._waiting = waiting
        self._given_up = False

        def closed(reason: object) -> None:
            on_closed(str(reason))

        def socket(**more: Any) -> EventSocket:
            return EventSocket(
                address.host,
                address.port,
                address.password,
                on_closed=closed,
                connect_timeout=address.connect_timeout,
                command_timeout=address.command_timeout,
                liveness=address.silence / 2,
                in_flight=IN_FLIGHT,
                may_send=may_send,
                **more,
            )

        self.commands = socket(unacknowledged=unacknowledged)
        self.events = socket(events=SUBSCRIPTION, on_event=self._take)

    async def open(self) -> None:
        """Connect both. No event comes before `run` is known.

        Raises EslError or SwitchNotUsable; then nothing is open.
        """
        try:
            await self.commands.connect()
            self.run = await self._variable("core_uuid")
            if not self.run:
                raise SwitchNotUsable("it does not tell its core_uuid")
            folder = await self._variable("sounds_dir")
            if _FOLDER.fullmatch(folder) and ".." not in folder:
                self.sounds = f"{folder}/{PROMPTS}"
            if self._given_up:
                raise ClosedLocally
            await self.events.connect()
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Close at once."""
        self._given_up = True
        self.commands.abort()
        self.events.abort()

    async def close(self, timeout: float) -> None:
        """Say goodbye and close, within about `timeout` seconds."""
        self._given_up = True
        await self.events.close(timeout)
        await self.commands.close(timeout)

    async def _variable(self, name: str) -> str:
        return (await self.commands.api(f"global_getvar {name}")).strip()

    def _take(self, event: Event) -> None:
        if self._waiting() >= self.address.event_backlog:
            self.abort()
        elif not self._given_up:
            self._on_event(event)
