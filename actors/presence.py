"""What those who light lamps are told by those who know.

    anybody → OMNIPRESENCE      LampChanged, PresenceReset
    anybody → OMNIPRESENCE      AskPresence (answered PresenceIs)
    anybody → MAILBOX_NEWS      MailboxChanged

A lamp shows what is true of a presence id, `user@realm`: the calls of phones light it, and so does whatever says so by
LampChanged. Each says so of a *source* of its own: a slot, a conference, the document of lamps that are set by hand.
"""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

from mirliton.runtime import Name, message

MAILBOX_NEWS: Final = "mailbox news"
"""The group of those who are told of each MailboxChanged."""
OMNIPRESENCE: Final = Name("service", "omnipresence")
"""Who lights lamps; only where there are SIP proxies."""

LampState = Literal["early", "confirmed", "terminated"]
"""In Kazoo's words of a dialog: blinking, lit, out."""
LAMP_STATES: Final[tuple[LampState, ...]] = get_args(LampState)


@message("mailbox.changed")
class MailboxChanged:
    """A mailbox has other messages than before, or others of them are new."""

    account_id: str
    box_id: str


@message("presence.lamp")
class LampChanged:
    """Lamps of an account are in this state, as far as `source` knows.

    `watched` are presence ids, of the account's realm where they name none. With `call_id` they are out as soon as that
    leg is gone. What is `lasting` holds until another word; all else is told to proxies for some minutes, and again.
    """

    account_id: str
    watched: tuple[str, ...]
    source: str
    state: LampState
    call_id: str = ""
    lasting: bool = False


@message("presence.forget")
class PresenceReset:
    """Forget what is known of a presence id of the account (empty: of all of them), and tell proxies what is left."""

    account_id: str
    presence_id: str = ""


@message("presence.ask")
class AskPresence:
    """What do the account's lamps show?"""

    account_id: str


@message("presence.is")
class PresenceIs:
    """By presence id, what lights it: an object for each leg or source, with its `state` and what else is known."""

    lamps: dict[str, list[dict[str, Any]]]
