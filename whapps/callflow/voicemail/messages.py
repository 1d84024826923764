"""The messages of a mailbox: documents of the account's month databases, each with its audio as an attachment.

A message has a folder: new, saved or deleted. Its document is made before the caller speaks, without one, and gets it
last, when the audio is there; so whoever counts or lists by folder never sees a message that cannot be heard. If nobody
comes to give it one (this process and the call's died together), the next visit to the mailbox does, or clears it away.
Everything here may be done twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from mirliton.actors.kapi.notifications import VoicemailNew
from mirliton.actors.mailing import notify
from mirliton.actors.presence import MAILBOX_NEWS, MailboxChanged
from mirliton.actors.store import AttachmentNotFound, Conflict, Document, Month, Months, NotFound, update
from mirliton.actors.store.documents import GREGORIAN_OFFSET, gregorian, stamp, unix
from mirliton.actors.store.names import month_id
from mirliton.whapps.callflow.fields import mapping, number, text
from mirliton.whapps.callflow.missed_calls import MESSAGE_LEFT, RECIPIENTS
from mirliton.whapps.callflow.script import Script
from mirliton.whapps.callflow.voicemail.box import Box
from mirliton.whapps.callflow.voicemail.delivery import PAUSES, deliver, length_of, name_of

NEW: Final = "new"
SAVED: Final = "saved"
DELETED: Final = "deleted"
MIN_LENGTH: Final = 500
"""Milliseconds; what is shorter is no message (Kazoo: min_message_size)."""
RETENTION: Final = timedelta(days=93)
"""How far back messages are looked for (Kazoo: message_retention_duration)."""
MAX_LISTED: Final = 1000
"""Messages of a mailbox that are looked at: the newest."""
UNFINISHED_AFTER: Final = 900.0
"""Seconds, beyond the longest recording, after which nobody is at work on a message without a folder any more."""
GIVEN_UP_AFTER: Final = 86_400.0
"""Seconds after which a message whose audio cannot be had is cleared away."""
RECOVERED_AT_ONCE: Final = 3
_LONGEST_ID: Final = 35
_YEAR_9000: Final = 284_000_000_000


@dataclass(frozen=True, slots=True)
class Message:
    """What a listing tells of a message. `at` is in unix seconds, `key` short for its id within the mailbox."""

    id: str
    folder: str | None
    at: float

    @property
    def key(self) -> str:
        return hashlib.sha256(self.id.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that is to become a message: its id, when it was made, and where its file is."""

    id: str
    at: float
    file: str
    switch: str


class Messages:
    """The messages of the account's mailboxes. `now` gives unix seconds."""

    def __init__(self, call: Script, now: Callable[[], float]) -> None:
        self._call = call
        self._now = now
        self._months = Months(call.store, call.account_id, clock=now)

    def new_id(self, at: float) -> str:
        """An id for a message of this moment, the same whenever this step is run again with the same moment."""
        return month_id(Month.at(at), self._call.unique("message"))

    async def listed(self, box_id: str, *folders: str) -> list[Message]:
        """The messages in these folders, the oldest first."""
        return [message for message in await self._all(box_id) if message.folder in folders]

    async def opened(self, message_id: str) -> Document | None:
        """A message's document; None where there is none (any more) that can be heard."""
        try:
            doc = await self._months.get(message_id)
        except NotFound:
            return None
        return doc if doc.get("_attachments") else None

    def url(self, doc: Document) -> str:
        """Where a switch finds the audio of a message."""
        name = next(iter(doc["_attachments"]))
        return self._call.media.url("GET", self._months.db_of(doc["_id"]), doc["_id"], name)

    async def begin(self, recording: Recording, box: Box) -> None:
        """Make the document of a message that is about to be recorded."""
        leg = self._call.leg
        metadata = {
            "from": leg.from_ or "",
            "to": leg.to or "",
            "caller_id_name": leg.caller_id_name or "",
            "caller_id_number": leg.caller_id_number or "",
            "call_id": self._call.id,
        }
        await self._write(recording.id, self._document(recording, box, metadata))

    async def finish(self, recording: Recording, length: int | None, pauses: tuple[float, ...] = PAUSES) -> bool:
        """Have the audio delivered, and make it a new message; False when the audio did not come.

        `length` in milliseconds; None when it is not known, and told by the audio. What is too short is cleared away.
        """
        if length is not None and length < MIN_LENGTH:
            await self.discard(recording.id)
            return True
        db = self._months.db_of(recording.id)
        if not await deliver(self._call, recording.switch, recording.file, db, recording.id, pauses):
            return False
        if length is None:
            length = await length_of(self._call, db, recording.id, name_of(recording.file))
            if 0 < length < MIN_LENGTH:
                await self.discard(recording.id)
                return True
        if self._call.kept(RECIPIENTS):
            self._call.keep(**{MESSAGE_LEFT: True})
        await self._tell_by_mail(recording.id, length)
        await self._set(recording.id, NEW, length)
        return True

    async def move(self, message_id: str, folder: str) -> None:
        """Put a message into a folder; one that is gone stays gone."""
        await self._set(message_id, folder)

    async def copy(self, message_id: str, copy_id: str, at: float, box: Box) -> bool:
        """Make a new message of another mailbox from this one; False where it is gone."""
        source = await self.opened(message_id)
        if source is None:
            return False
        name = next(iter(source["_attachments"]))
        audio = await self._months.get_attachment(message_id, name)
        metadata = mapping(source, "metadata")
        await self._write(copy_id, self._document(Recording(copy_id, at, name, ""), box, metadata))
        for _ in range(5):
            doc = await self._months.get(copy_id)
            if name in doc.get("_attachments", {}):
                break
            try:
                await self._months.put_attachment(copy_id, name, audio.content_type, audio.data, doc["_rev"])
            except Conflict:
                continue
        await self._set(copy_id, NEW, number(metadata, "length", 0, 0, 2**31))
        return True

    async def discard(self, message_id: str) -> None:
        """Clear away what did not become a message."""
        for _ in range(5):
            try:
                doc = await self._months.get(message_id)
                await self._call.store.delete(self._months.db_of(message_id), message_id, doc["_rev"])
            except NotFound:
                return
            except Conflict:
                continue

    async def recover(self, box: Box) -> None:
        """Finish what others began for this mailbox and could not finish: a few messages, with one attempt each."""
        limit = self._now() - box.max_length - UNFINISHED_AFTER
        left = [message for message in await self._all(box.id) if message.folder is None and message.at < limit]
        for message in left[:RECOVERED_AT_ONCE]:
            try:
                noted = mapping(await self._months.get(message.id), "pvt_recording")
            except NotFound:
                continue
            recording = Recording(message.id, message.at, text(noted, "file") or "", text(noted, "switch") or "")
            if recording.file and await self.finish(recording, None, pauses=()):
                self._call.log.info("message_recovered", message=message.id, mailbox=box.id)
            elif message.at < self._now() - GIVEN_UP_AFTER:
                self._call.log.warning("message_lost", message=message.id, mailbox=box.id)
                await self.discard(message.id)

    async def _tell_by_mail(self, message_id: str, length: int) -> None:
        """Have the owner told; before the message gets its folder, so that whoever comes back does it again."""
        try:
            doc = await self._months.get(message_id)
        except NotFound:
            return
        metadata = mapping(doc, "metadata")
        if metadata.get("folder"):
            return
        from_user, _, from_realm = (text(metadata, "from") or "").partition("@")
        to_user, _, to_realm = (text(metadata, "to") or "").partition("@")
        mail = VoicemailNew(
            account_id=self._call.account_id,
            from_user=from_user or "unknown",
            from_realm=from_realm or "unknown",
            to_user=to_user or "unknown",
            to_realm=to_realm or "unknown",
            voicemail_box=str(doc.get("source_id")),
            voicemail_id=message_id,
            voicemail_timestamp=number(metadata, "timestamp", gregorian(self._now()), 0, _YEAR_9000),
            call_id=text(metadata, "call_id"),
            caller_id_name=text(metadata, "caller_id_name"),
            caller_id_number=text(metadata, "caller_id_number"),
            voicemail_length=length / 1000,
        )
        await notify(self._call.store, self._call.process, mail, key=message_id)

    async def _all(self, box_id: str) -> list[Message]:
        now = self._now()
        since = now - RETENTION.total_seconds()
        rows = await self._months.view(
            "mailbox_messages/listing_by_mailbox",
            Month.at(since),
            Month.at(now),
            descending=True,
            startkey=[box_id, {}],
            endkey=[box_id, gregorian(since)],
            limit=MAX_LISTED,
        )
        found = []
        for row in reversed(rows):
            value = row.value if isinstance(row.value, dict) else {}
            at = number(value, "timestamp", gregorian(now), GREGORIAN_OFFSET, _YEAR_9000)
            found.append(Message(str(row.id), text(value, "folder"), unix(at)))
        return found

    def _document(self, recording: Recording, box: Box, metadata: dict[str, Any]) -> Document:
        at = gregorian(recording.at)
        said = {name: str(metadata.get(name) or "") for name in ("from", "to", "call_id")}
        shown = {name: str(metadata.get(name) or "")[:_LONGEST_ID] for name in ("caller_id_name", "caller_id_number")}
        return stamp(
            {
                "_id": recording.id,
                "name": f"mailbox {box.number} message {local_time(recording.at, box.timezone):%m-%d-%Y %H:%M:%S}",
                "source_type": "voicemail",
                "source_id": box.id,
                "media_source": "recording",
                "media_filename": name_of(recording.file),
                "streamable": True,
                "utc_seconds": at,
                "metadata": {**said, **shown, "timestamp": at, "media_id": recording.id},
                "pvt_recording": {"switch": recording.switch, "file": recording.file},
            },
            type="mailbox_message",
            account_id=self._call.account_id,
            db=self._months.db_of(recording.id),
            now=recording.at,
        )

    async def _write(self, message_id: str, wanted: Document) -> None:
        """Store the document of a message that has no folder yet; one that has, is done."""
        try:
            await self._months.put(wanted)
        except Conflict:
            await update(
                self._call.store,
                self._months.db_of(message_id),
                message_id,
                lambda there: None if mapping(there, "metadata").get("folder") else {**there, **wanted},
            )

    async def _set(self, message_id: str, folder: str, length: int | None = None) -> None:
        """Set a message's folder; with `length`, only that of one that has none yet."""

        def change(doc: Document) -> Document | None:
            metadata = mapping(doc, "metadata")
            if metadata.get("folder") == folder or (length is not None and metadata.get("folder")):
                return None
            more = {} if length is None else {"length": length}
            kept = {name: value for name, value in doc.items() if name != "pvt_recording"}
            return {**kept, "metadata": {**metadata, **more, "folder": folder}, "pvt_modified": gregorian(self._now())}

        try:
            doc = await update(self._call.store, self._months.db_of(message_id), message_id, change)
        except (NotFound, AttachmentNotFound):
            self._call.log.info("message_gone", message=message_id)
            return
        self._tell_lamps(doc)

    def _tell_lamps(self, doc: Document) -> None:
        """Whoever lights lamps for waiting messages counts again."""
        box_id = text(doc, "source_id")
        if box_id is not None:
            process = self._call.process
            for watcher in process.node.groups.members(MAILBOX_NEWS):
                process.send(watcher, MailboxChanged(self._call.account_id, box_id))


def local_time(at: float, timezone: str) -> datetime:
    """A moment by the clock of a time zone; by UTC where nobody knows the zone."""
    try:
        return datetime.fromtimestamp(at, ZoneInfo(timezone))
    except (KeyError, ValueError, OSError):
        return datetime.fromtimestamp(at, UTC)
