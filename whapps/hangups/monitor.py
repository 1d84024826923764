"""Counts how calls end, answers who asks, and raises an alert when a watched cause becomes too frequent."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from mirliton.actors.kapi.call import ChannelDestroyed, event_name
from mirliton.actors.kapi.conf import DocUpdate
from mirliton.actors.kapi.hangups import QueryReq, QueryResp
from mirliton.actors.kapi.notifications import SystemAlert
from mirliton.actors.mailing import notify
from mirliton.actors.store import StoreError
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import gregorian
from mirliton.actors.store.news import listen
from mirliton.actors.switching import CHANNELS, LegEvent, LegsMissed, WatchLegs
from mirliton.actors.system_config import SYSTEM_CONFIG
from mirliton.runtime import Completed, Continue, Down, From, GenServer, Name, NoReply, Reply, TimerFired, message
from mirliton.whapps.hangups.meter import Meter
from mirliton.whapps.hangups.settings import CATEGORY, Watched, read

HANGUPS: Final = Name("service", "hangups")
LOOK_EVERY: Final = 10.0
"""Seconds between comparisons with the thresholds."""
READ_EVERY: Final = 60.0
WATCH_AGAIN: Final = 0.2
ALERT_AGAIN: Final = 3600.0
"""Seconds in which a cause is alerted once."""
MOST_CAUSES: Final = 200
MOST_ACCOUNTS: Final = 10_000
"""Pairs of account and cause that have a meter; those that were quiet the longest make room."""
_OTHER: Final = "OTHER"

Key = tuple[str, str]
"""An account (empty: all of them) and a cause."""


@message("hangups.list")
class ListHangups:
    """Ask for the meters of an account, or (None) of all accounts together: answered with {cause: meter}."""

    account_id: str | None = None


class Hangups(GenServer):
    """Under HANGUPS. A restart has all meters begin anew."""

    mailbox_limit = 50_000
    mailbox_overflow = "drop_oldest"

    def init(self) -> NoReply:
        self.meters: OrderedDict[Key, Meter] = OrderedDict()
        self.watched = Watched()
        self.alerts = 0
        listen(self, SYSTEM_CONFIG)
        return NoReply(then=Continue())

    def state(self) -> Any:
        return {"meters": len(self.meters), "alerts": self.alerts}

    def handle_continue(self, argument: Any) -> None:
        self._watch()
        self._read()
        self.start_timer(READ_EVERY, "read")
        self.start_timer(LOOK_EVERY, "look")

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case QueryReq(hangup_cause=cause, account_id=account_id):
                meter = self.meters.get((account_id or "", cause))
                return Reply(QueryResp(**self._told(meter), hangup_cause=cause, account_id=account_id))
            case ListHangups(account_id):
                found = [
                    (cause, meter) for (account, cause), meter in self.meters.items() if account == (account_id or "")
                ]
                return Reply({cause: self._told(meter) for cause, meter in found})
        return super().handle_call(request, sender)

    def handle_info(self, message: Any) -> None:
        match message:
            case LegEvent(event=ChannelDestroyed() as event):
                self._count(event)
            case LegsMissed():
                pass
            case DocUpdate(id=id):
                if id in (CATEGORY, SYSTEM_CONFIG):
                    self._read()
            case Down():
                self.start_timer(WATCH_AGAIN, "watch")  # the channel table restarts, and has forgotten who watches
            case TimerFired(message="watch"):
                self._watch()
            case TimerFired(message="look"):
                self._look()
                self.start_timer(LOOK_EVERY, "look")
            case TimerFired(message="read"):
                self.start_timer(READ_EVERY, "read")
                self._read()
            case Completed(tag="settings", value=value, error=error):
                if error is None:
                    self.watched = value
                else:
                    self.log.warning("hangup_settings_unread", error=str(error))
            case Completed(tag=("alert", cause), error=error):
                if error is not None:
                    self.log.warning("alert_not_given", cause=cause, error=str(error))
            case _:
                super().handle_info(message)

    def _watch(self) -> None:
        self.monitor(CHANNELS)
        self.cast(CHANNELS, WatchLegs(self.pid, only=(event_name(ChannelDestroyed),)))

    def _read(self) -> None:
        self.background(read(StoreClient(self)), "settings")

    def _count(self, event: ChannelDestroyed) -> None:
        cause = event.hangup_cause or _OTHER
        if cause in self.watched.ignored:
            return
        if ("", cause) not in self.meters and sum(not account for account, _ in self.meters) >= MOST_CAUSES:
            cause = _OTHER
        account_id = event.custom_channel_vars.get("Account-ID")
        now = self.node.clock.now()
        for account in ("", str(account_id)) if account_id else ("",):
            key = (account, cause)
            meter = self.meters.pop(key, None) or Meter(now)
            meter.mark(now)
            self.meters[key] = meter
        while len(self.meters) > MOST_ACCOUNTS:
            self.meters.popitem(last=False)

    def _told(self, meter: Meter | None) -> dict[str, Any]:
        if meter is None:
            return {"count": 0}
        now = self.node.clock.now()
        start = gregorian(self.node.clock.time() - (now - meter.start))
        return {"count": meter.count, "start_time": start, **meter.rates(now)}

    def _look(self) -> None:
        for cause in self.watched.monitored:
            meter = self.meters.get(("", cause))
            if meter is None:
                continue
            rates = meter.rates(self.node.clock.now())
            over = {name: most for name, most in self.watched.thresholds.items() if rates[name] > most}
            if over:
                self.background(self._alert(cause, rates, over), ("alert", cause))

    async def _alert(self, cause: str, rates: dict[str, float], over: dict[str, float]) -> None:
        """One mail an hour for each cause, from whichever node sees it first: the spool knows it by cause and hour."""
        hour = int(self.node.clock.time() // ALERT_AGAIN)
        told = {
            f"{name} minute rate" if name != "day" else "day rate": f"{rates[name]:.4f}/s, threshold {most:g}/s"
            for name, most in over.items()
        }
        mail = SystemAlert(
            subject=f"Calls end with {cause}",
            message=f"More calls than usual end with {cause}.",
            details={"Hangup-Cause": cause, **told},
            node=self.node.name,
            section="hangups",
        )
        try:
            new = await notify(StoreClient(self), self, mail, key=f"hangups/{cause}/{hour}")
        except StoreError as error:
            self.log.warning("alert_not_given", cause=cause, error=str(error))
            return
        if new:
            self.alerts += 1
            self.log.warning("hangups_too_frequent", cause=cause, **{name: rates[name] for name in over})
