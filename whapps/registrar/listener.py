"""Hears who asks for a phone's password, and answers. Kazoo: reg_authn_req.

What is unknown, disabled or malformed is answered all the same: there is nobody, and others may know better. Kamailio
loses answers that come within two milliseconds, so none does.

Every question leads to the store but those about who was not there a moment ago: a device that is disabled is refused
at once, and what a proxy remembers is flushed when its document changes. Questions for realms that nobody has asked for
before wait in a line of their own, which is short: a flood of invented realms holds up nobody who is known. A question
that finds its line full is dropped and counted; the proxy gives up after its time, and its phone tries again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from mirliton.actors.edge import Answer
from mirliton.actors.kapi.authn import AuthnErr, AuthnReq, AuthnResp
from mirliton.actors.kapi.conf import DocUpdate
from mirliton.actors.kapi.envelope import Envelope
from mirliton.actors.kapi.inbox import Received
from mirliton.actors.kapi.passage import is_text
from mirliton.actors.kapi.registration import RegFlush
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.actors.store.news import listen
from mirliton.actors.switching import AUTHN as AUTHN
from mirliton.ecallmgr.registrations import REGISTRAR
from mirliton.runtime import Address, Completed, From, GenServer, NoReply
from mirliton.whapps.registrar.answer import Nobody, answer
from mirliton.whapps.registrar.known import Remembered, is_address, is_name
from mirliton.whapps.registrar.lookup import account_of, find

NOT_BEFORE: Final = 0.01
"""Seconds after a question before which no answer goes out."""
REALMS: Final = 20_000
REALM_KNOWN: Final = 60.0
"""Seconds for which a realm stays its account's without a look."""
NOBODIES: Final = 20_000
NOBODY_FOR: Final = 5.0
"""Seconds for which who is not there is not looked up again."""

ACCOUNTS: Final = "accounts"
MAY_REGISTER: Final = frozenset({"account", "device", "sys_info", "user", "database"})
"""Kinds of documents that say who may register."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and by whom: a proxy, or a switch of ours that has a call to make of it."""

    request: AuthnReq
    asker: Envelope | From

    @property
    def key(self) -> Key:
        """Realm and username, in small letters as they are in the store."""
        return self.request.auth_realm.lower(), self.request.auth_user.lower()


@dataclass(slots=True)
class Line:
    """Questions that wait, and how many are looked up at once."""

    at_once: int
    longest: int
    waiting: deque[Question] = field(default_factory=deque)
    under_way: int = 0


class Listener(GenServer):
    """Under AUTHN. A restart loses what waited: the proxies ask again."""

    mailbox_limit = 5_000
    mailbox_overflow = "drop_oldest"

    def init(self, edge: Address | None) -> None:
        self.edge = edge
        self.realms: Remembered[str, str] = Remembered(REALMS, REALM_KNOWN)
        self.nobodies: Remembered[Key, str] = Remembered(NOBODIES, NOBODY_FOR)
        """Who is not there, or (with an empty username) which realm is no account's, and why."""
        listen(self, ACCOUNTS, "account")
        self.lines = {"known": Line(at_once=64, longest=2_000), "strange": Line(at_once=8, longest=500)}
        self.outcomes = dict.fromkeys(("found", "refused", "failed", "shed"), 0)

    def state(self) -> Any:
        """Nothing of who asks."""
        waiting = {name: len(line.waiting) for name, line in self.lines.items()}
        return {"realms": len(self.realms), "nobodies": len(self.nobodies), "waiting": waiting, **self.outcomes}

    def handle_call(self, request: Any, sender: From) -> Any:
        if isinstance(request, AuthnReq):
            self._asked(Question(request, sender))
            return NoReply()
        return super().handle_call(request, sender)

    def handle_info(self, message: Any) -> None:
        match message:
            case Received(message=AuthnReq() as request):
                self._asked(Question(request, message.envelope))
            case Received(message=RegFlush(realm=realm, username=username)):
                self._forget(realm.lower(), username)
            case DocUpdate(account_id=account_id, database=db, type=kind) as update:
                if db == ACCOUNTS or kind is None or kind in MAY_REGISTER:
                    self._changed(account_id)
                if kind is None and account_id is not None and update.event_name == "doc_edited":
                    self.background(self._as_written(account_id, update.id), "flushed")
            case Completed(tag="flushed", error=error):
                if error is not None:
                    self.log.warning("proxies_not_told", error=str(error))
            case Received():
                pass
            case Completed(tag=("looked", line, begun, Question() as asked), value=value, error=error):
                self.lines[line].under_way -= 1
                self._looked(asked, begun, value, error)
                self._next(line)
            case _:
                super().handle_info(message)

    def _asked(self, asked: Question) -> None:
        now = self.node.clock.now()
        realm, username = asked.key
        if not is_name(realm) or not is_name(username) or is_address(realm):
            self._refuse(asked, "no such name can be", NOT_BEFORE)
            return
        why = self.nobodies.get((realm, ""), now) or self.nobodies.get((realm, username), now)
        if why is not None:
            self._refuse(asked, why, NOT_BEFORE)
            return
        name = "strange" if self.realms.get(realm, now) is None else "known"
        line = self.lines[name]
        if len(line.waiting) >= line.longest:
            self.outcomes["shed"] += 1
            return
        line.waiting.append(asked)
        self._next(name)

    def _next(self, name: str) -> None:
        line = self.lines[name]
        while line.waiting and line.under_way < line.at_once:
            asked = line.waiting.popleft()
            line.under_way += 1
            self.background(self._look(asked), ("looked", name, self.node.clock.now(), asked))

    async def _look(self, asked: Question) -> AuthnResp | Nobody:
        """Raises StoreError."""
        begun = self.node.clock.now()
        realm, username = asked.key
        store = StoreClient(self)
        account_id = self.realms.get(realm, begun)
        if account_id is None:
            account_id = await account_of(store, realm)
            if account_id is None:
                self.nobodies.set((realm, ""), "no account has this realm", self.node.clock.now())
                return Nobody("no account has this realm")
            self.realms.set(realm, account_id, self.node.clock.now())
        found = await find(store, account_id, username)
        told = found if isinstance(found, Nobody) else answer(asked.request, found)
        if isinstance(told, Nobody):
            self.nobodies.set((realm, username), told.why, self.node.clock.now())
        return told

    def _looked(self, asked: Question, begun: float, told: AuthnResp | Nobody | None, error: Any) -> None:
        delay = max(0.0, begun + NOT_BEFORE - self.node.clock.now())
        if error is not None or told is None:
            # Not known is not the same as not there: the proxy goes by what it remembers, or the phone tries again.
            self.outcomes["failed"] += 1
            self.log.warning("authn_not_answered", error=str(error))
        elif isinstance(told, Nobody):
            self._refuse(asked, told.why, delay)
        else:
            self.outcomes["found"] += 1
            self._answer(asked, told, delay)

    def _refuse(self, asked: Question, why: str, delay: float) -> None:
        self.outcomes["refused"] += 1
        realm, username = asked.key
        self.log.debug("authn_refused", realm=realm[:80], username=username[:80], why=why)
        self._answer(asked, AuthnErr(), delay)

    def _answer(self, asked: Question, told: AuthnResp | AuthnErr, delay: float) -> None:
        if isinstance(asked.asker, From):
            self.reply(asked.asker, told)
        elif self.edge is not None:
            deferred = isinstance(told, AuthnErr)
            self.cast(self.edge, Answer(told, asked.asker, deferred=deferred, delay=delay))

    def _changed(self, account_id: str | None) -> None:
        """An account, or what may register in it, is another: who was nobody may be somebody now."""
        if account_id is None:
            self.realms.clear()
        else:
            self.realms.forget_value(account_id)
        self.nobodies.clear()

    async def _as_written(self, account_id: str, id: str) -> None:
        """What a third party wrote (whoever writes by the API says so himself): have proxies ask again for a device's
        password. Raises StoreError."""
        docs = await StoreClient(self).get_many(account_db(account_id), [id, account_id])
        device, account = (doc or {} for doc in docs)
        sip, realm = device.get("sip"), account.get("realm")
        username = sip.get("username") if isinstance(sip, dict) else None
        if device.get("pvt_type") == "device" and is_text(username) and is_text(realm):
            keep = device.get("enabled") is not False and not is_deleted(device)
            self.cast(REGISTRAR, RegFlush(realm.lower(), username.lower(), cache_only=keep or None))

    def _forget(self, realm: str, username: str | None) -> None:
        self.realms.forget(realm)
        if username is None:
            self.nobodies.forget_realm(realm)
        else:
            self.nobodies.forget((realm, ""))
            self.nobodies.forget((realm, username.lower()))
