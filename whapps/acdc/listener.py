"""Tells agents what their phones do. It hears of every leg from the channel table and keeps nothing.

When it or a table was restarted something may have been missed, and every agent asks the tables itself.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.kapi.call import (
    ChannelAnswered,
    ChannelBridged,
    ChannelCreated,
    ChannelDestroyed,
    event_name,
)
from mirliton.actors.queueing import AGENTS, AgentLeg, RecheckLegs, agent_name, cast_if_there
from mirliton.actors.switching import CHANNELS, LegEvent, LegsMissed, WatchLegs
from mirliton.runtime import Continue, Down, GenServer, Name, NoReply, Ref, TimerFired

LISTENER: Final = Name("service", "acdc_listener")
WATCH_AGAIN: Final = 0.1
"""Seconds that the channel table gets to be restarted."""
_TOLD: Final = (ChannelCreated, ChannelAnswered, ChannelBridged, ChannelDestroyed)


class Listener(GenServer):
    """Under LISTENER."""

    mailbox_limit = 100_000
    mailbox_overflow = "drop_oldest"

    def init(self) -> NoReply:
        self.table: Ref | None = None
        return NoReply(then=Continue())

    def handle_continue(self, argument: Any) -> None:
        self.table = self.monitor(CHANNELS)
        self.cast(CHANNELS, WatchLegs(LISTENER, only=tuple(map(event_name, _TOLD))))
        self._recheck()

    def _recheck(self) -> None:
        for agent in self.node.groups.members(AGENTS):
            self.cast(agent, RecheckLegs())

    def handle_info(self, message: Any) -> None:
        match message:
            case LegEvent(event=event):
                self._tell(event)
            case LegsMissed():
                self._recheck()
            case Down(ref=ref) if ref == self.table:
                self.start_timer(WATCH_AGAIN, "watch")
            case TimerFired(message="watch"):
                self.handle_continue(None)
            case _:
                super().handle_info(message)

    def _tell(self, event: Any) -> None:
        known = event.custom_channel_vars
        owner, account = known.get("Owner-ID"), known.get("Account-ID")
        if not owner or not account:
            return
        cast_if_there(self, agent_name(str(account), str(owner)), AgentLeg(event))
