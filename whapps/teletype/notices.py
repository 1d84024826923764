"""What each kind of mail is made of: whose it is, who gets it, what its macros say, and what happens when it has gone.

Macros have Kazoo's names. A notice reads the documents when the mail is made, so a mail says what is true when it goes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from mirliton.actors.kapi.notifications import Mail, MissedCall, PasswordRecovery, SystemAlert, VoicemailNew
from mirliton.actors.store import Conflict, Document, InvalidName, Months, NotFound, Store, update
from mirliton.actors.store.documents import gregorian, is_deleted, unix
from mirliton.actors.store.names import account_db
from mirliton.whapps.teletype.template import addresses

MOST_ATTACHED: Final = 20 * 1024 * 1024
"""Bytes; a larger recording is not attached, and the mail says so by naming no file."""
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._+-]+")
_AUDIO: Final = {"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/wav": "wav", "audio/x-wav": "wav"}


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that goes with a mail."""

    name: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """What a notice gives to its template."""

    macros: dict[str, Any]
    original: tuple[str, ...] = ()
    """Whom the event names."""
    attachments: tuple[Attached, ...] = ()
    account_id: str | None = None
    """Whose administrators are meant, and whose template."""


class Notice(Protocol):
    """One kind of mail."""

    @property
    def template_id(self) -> str:
        """The template that its mail is made with."""

    async def content(self, store: Store) -> Content:
        """Read what the mail is made of. Raises StoreError when that cannot be read now."""

    async def sent(self, store: Store) -> None:
        """The mail server has taken the mail. May be called again."""


@dataclass(frozen=True, slots=True)
class VoicemailToEmail:
    """A message was left: with the message itself, to the mailbox's addresses and its owner."""

    mail: VoicemailNew
    template_id: str = field(default="voicemail_to_email", init=False)

    async def content(self, store: Store) -> Content:
        mail = self.mail
        box = await _document(store, mail.account_id, mail.voicemail_box)
        owner = await _document(store, mail.account_id, box.get("owner_id"))
        account = await _account(store, mail.account_id)
        zone = next((str(doc["timezone"]) for doc in (box, owner, account) if doc.get("timezone")), "UTC")
        message, attached = await self._message(store, box, zone)
        transcription = mail.voicemail_transcription
        voicemail = {
            "vmbox_id": mail.voicemail_box,
            "vmbox_name": box.get("name"),
            "vmbox_number": box.get("mailbox"),
            "box": mail.voicemail_box,
            "msg_id": mail.voicemail_id,
            "name": mail.voicemail_id,
            "transcription": transcription.get("text") if isinstance(transcription, Mapping) else None,
            "length": clock_length(_length(mail, message)),
        }
        for file in attached:
            voicemail |= {
                "file_name": file.name,
                "file_type": file.name.rpartition(".")[2],
                "file_size": len(file.data),
            }
        emails = addresses(box.get("notify_email_addresses"))
        email = owner.get("email")
        if isinstance(email, str):
            others = tuple(one for one in emails if one != email)
            emails = (*addresses(email), *others) if owner.get("vm_to_email_enabled", True) is True else others
        macros = {
            "voicemail": voicemail,
            "user": _person(owner),
            "owner": _person(owner),
            **_call(mail, account, unix(mail.voicemail_timestamp), zone),
        }
        return Content(macros, emails, attached, mail.account_id)

    async def sent(self, store: Store) -> None:
        box = await _document(store, self.mail.account_id, self.mail.voicemail_box)
        for option, folder in (("delete_after_notify", "deleted"), ("save_after_notify", "saved")):
            if box.get(option) is True:
                await self._move(store, folder)
                return

    async def _message(self, store: Store, box: Document, zone: str) -> tuple[Document, tuple[Attached, ...]]:
        months = Months(store, self.mail.account_id)
        try:
            doc = await months.get(self.mail.voicemail_id)
            if box.get("include_message_on_notify", True) is not True:
                return doc, ()
            for name, meta in doc.get("_attachments", {}).items():
                if int(meta.get("length", 0)) > MOST_ATTACHED:
                    continue
                found = await months.get_attachment(self.mail.voicemail_id, name)
                return doc, (Attached(self._file_name(zone, name, found.content_type), found.content_type, found.data),)
        except (NotFound, InvalidName):
            return {}, ()
        return doc, ()

    def _file_name(self, zone: str, name: str, content_type: str) -> str:
        """As Kazoo names it: who called, and when."""
        mail = self.mail
        who = mail.caller_id_name or mail.caller_id_number or mail.from_user or "unknown"
        when = _local(unix(mail.voicemail_timestamp), zone)
        extension = _AUDIO.get(content_type) or name.rpartition(".")[2] or "bin"
        return _UNFIT.sub("_", f"{who}_{when:%Y-%m-%d_%H-%M-%S}.{extension}".lower())

    async def _move(self, store: Store, folder: str) -> None:
        def change(doc: Document) -> Document | None:
            metadata = doc.get("metadata")
            if not isinstance(metadata, dict) or metadata.get("folder") != "new":
                return None  # somebody has heard it meanwhile, and put it where it is
            return {**doc, "metadata": {**metadata, "folder": folder}, "pvt_modified": gregorian(_now())}

        months = Months(store, self.mail.account_id)
        try:
            await update(store, months.db_of(self.mail.voicemail_id), self.mail.voicemail_id, change)
        except (NotFound, InvalidName, Conflict):
            return


@dataclass(frozen=True, slots=True)
class MissedCallMail:
    """A call was not taken: to whom the callflow's `missed_call_alert` names."""

    mail: MissedCall
    template_id: str = field(default="missed_call", init=False)

    async def content(self, store: Store) -> Content:
        mail = self.mail
        given = mail.notify if isinstance(mail.notify, Mapping) else {}
        cause = given.get("hangup_cause")
        missed = {
            "reason": "no voicemail message was left" + (f" ({cause})" if isinstance(cause, str) and cause else ""),
            "is_bridged": mail.call_bridged,
            "is_message_left": bool(mail.message_left),
        }
        at = unix(mail.timestamp) if mail.timestamp else _now()
        account = await _account(store, mail.account_id)
        macros = {"missed_call": missed, **_call(mail, account, at, str(account.get("timezone") or "UTC"))}
        return Content(macros, await self._recipients(store, given.get("recipients")), (), mail.account_id)

    async def sent(self, store: Store) -> None:
        return

    async def _recipients(self, store: Store, given: Any) -> tuple[str, ...]:
        """The addresses of Kazoo's list of {type: email or user, id: one or several}."""
        found: list[str] = []
        for one in given if isinstance(given, list | tuple) else ():
            if not isinstance(one, Mapping):
                continue
            ids = one.get("id")
            for each in ids if isinstance(ids, list | tuple) else [ids]:
                user = await _document(store, self.mail.account_id, each) if one.get("type") == "user" else {}
                found.append(str(user.get("email", "")) if one.get("type") == "user" else str(each))
        return addresses(found)


@dataclass(frozen=True, slots=True)
class PasswordRecoveryMail:
    """Somebody wants a new password: to the user's own address, which the login was found by."""

    mail: PasswordRecovery
    template_id: str = field(default="password_recovery", init=False)

    async def content(self, store: Store) -> Content:
        mail = self.mail
        link = mail.password_reset_link
        macros = {
            "user": {"first_name": mail.first_name, "last_name": mail.last_name, "email": mail.email},
            "account": await _account(store, mail.account_id),
            "link": link,
        }
        return Content(macros, addresses(mail.email), (), mail.account_id)

    async def sent(self, store: Store) -> None:
        return


@dataclass(frozen=True, slots=True)
class SystemAlertMail:
    """Something is wrong with the system: to the master account's administrators."""

    mail: SystemAlert
    template_id: str = field(default="system_alert", init=False)

    async def content(self, store: Store) -> Content:
        mail = self.mail
        given = mail.details
        details = given.items() if isinstance(given, Mapping) else [("Details", given)] if given else []
        macros = {
            "message": mail.message,
            "request": {"subject": mail.subject, "node": mail.node, "module": mail.module, "section": mail.section},
            "details": [(str(name), str(value)) for name, value in details][:100],
        }
        return Content(macros, (), (), await _master_account(store))

    async def sent(self, store: Store) -> None:
        return


NOTICES: Final[dict[type[Mail], Callable[[Any], Notice]]] = {
    VoicemailNew: VoicemailToEmail,
    MissedCall: MissedCallMail,
    PasswordRecovery: PasswordRecoveryMail,
    SystemAlert: SystemAlertMail,
}
"""Who makes a mail of which notification; of others there is no template yet, and they are not sent."""


async def admin_addresses(store: Store, account_id: str | None) -> tuple[str, ...]:
    """The addresses of an account's administrators."""
    if account_id is None:
        return ()
    try:
        found = await store.view(account_db(account_id), "users/crossbar_listing", include_docs=True, limit=1000)
    except (NotFound, InvalidName):
        return ()
    users = [row.doc for row in found.rows if row.doc is not None]
    return addresses([user.get("email") for user in users if user.get("priv_level") == "admin"])


def clock_length(length: float) -> str:
    """A length in seconds as Kazoo's mails have it, HH:MM:SS."""
    seconds = int(length)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _length(mail: VoicemailNew, message: Document) -> float:
    """Seconds that the message lasts, as the notification or else the message itself tells."""
    if mail.voicemail_length is not None:
        return mail.voicemail_length
    metadata = message.get("metadata")
    told = metadata.get("length") if isinstance(metadata, Mapping) else None
    return told / 1000 if isinstance(told, int | float) and not isinstance(told, bool) and told >= 0 else 0.0


def _call(mail: VoicemailNew | MissedCall, account: Mapping[str, Any], at: float, zone: str) -> dict[str, Any]:
    """What is told of a call in every mail about one."""
    return {
        "account": account,
        "call_id": mail.call_id,
        "caller_id": {
            "name": mail.caller_id_name or mail.caller_id_number or mail.from_user or "unknown",
            "number": mail.caller_id_number or mail.from_user or "unknown",
        },
        "from": {"user": mail.from_user, "realm": mail.from_realm},
        "to": {"user": mail.to_user, "realm": mail.to_realm},
        "date_called": {
            "utc": _told(datetime.fromtimestamp(at, UTC)),
            "local": _told(_local(at, zone)),
            "timestamp": int(at),
        },
    }


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"


def _local(at: float, zone: str) -> datetime:
    try:
        return datetime.fromtimestamp(at, ZoneInfo(zone))
    except (KeyError, ValueError, OSError):
        return datetime.fromtimestamp(at, UTC)


def _now() -> float:
    return datetime.now(UTC).timestamp()


async def _account(store: Store, account_id: str) -> dict[str, Any]:
    doc = await _document(store, account_id, account_id)
    return {"id": account_id} | {name: doc.get(name) for name in ("name", "realm", "language", "timezone")}


def _person(user: Document) -> dict[str, Any]:
    return {name: user.get(name) for name in ("first_name", "last_name", "email", "timezone")}


async def _document(store: Store, account_id: str, doc_id: Any) -> Document:
    """A document of the account's, empty where there is none."""
    if not isinstance(doc_id, str) or not doc_id:
        return {}
    try:
        doc = await store.get(account_db(account_id), doc_id)
    except (NotFound, InvalidName):
        return {}
    return {} if is_deleted(doc) else doc


async def _master_account(store: Store) -> str | None:
    try:
        default = (await store.get("system_config", "accounts")).get("default")
    except NotFound:
        return None
    found = default.get("master_account_id") if isinstance(default, dict) else None
    return found if isinstance(found, str) else None
