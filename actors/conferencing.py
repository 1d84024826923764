"""What those who come to a conference, its actor and the switches say to one another.

    executor → conference     JoinConference (answered Welcome, WaitForModerator or TurnedAway), LeaveConference
    conference → executor     ModeratorIsHere
    connection → conference   ConferenceNews
    conference → connection   ConferenceCommand (answered Accepted, Refused, NoSuchRoom or SwitchUnavailable),
                              ListRoom (answered Room, NoSuchRoom or SwitchUnavailable)
    anybody → conference      kapi's conference commands (answered as ConferenceCommand), AskConference (ConferenceIs)

The actor is an entity: whoever sends it something has it started. On the switch a conference is a room, whose name
holds the account, too.
"""

from __future__ import annotations

from typing import Any, Literal

from mirliton.runtime import Address, Name, message


def room_of(account_id: str, conference_id: str) -> str:
    """The room's name on a switch."""
    return f"{account_id}-{conference_id}"


def ids_of(room: str) -> tuple[str, str]:
    """The account and the conference of `room_of`: an account's id has no hyphen."""
    account_id, _, conference_id = room.partition("-")
    return account_id, conference_id


def conference_name(room: str) -> Name:
    """The actor of a conference."""
    return Name("conference", room)


@message("conference.join")
class JoinConference:
    """A call wants in. `member` is who is told when a moderator has come."""

    call_id: str
    switch: str
    moderator: bool
    member: Address


@message("conference.welcome")
class Welcome:
    """Come in now: the place is kept for some seconds."""

    participants: int


@message("conference.wait")
class WaitForModerator:
    """Nobody gets in before a moderator does."""


@message("conference.away")
class TurnedAway:
    """It has as many participants as it may; is locked; or is on another switch, from which nobody is brought here."""

    reason: Literal["full", "locked", "elsewhere"]


@message("conference.moderator")
class ModeratorIsHere:
    """Ask again."""

    room: str


@message("conference.leave")
class LeaveConference:
    """The call is out, or does not wait any more."""

    call_id: str


@message("conference.participant")
class Participant:
    """Who is in a room. `id` is the switch's number for it there."""

    id: int
    call_id: str
    moderator: bool = False
    hear: bool = True
    speak: bool = True
    talking: bool = False
    floor: bool = False
    caller_id_name: str = ""
    caller_id_number: str = ""


@message("conference.news")
class ConferenceNews:
    """Something happened in a room: mod_conference's `action`, and whom it is about."""

    switch: str
    room: str
    instance: str
    action: str
    participant: Participant | None = None


@message("conference.command")
class ConferenceCommand:
    """Carry out one of kapi's conference commands, in this room."""

    room: str
    command: Any


@message("conference.list")
class ListRoom:
    """Who is in the room?"""

    room: str


@message("conference.room")
class Room:
    """A room, as its switch knows it."""

    room: str
    instance: str
    locked: bool
    recording: bool
    participants: tuple[Participant, ...]


@message("conference.no_room")
class NoSuchRoom:
    """Nobody is in a room of that name."""

    room: str


@message("conference.ask")
class AskConference:
    """How is the conference? Answered with ConferenceIs."""


@message("conference.is")
class ConferenceIs:
    """The conference, now; `focus` is the switch that has it, "" while nobody is in it."""

    focus: str
    locked: bool
    participants: tuple[Participant, ...]
    waiting: tuple[str, ...]


@message("conference.reload")
class ReloadConference:
    """The conference's document has changed."""
