"""The spool: takes notifications out one by one, and only when their mail has been taken or never will be.

Its truth is the database, so it has nothing to lose: after a restart it looks again. A notification whose mail was not
taken is tried again at Kazoo's intervals for voicemail, and for good after a week; what became of each mail is noted in
the account's month database (`notify_smtp_log`, as Kazoo's `notifications/smtplog` shows it).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from mirliton.actors.kapi import KapiError, from_headers
from mirliton.actors.kapi.notifications import Mail
from mirliton.actors.mailing import SPOOL, LookIntoSpool
from mirliton.actors.store import (
    Conflict,
    DatabaseNotFound,
    Document,
    Month,
    Months,
    NotFound,
    Row,
    StoreError,
    ViewResult,
)
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import gregorian, stamp
from mirliton.actors.store.names import month_id
from mirliton.runtime import Completed, Continue, GenServer, NoReply, TimerFired, TimerRef
from mirliton.whapps.teletype.envelope import NoRecipients, Prepared, overrides, prepare
from mirliton.whapps.teletype.notices import NOTICES, Notice, admin_addresses
from mirliton.whapps.teletype.rendering import InvalidTemplate
from mirliton.whapps.teletype.smtp import MailServer, NotTaken, send
from mirliton.whapps.teletype.template import find, merged

LOOK_EVERY: Final = 60.0
"""Seconds between looks, besides those that somebody asks for."""
AT_ONCE: Final = 4
READ_AT_ONCE: Final = 200
"""Notifications that are read at one look; the next look reads on."""
RETRY_AFTER: Final = (60.0, 900.0, 2700.0, 7200.0, 86400.0)
"""Seconds to wait after the first, second … attempt; as long as the last after all others."""
CLAIMED_FOR: Final = 120.0
"""Seconds in which no other node sends what this one is sending; longer than a mail can take."""
LONGEST: Final = 90.0
"""Seconds that the mail server may take for one mail; well within the claim."""
GIVEN_UP_AFTER: Final = 7 * 86400.0
"""Seconds after which a mail that nobody took is given up."""


class Spool(GenServer):
    """Under TELETYPE. Without a mail server (None) it leaves everything where it is, and says so."""

    def init(self, server: MailServer | None) -> NoReply:
        self.server = server
        self.sending: set[str] = set()
        self.looking = False
        self.look_again = False
        self.timer: TimerRef | None = None
        self.after = ""
        """The last id that was read: a look reads on where the one before stopped."""
        self.sent = 0
        self.failed = 0
        self.given_up = 0
        self.waiting = 0
        """Notifications that were in the spool at the last look."""
        return NoReply(then=Continue())

    def state(self) -> Any:
        return {
            "server": self.server and f"{self.server.relay}:{self.server.port}",
            "sending": sorted(self.sending),
            "waiting": self.waiting,
            "sent": self.sent,
            "failed": self.failed,
            "given_up": self.given_up,
        }

    def handle_continue(self, argument: Any) -> None:
        if self.server is None:
            self.log.info("mail_is_off", setting="smtp_client.relay")
        self._look()

    def handle_info(self, message: Any) -> None:
        match message:
            case LookIntoSpool():
                self.after = ""
                self._look()
            case TimerFired(message="look"):
                self._look()
            case Completed(tag="look", value=found, error=error):
                self._looked(found, error)
            case Completed(tag=str(doc_id), error=error):
                self.sending.discard(doc_id)
                if error is not None:
                    self.log.warning("mail_not_handled", notification=doc_id, error=str(error))
                    return  # the next look finds it again
                self._look()
            case _:
                super().handle_info(message)

    def _look(self) -> None:
        if self.looking:
            self.look_again = True
        elif self.server is not None:
            self.looking = True
            self.background(self._read(), "look")

    async def _read(self) -> ViewResult:
        try:
            return await StoreClient(self).all_docs(
                SPOOL, startkey=self.after + "\0", include_docs=True, limit=READ_AT_ONCE
            )
        except DatabaseNotFound:
            return ViewResult([], 0)

    def _looked(self, found: ViewResult | None, error: Any) -> None:
        self.looking = False
        if found is None:
            self.log.warning("spool_not_read", error=str(error))
        else:
            self.waiting = found.total_rows or 0
            self._send(found.rows)
        if self.timer is not None:
            self.cancel_timer(self.timer)
        self.timer = self.start_timer(LOOK_EVERY, "look")
        if self.look_again:
            self.look_again = False
            self._look()

    def _send(self, rows: Sequence[Row]) -> None:
        """Send what is due of these; when so many are on their way as may be, the next look goes on from there."""
        now = self.node.clock.time()
        for row in rows:
            if len(self.sending) >= AT_ONCE:
                return
            self.after = str(row.id)
            if row.doc is not None and row.id not in self.sending and self._is_due(row.doc, now):
                self.sending.add(self.after)
                self.background(self._handle(self.after), self.after)
        if len(rows) == READ_AT_ONCE:
            self.look_again = True
        else:
            self.after = ""

    def _is_due(self, doc: Document, now: float) -> bool:
        """Not later, and not by another node (to look at that again and again would be to spin until it is done)."""
        return _retry_after(doc) <= now and not self._is_claimed(doc, gregorian(now))

    def _is_claimed(self, doc: Document, now: int) -> bool:
        until = doc.get("claimed_until")
        return isinstance(until, int) and until > now and doc.get("claimed_by") != self.node.name

    async def _handle(self, doc_id: str) -> None:
        """Send one notification's mail, and take it out of the spool if that is the end of it."""
        assert self.server is not None
        store = StoreClient(self)
        mail: Prepared | None = None
        doc = await self._claimed(store, doc_id)
        if doc is None:
            return
        try:
            notice = _notice(doc)
            answer = doc.get("receipt")
            if not isinstance(answer, str):
                mail = await self._made(store, self.server, doc, notice)
                async with asyncio.timeout(LONGEST):
                    answer = await send(self.server, mail)
                # From here on it is not sent again, whatever goes wrong with the rest.
                taken = {**doc, "receipt": answer[:1000]}
                doc = {**taken, "_rev": await store.put(SPOOL, taken)}
            await notice.sent(store)
        except (_NotWanted, NoRecipients) as why:
            await self._ended(store, doc, mail, "disabled", str(why))
        except (InvalidTemplate, KapiError, LookupError) as error:
            await self._ended(store, doc, mail, "failed", str(error))
        except StoreError:
            raise  # it is not this mail that is wrong; the next look finds it again
        except TimeoutError:
            await self._not_now(store, doc, mail, f"not taken in {LONGEST:g} s")
        except NotTaken as error:
            if error.for_good:
                self.failed += 1
                await self._ended(store, doc, mail, "failed", str(error))
            else:
                await self._not_now(store, doc, mail, str(error))
        except Exception as error:  # noqa: BLE001 # documents may hold anything, and one mail must not hold up all others
            await self._not_now(store, doc, mail, f"{type(error).__name__}: {error}")
        else:
            self.sent += 1
            await self._ended(store, doc, mail, "completed", answer)

    async def _claimed(self, store: StoreClient, doc_id: str) -> Document | None:
        """The notification, which no other node will handle for a while; None where one does, or it is gone."""
        now = gregorian(self.node.clock.time())
        try:
            doc = await store.get(SPOOL, doc_id)
            if self._is_claimed(doc, now):
                return None
            claimed = {**doc, "claimed_by": self.node.name, "claimed_until": now + int(CLAIMED_FOR)}
            return {**claimed, "_rev": await store.put(SPOOL, claimed)}
        except (NotFound, Conflict):
            return None

    async def _made(self, store: StoreClient, server: MailServer, doc: Document, notice: Notice) -> Prepared:
        content = await notice.content(store)
        template = await find(store, notice.template_id, content.account_id)
        if not template.enabled:
            raise _NotWanted(f"{template.id} is turned off")
        template = merged(template, overrides(doc.get("payload", {})))
        admins = await admin_addresses(store, content.account_id)
        message_id = f"{doc['_id']}@{server.hostname or 'mirliton.invalid'}"
        return prepare(template, content, admins, server.sender, message_id, self.node.clock.time())

    def _is_old(self, doc: Document) -> bool:
        created = doc.get("pvt_created")
        return not isinstance(created, int) or gregorian(self.node.clock.time()) - created > GIVEN_UP_AFTER

    async def _not_now(self, store: StoreClient, doc: Document, mail: Prepared | None, problem: str) -> None:
        self.failed += 1
        if self._is_old(doc):
            await self._ended(store, doc, mail, "failed", problem)
        else:
            await self._later(store, doc, problem)

    async def _later(self, store: StoreClient, doc: Document, problem: str) -> None:
        attempts = doc["attempts"] if isinstance(doc.get("attempts"), int) else 0
        pause = RETRY_AFTER[min(attempts, len(RETRY_AFTER) - 1)]
        self.log.warning("mail_not_taken", notification=doc["_id"], attempts=attempts + 1, retry=pause, error=problem)
        now = self.node.clock.time()
        noted = {"attempts": attempts + 1, "retry_after": gregorian(now + pause), "error": problem[:500]}
        await store.put(SPOOL, {**doc, **noted, "claimed_until": 0})

    async def _ended(self, store: StoreClient, doc: Document, mail: Prepared | None, status: str, told: str) -> None:
        if status == "failed":
            self.given_up += 1
            self.log.error("mail_given_up", notification=doc["_id"], error=told)
        else:
            self.log.info("mail_sent" if status == "completed" else "mail_not_wanted", notification=doc["_id"])
        await self._note(store, doc, mail, status, told)
        try:
            await store.delete(SPOOL, doc["_id"], doc["_rev"])
        except (NotFound, Conflict):
            return

    async def _note(self, store: StoreClient, doc: Document, mail: Prepared | None, status: str, told: str) -> None:
        account_id = doc.get("pvt_account_id")
        if not isinstance(account_id, str):
            return
        now = self.node.clock.time()
        noted = {
            "_id": month_id(Month.at(now), str(doc["_id"])),
            "template_id": doc.get("notification_type"),
            "status": status,
            "receipt" if status == "completed" else "error": told[:1000],
            "timestamp": gregorian(now),
        }
        if mail is not None:
            noted |= {"subject": mail.subject, "from": mail.sender, "to": list(mail.recipients)}
        months = Months(store, account_id, clock=self.node.clock.time)
        stamped = stamp(noted, type="notify_smtp_log", account_id=account_id, db=months.db(Month.at(now)), now=now)
        try:
            await months.put(stamped)
        except Conflict:
            return  # noted before a kill
        except StoreError as error:
            self.log.warning("mail_not_noted", notification=doc["_id"], error=str(error))


class _NotWanted(Exception):
    """The account has turned this kind of mail off."""


def _retry_after(doc: Document) -> float:
    told = doc.get("retry_after")
    return told - gregorian(0) if isinstance(told, int) and not isinstance(told, bool) and told else 0.0


def _notice(doc: Document) -> Notice:
    """Raises KapiError for what is no notification, LookupError for a kind that there is no template for."""
    mail = from_headers(doc.get("payload") or {})
    make = NOTICES.get(type(mail)) if isinstance(mail, Mail) else None
    if make is None:
        raise LookupError(f"there is no template for {doc.get('notification_type')!r}")
    return make(mail)
