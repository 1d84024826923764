"""Hears of calls, mailboxes and lamps, and tells SIP proxies; answers proxies that have nothing to show for a watcher.

Calls are told as they come from the channel table, which is asked for all of them at the start and at intervals: a
restart forgets whom it has told, tells all that is up once more, and whatever a proxy still has of a phone beside that
is overwritten with the first thing that it is told of that phone.

Of an account that is spoken of for the first time, and then every few minutes, the documents are read for lamps that no
call lights (parking slots, those that are set by hand). What is said of its lamps meanwhile waits for that.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Any, Final

from mirliton.actors.edge import BrokerUp, Publish
from mirliton.actors.kapi.call import (
    ChannelAnswered,
    ChannelBridged,
    ChannelCreated,
    ChannelDestroyed,
    ChannelProgressed,
    ChannelProgressedWithMedia,
    event_name,
)
from mirliton.actors.kapi.channels import QueryChannelsReq, QueryChannelsResp
from mirliton.actors.kapi.inbox import Received
from mirliton.actors.kapi.presence import MwiQuery, Probe, Reset
from mirliton.actors.presence import (
    MAILBOX_NEWS,
    OMNIPRESENCE,
    AskPresence,
    LampChanged,
    MailboxChanged,
    PresenceIs,
    PresenceReset,
)
from mirliton.actors.store.client import StoreClient
from mirliton.actors.switching import CHANNELS, PARKED, LegEvent, LegParked, LegsMissed, WatchLegs
from mirliton.runtime import Address, Completed, Continue, Down, From, GenServer, NoReply, TimerFired
from mirliton.whapps.omnipresence import accounts, mailboxes
from mirliton.whapps.omnipresence.accounts import Account
from mirliton.whapps.omnipresence.dialogs import Dialog, Dialogs
from mirliton.whapps.omnipresence.lamps import Lamp, Lamps
from mirliton.whapps.omnipresence.mailboxes import Waiting
from mirliton.whapps.omnipresence.readings import Readings, of_realm
from mirliton.whapps.omnipresence.wording import plain

AGAIN_EVERY: Final = 60.0
"""Seconds between two times that what is up is told, and compared with the channel table."""
WATCH_AGAIN: Final = 0.5
REMEMBERED: Final = 100_000
AT_ONCE: Final = 16
"""Questions to the store at the same time; those beyond WAITING are dropped: phones ask again."""
WAITING: Final = 1_000
_EVENTS: Final = (
    *(ChannelCreated, ChannelProgressed, ChannelProgressedWithMedia, ChannelAnswered, ChannelBridged),
    ChannelDestroyed,
)
_TOLD: Final = (PARKED, *map(event_name, _EVENTS))


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
        self.lamps = Lamps()
        self.accounts = Readings()
        self.told = {"dialog": 0, "message-summary": 0}
        self.node.groups.join(MAILBOX_NEWS, self.pid)
        return NoReply(then=Continue())

    def state(self) -> Any:
        known = {"dialogs": len(self.dialogs), "phones": len(self.phones), "lamps": len(self.lamps)}
        return {**known, "waiting": len(self.waiting), "accounts_waiting": len(self.accounts), **self.told}

    def handle_continue(self, argument: Any) -> None:
        self._watch()
        self.start_timer(AGAIN_EVERY, "again")

    def handle_call(self, request: Any, sender: From) -> Any:
        if isinstance(request, AskPresence):
            self._of_account(request.account_id, (request, sender))
            return NoReply()
        return super().handle_call(request, sender)

    def handle_cast(self, request: Any) -> Any:
        if isinstance(request, LampChanged | PresenceReset):
            self._of_account(request.account_id, request)
            return None
        return super().handle_cast(request)

    def handle_info(self, message: Any) -> None:
        match message:
            case LegEvent(event=event):
                self._heard(event)
            case LegParked(leg=leg):
                self._heard(leg)
            case Received(message=Probe(event_package="dialog") as probe):
                for dialog in self.dialogs.of(f"{probe.username.lower()}@{probe.realm.lower()}"):
                    self._tell(dialog)
                self._of_account(of_realm(probe.realm.lower()), probe)
            case Received(message=MwiQuery() as query):
                self._count(query)
            case Received():
                pass
            case MailboxChanged():
                self._count(message)
            case BrokerUp():
                self._all_again(lasting=True)
            case Completed(tag=("counted", asked), value=value, error=error):
                self._counted(asked, value, error)
            case Completed(tag=("channels", before), value=QueryChannelsResp(channels=channels), error=None):
                for dialog in self.dialogs.listed(channels, before):
                    self._tell(dialog)
                for leg in self.lamps.legs() & before - channels.keys():
                    self._out(leg)
            case Completed(tag=("account", key), value=account, error=error):
                self._read(key, account, error)
            case Completed(tag=("channels", _), error=error):
                self.log.info("channels_not_compared", error=str(error))
            case TimerFired(message="again"):
                self._all_again()
                self._compare()
                self.start_timer(AGAIN_EVERY, "again")
            case TimerFired(message="watch"):
                self._watch()
            case LegsMissed():
                self._compare()
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
        self.cast(CHANNELS, WatchLegs(OMNIPRESENCE, only=_TOLD))
        self._compare()

    def _compare(self) -> None:
        """Calls whose events were missed: the table says which legs there are."""
        asked = self.call(CHANNELS, QueryChannelsReq(), timeout=10.0)
        self.background(asked, ("channels", self.dialogs.ids() | self.lamps.legs()))

    def _heard(self, event: Any) -> None:
        news = self.dialogs.heard(event)
        if news is not None:
            self._tell(news)
        if isinstance(event, ChannelDestroyed):
            self._out(event.call_id)

    def _all_again(self, *, lasting: bool = False) -> None:
        """Tell all that is up; `lasting`: also what holds until another word."""
        for dialog in self.dialogs.up():
            self._tell(dialog)
        for lamp in self.lamps.up():
            if lasting or not lamp.lasting:
                self._tell(lamp)

    def _tell(self, news: Dialog | Lamp) -> None:
        first = news.presence_id not in self.phones
        self.phones[news.presence_id] = None
        _trim(self.phones)
        self.told["dialog"] += 1
        self.cast(self.edge, Publish(news.update(alone=first)))
        if first:
            # What proxies had of this phone is overwritten; what documents say of it is told, too.
            self._of_account(of_realm(news.realm), None)

    # Lamps

    def _out(self, call_id: str) -> None:
        """A leg is gone, and with it what hung on it."""
        for lamp in self.lamps.ended(call_id):
            self._tell(lamp)

    def _of_account(self, key: str, message: Any) -> None:
        """Do what is asked of an account's lamps, when its documents have been read."""
        now = self.node.clock.now()
        account = self.accounts.known(key, now)
        if account is not None:
            self._do(account, message)
            return
        if not self.accounts.wait(key, message, now):
            self._nothing(message)
        self._read_next()

    def _nothing(self, message: Any) -> None:
        """Nothing is known of the account that was asked about."""
        match message:
            case (AskPresence(), From() as sender):
                self.reply(sender, PresenceIs({}))

    def _read_next(self) -> None:
        while (key := self.accounts.next()) is not None:
            self.background(self._account(key), ("account", key))

    async def _account(self, key: str) -> Account | None:
        """Raises StoreError."""
        store = StoreClient(self)
        return await (accounts.of_realm(store, key[1:]) if key.startswith("@") else accounts.of_id(store, key))

    def _read(self, key: str, account: Account | None, error: Any) -> None:
        if error is not None:
            self.log.warning("lamps_not_read", of=key[:80], error=str(error))
            self.accounts.failed(key)
        else:
            for lamp in account.lamps if account is not None else ():
                self._put(lamp)
            for message in self.accounts.done(key, account, self.node.clock.now()):
                if account is not None:
                    self._do(account, message)
                else:
                    self._nothing(message)
        self._read_next()

    def _do(self, account: Account, message: Any) -> None:
        match message:
            case LampChanged():
                for lamp in accounts.lamps_of(message, account.realm):
                    self._put(lamp)
            case Probe():
                for lamp in self.lamps.of(f"{message.username.lower()}@{account.realm}"):
                    self._tell(lamp)
            case PresenceReset(presence_id=presence_id):
                self._forget(account, presence_id.lower())
            case (AskPresence(), From() as sender):
                self.reply(sender, PresenceIs(self._shown(account.realm)))

    def _put(self, lamp: Lamp) -> None:
        news = self.lamps.put(lamp)
        if news is not None:
            self._tell(news)

    def _forget(self, account: Account, presence_id: str) -> None:
        """Put out what no call lights, and have proxies take what is left for all that there is."""
        if presence_id and "@" not in presence_id:
            presence_id = f"{presence_id}@{account.realm}"
        for lamp in self.lamps.up():
            if lamp.realm == account.realm and presence_id in ("", lamp.presence_id):
                self._put(replace(lamp, state="terminated"))
        for phone in [phone for phone in self.phones if phone.partition("@")[2] == account.realm]:
            if presence_id in ("", phone):
                del self.phones[phone]
        user, _, realm = presence_id.partition("@")
        self.cast(self.edge, Publish(Reset(realm or account.realm, plain(user) or "*")))
        for dialog in self.dialogs.up():
            if dialog.realm == account.realm and presence_id in ("", dialog.presence_id):
                self._tell(dialog)
        self.accounts.again(account)
        self._of_account(account.id, None)

    def _shown(self, realm: str) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for dialog in self.dialogs.up():
            if dialog.realm == realm:
                direction = "initiator" if dialog.initiator else "recipient"
                known = {"call_id": dialog.call_id, "state": dialog.state, "direction": direction}
                found.setdefault(dialog.presence_id, []).append(known)
        for lamp in self.lamps.up():
            if lamp.realm == realm:
                known = {"source": lamp.source, "state": lamp.state}
                found.setdefault(lamp.presence_id, []).append(
                    known | ({"call_id": lamp.call_id} if lamp.call_id else {})
                )
        return found

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
