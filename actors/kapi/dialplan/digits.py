"""Commands that collect or send digits. `terminators` are the keys that end a collection: () lets none."""

from __future__ import annotations

from mirliton.actors.kapi._family import command
from mirliton.actors.kapi.dialplan._command import Command
from mirliton.actors.kapi.wire import Keys, Number, Required, Secret, TextMillis


@command("play_and_collect_digits")
class PlayAndCollectDigits(Command):
    """Play a medium until digits come, and collect them; again, up to `media_tries` times, if they do not fit."""

    media_name: str
    minimum_digits: Required[Number] = 1
    maximum_digits: Required[Number] = 1
    digits_regex: Required[str] = r"\d+"
    timeout: Required[TextMillis] = 5.0
    """How long to wait for each digit, in seconds."""
    terminators: Required[Keys] = ("#",)
    media_tries: Required[Number] = 3
    failed_media_name: str | None = None
    """Played after digits that do not fit."""


@command("set_terminators")
class SetTerminators(Command):
    """Set the keys that end whatever is played from now on."""

    terminators: Keys


@command("send_dtmf")
class SendDtmf(Command):
    """Send digits to the leg's party."""

    dtmfs: Secret[str]
    duration: TextMillis | None = None
    """Of each digit, in seconds."""


@command("recv_dtmf")
class RecvDtmf(Command):
    """Take these digits as if the leg's party had pressed them."""

    dtmfs: Secret[str]
