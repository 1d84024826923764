"""Commands to the leg itself: answer, ring, hang up, wait."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from mirliton.actors.kapi._family import command
from mirliton.actors.kapi.dialplan._command import Command
from mirliton.actors.kapi.wire import Flag, Number, Required, TextMillis, TextSeconds, Vars


@command("answer")
class Answer(Command):
    """Answer the call."""


@command("progress")
class Progress(Command):
    """Send early media (183)."""


@command("ring")
class Ring(Command):
    """Say that it rings (180)."""

    ringback: str | None = None


@command("hangup")
class Hangup(Command):
    """End the call, or only the other leg of it."""

    hangup_cause: str | None = None
    other_leg_only: bool | None = None


@command("respond")
class Respond(Command):
    """Refuse the call with a SIP status."""

    response_code: Number
    response_message: str | None = None


@command("redirect")
class Redirect(Command):
    """Send the caller elsewhere (302)."""

    redirect_contact: str
    redirect_server: str | None = None
    redirect_node: str | None = None


@command("park")
class Park(Command):
    """Wait; after `timeout` hang up with `hangup_cause`."""

    timeout: TextSeconds | None = None
    hangup_cause: str | None = None


@command("hold")
class Hold(Command):
    """Play music on hold until another command comes."""

    hold_media: str | None = None


@command("hold_control")
class HoldControl(Command):
    """Put the phone's call on hold, or take it off, from here."""

    action: Literal["hold", "unhold", "toggle"]


@command("sleep")
class Sleep(Command):
    """Be silent for `time` seconds."""

    time: TextMillis


@command("echo")
class Echo(Command):
    """Send back what comes."""


@command("privacy")
class Privacy(Command):
    """Hide the caller, or parts of it."""

    privacy_mode: Literal["full", "name", "number", "none"] | None = None


@command("set")
class Set(Command):
    """Set variables: of this leg (channel), or of this and those it bridges to (call)."""

    custom_channel_vars: Required[Vars] = field(default_factory=dict)
    custom_call_vars: Required[Vars] = field(default_factory=dict)
    custom_application_vars: Vars = field(default_factory=dict)
    export_all: bool | None = None
    """True: the channel's go to the other leg as well."""


@command("fetch")
class Fetch(Command):
    """Report the leg's variables."""

    from_other_leg: bool | None = None


@command("execute_extension")
class ExecuteExtension(Command):
    """Do an extension of the switch's own dialplan."""

    extension: str
    reset: Flag | None = None
    custom_channel_vars: Vars = field(default_factory=dict)


@command("event_actions")
class EventActions(Command):
    """What the switch shall do by itself at these events of the leg."""

    event_actions: Vars
    insert_at: Literal["now"] = field(default="now", kw_only=True)
