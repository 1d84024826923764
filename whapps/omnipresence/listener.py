"""Hears of calls and mailboxes, and tells SIP proxies; and answers proxies that have nothing to show for a watcher.

Calls are told as they come from the channel table, which is asked for all of them at the start and at intervals: a
restart forgets whom it has told, tells all that is up once more, and whatever a proxy still has of a phone beside that
is overwritten with the first thing that it is told of that phone.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from mirliton.actors.edge import BrokerUp, Publish
from mirliton.actors.kapi.channels import QueryChannelsReq, QueryChannelsResp
from mirliton.actors.kapi.inbox import Received
from mirliton.actors.kapi.presence import MwiQuery, Probe
from mirliton.actors.presence import MAILBOX_NEWS, MailboxChanged
from mirliton.actors.store.client import StoreClient
from mirliton.actors.switching import CHANNELS, LegEvent, LegParked, WatchLegs
from mirliton.runtime import Address, Completed, Continue, Down, GenServer, Name, NoReply, TimerFired
from mirliton.whapps.omnipresence import mailboxes
from mirliton.whapps.omnipresence.dialogs import Dialog, Dialogs
from mirliton.whapps.omnipresence.mailboxes import Waiting

OMNIPRESENCE: Final = Name("service", "omnipresence")
AGAIN_EVERY: Final = 60.0
"""Seconds between two times that what is up is told, and compared with the channel table."""
WATCH_AGAIN: Final = 0.5
REMEMBERED: Final = 100_000
AT_ONCE: Final = 16
"""Questions to the store at the same time; those beyond WAITING are dropped: phones ask again."""
WAITING: Final = 1_000


class Listener(GenServer):
    """Under OMNIPRESENCE."""

    mailbox_limit = 50_000
    mailbox_overflow = "drop_oldest"

    def init(self, edge: Address) -> NoReply:
        self.edge = edge
        self.dialogs = Dialogs()
        self.phones: OrderedDict[str, None] = OrderedDict()
        """Phones that have been told of since the start: what proxies have of others may be old."""
        self.counts: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self.asking = 0
        self.waiting: list[MwiQuery | MailboxChanged] = []
        self.told = {"dialog": 0, "message-summary": 0}
        self.node.groups.join(MAILBOX_NEWS, self.pid)
        return NoReply(then=Continue())

    def state(self) -> Any:
        return {"dialogs": len(self.dialogs), "phones": len(self.phones), "waiting": len(self.waiting), **self.told}

    def handle_continue(self, argument: Any) -> None:
        self._watch()
        self.start_timer(AGAIN_EVERY, "again")

    def handle_info(self, message: Any) -> None:
        match message:
            case LegEvent(event=event):
                self._heard(event)
            case LegParked(leg=leg):
                self._heard(leg)
            case Received(message=Probe(event_package="dialog") as probe):
                for dialog in self.dialogs.of(f"{probe.username.lower()}@{probe.realm.lower()}"):
                    self._tell(dialog)
            case Received(message=MwiQuery() as query):
                self._count(query)
            case Received():
                pass
            case MailboxChanged():
                self._count(message)
            case BrokerUp():
                self._all_again()
            case Completed(tag=("counted", asked), value=value, error=error):
                self._counted(asked, value, error)
            case Completed(tag=("channels", before), value=QueryChannelsResp(channels=channels), error=None):
                for dialog in self.dialogs.listed(channels, before):
                    self._tell(dialog)
            case Completed(tag=("channels", _), error=error):
                self.log.info("channels_not_compared", error=str(error))
            case TimerFired(message="again"):
                self._all_again()
                self._compare()
                self.start_timer(AGAIN_EVERY, "again")
            case TimerFired(message="watch"):
                self._watch()
            case Down():
                self.start_timer(WATCH_AGAIN, "watch")
            case _:
                super().handle_info(message)

    # Calls

    def _watch(self) -> None:
        if self.whereis(CHANNELS) is None:
            self.start_timer(WATCH_AGAIN, "watch")
            return
        self.monitor(CHANNELS)
        self.cast(CHANNELS, WatchLegs(OMNIPRESENCE))
        self._compare()

    def _compare(self) -> None:
        """Calls whose events were missed: the table says which legs there are."""
        asked = self.call(CHANNELS, QueryChannelsReq(), timeout=10.0)
        self.background(asked, ("channels", self.dialogs.ids()))

    def _heard(self, event: Any) -> None:
        news = self.dialogs.heard(event)
        if news is not None:
            self._tell(news)

    def _all_again(self) -> None:
        for dialog in self.dialogs.up():
            self._tell(dialog)

    def _tell(self, dialog: Dialog) -> None:
        first = dialog.presence_id not in self.phones
        self.phones[dialog.presence_id] = None
        _trim(self.phones)
        self.told["dialog"] += 1
        self.cast(self.edge, Publish(dialog.update(alone=first)))

    # Mailboxes

    def _count(self, asked: MwiQuery | MailboxChanged) -> None:
        if self.asking >= AT_ONCE:
            if len(self.waiting) < WAITING:
                self.waiting.append(asked)
            return
        self.asking += 1
        self.background(self._waiting_messages(asked), ("counted", asked))

    async def _waiting_messages(self, asked: MwiQuery | MailboxChanged) -> list[Waiting]:
        store, now = StoreClient(self), self.node.clock.time()
        if isinstance(asked, MailboxChanged):
            return await mailboxes.of_box(store, asked.account_id, asked.box_id, now)
        found = await mailboxes.of_phone(store, asked.username.lower(), asked.realm.lower(), now)
        return [found] if found is not None else []

    def _counted(self, asked: MwiQuery | MailboxChanged, found: list[Waiting] | None, error: Any) -> None:
        self.asking -= 1
        if error is not None:
            self.log.warning("messages_not_counted", error=str(error))
        for waiting in found or ():
            key, counts = f"{waiting.user}@{waiting.realm}", (waiting.new, waiting.saved)
            # Whoever asks has nothing to show; of a change those are told only who have not heard it yet.
            if isinstance(asked, MwiQuery) or self.counts.get(key) != counts:
                self.counts[key] = counts
                _trim(self.counts)
                self.told["message-summary"] += 1
                self.cast(self.edge, Publish(waiting.update()))
        if self.waiting and self.asking < AT_ONCE:
            self._count(self.waiting.pop(0))


def _trim(items: OrderedDict[str, Any]) -> None:
    if len(items) > REMEMBERED:
        items.popitem(last=False)
