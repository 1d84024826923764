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
from mirliton.actors.kapi.envelope import Envelope
from mirliton.actors.kapi.inbox import Received
from mirliton.actors.kapi.registration import RegFlush
from mirliton.actors.store.client import StoreClient
from mirliton.runtime import Address, Completed, GenServer, Name
from mirliton.whapps.registrar.answer import Nobody, answer
from mirliton.whapps.registrar.known import Remembered, is_address, is_name
from mirliton.whapps.registrar.lookup import account_of, find

AUTHN: Final = Name("service", "authn")
NOT_BEFORE: Final = 0.01
"""Seconds after a question before which no answer goes out."""
REALMS: Final = 20_000
REALM_KNOWN: Final = 60.0
"""Seconds for which a realm stays its account's without a look."""
NOBODIES: Final = 20_000
NOBODY_FOR: Final = 5.0
"""Seconds for which who is not there is not looked up again."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and by whom."""

    request: AuthnReq
    envelope: Envelope

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

    def init(self, edge: Address) -> None:
        self.edge = edge
        self.realms: Remembered[str, str] = Remembered(REALMS, REALM_KNOWN)
        self.nobodies: Remembered[Key, str] = Remembered(NOBODIES, NOBODY_FOR)
        """Who is not there, or (with an empty username) which realm is no account's, and why."""
        self.lines = {"known": Line(at_once=64, longest=2_000), "strange": Line(at_once=8, longest=500)}
        self.outcomes = dict.fromkeys(("found", "refused", "failed", "shed"), 0)

    def state(self) -> Any:
        """Nothing of who asks."""
        waiting = {name: len(line.waiting) for name, line in self.lines.items()}
        return {"realms": len(self.realms), "nobodies": len(self.nobodies), "waiting": waiting, **self.outcomes}

    def handle_info(self, message: Any) -> None:
        match message:
            case Received(message=AuthnReq() as request):
                self._asked(Question(request, message.envelope))
            case Received(message=RegFlush(realm=realm, username=username)):
                self._forget(realm.lower(), username)
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
            self.cast(self.edge, Answer(told, asked.envelope, delay=delay))

    def _refuse(self, asked: Question, why: str, delay: float) -> None:
        self.outcomes["refused"] += 1
        realm, username = asked.key
        self.log.debug("authn_refused", realm=realm[:80], username=username[:80], why=why)
        self.cast(self.edge, Answer(AuthnErr(), asked.envelope, deferred=True, delay=delay))

    def _forget(self, realm: str, username: str | None) -> None:
        self.realms.forget(realm)
        if username is None:
            self.nobodies.forget_realm(realm)
        else:
            self.nobodies.forget((realm, ""))
            self.nobodies.forget((realm, username.lower()))
