"""Mailboxes."""

from __future__ import annotations

from dataclasses import dataclass

from mirliton.actors.kapi.notifications._mail import Mail, mail
from mirliton.actors.kapi.wire import Anything, Gregorian, Number, TextMillis


@dataclass(frozen=True, slots=True)
class Voicemail(Mail):
    """A message in a mailbox."""

    account_id: str
    from_realm: str
    from_user: str
    to_realm: str
    to_user: str
    voicemail_box: str
    voicemail_id: str
    voicemail_timestamp: Gregorian
    call_id: str | None = None
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    voicemail_length: TextMillis | None = None
    voicemail_transcription: Anything = None


@mail("voicemail_full", "voicemail.full")
class VoicemailFull(Mail):
    """A mailbox is full."""

    account_id: str
    max_message_count: Number
    message_count: Number
    voicemail_box: str


@mail("voicemail_new", "voicemail.new")
class VoicemailNew(Voicemail):
    """A message was left."""


@mail("voicemail_saved", "voicemail.saved")
class VoicemailSaved(Voicemail):
    """A message was kept."""
