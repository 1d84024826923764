"""The mail itself (RFC 5322), made of a template and what a notice gave."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final

from mirliton.whapps.teletype.notices import Content
from mirliton.whapps.teletype.rendering import render
from mirliton.whapps.teletype.template import ADMINS, ORIGINAL, Addresses, MailTemplate, is_address

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
LONGEST_SUBJECT: Final = 200


class NoRecipients(Exception):
    """Nobody would get this mail."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A mail, and to whom it goes (with those of Bcc, who are not in it)."""

    message: EmailMessage
    sender: str
    recipients: tuple[str, ...]
    subject: str


def prepare(
    template: MailTemplate, content: Content, admins: tuple[str, ...], sender: str, message_id: str, now: float
) -> Prepared:
    """The mail. `sender` is used where the template has none; `message_id` is without brackets, `now` unix seconds.

    Raises NoRecipients, and InvalidTemplate.
    """

    def meant(addresses: Addresses) -> tuple[str, ...]:
        match addresses.type:
            case t if t == ORIGINAL:
                return content.original
            case t if t == ADMINS:
                return admins
        return addresses.email_addresses

    to, cc, bcc = meant(template.to), meant(template.cc), meant(template.bcc)
    recipients = tuple(dict.fromkeys((*to, *cc, *bcc)))
    if not recipients:
        raise NoRecipients(f"{template.id} has nobody to go to")
    subject = _line(render(template.subject, content.macros, html=False))[:LONGEST_SUBJECT] or template.friendly_name
    source = template.sender if is_address(template.sender) else sender
    message = EmailMessage(policy=SMTP)
    message["From"] = source
    message["To"] = ", ".join(to) if to else "undisclosed-recipients:;"
    if cc:
        message["Cc"] = ", ".join(cc)
    if is_address(template.reply_to):
        message["Reply-To"] = template.reply_to
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    message["Message-ID"] = f"<{message_id}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(render(template.text, content.macros, html=False))
    message.add_alternative(render(template.html, content.macros, html=True), subtype="html")
    for file in content.attachments:
        main, _, sub = file.content_type.partition("/")
        if not (main.isalnum() and re.fullmatch(r"[A-Za-z0-9.+-]+", sub)):
            main, sub = "application", "octet-stream"
        message.add_attachment(file.data, maintype=main, subtype=sub, filename=file.name)
    return Prepared(message, source, recipients, subject)


def overrides(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What a notification's own headers (To, Cc, Bcc, From, Reply-To, Subject) say in place of the template."""
    made: dict[str, Any] = {}
    for header, name in (("From", "from"), ("Reply-To", "reply_to"), ("Subject", "subject")):
        if isinstance(value := payload.get(header), str) and value:
            made[name] = value if header != "Subject" else value.replace("{", "").replace("}", "")
    for header, name in (("To", "to"), ("Cc", "cc"), ("Bcc", "bcc")):
        if value := payload.get(header):
            made[name] = {"type": "specified", "email_addresses": value}
    return made


def _line(text: str) -> str:
    """One line: what came from a caller may hold anything."""
    return _CONTROL.sub(" ", text).strip()
