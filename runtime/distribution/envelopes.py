"""The forms of what one node says to another. Each is a list: what it is, then the fields below.

Processes of the two nodes go by their serial (the session knows node and incarnation), those of others by their Pid.
What a program has put in (a request, an answer, an exit reason) is encoded by itself where somebody waits for the
envelope: one that the other node cannot read, being of another version, must end the call or fire the monitor all the
same.
"""

from __future__ import annotations

from enum import IntEnum
from types import NoneType
from typing import Any, Final

from mirliton.runtime.addresses import Name, Pid
from mirliton.runtime.errors import MalformedFrame


class Op(IntEnum):
    """What an envelope is."""

    SEND = 1
    EXIT = 2
    LINK = 3
    UNLINK = 4
    LINK_EXIT = 5
    MONITOR = 6
    DEMONITOR = 7
    DOWN = 8
    ASK = 9
    FORGET = 10
    REPLY = 11
    FAIL = 12
    SPAWN = 13
    SPAWNED = 14
    JOIN = 15
    LEAVE = 16
    NAMED = 17
    UNNAMED = 18


_TARGET: Final = (int, Name)
_SENDER: Final = (int, Pid, NoneType)

FIELDS: Final[dict[int, tuple[Any, ...]]] = {
    Op.SEND: (_TARGET, _SENDER, object),  # to, sender, message
    Op.EXIT: (int, _SENDER, bytes),  # to, sender, reason
    Op.LINK: (int, int, int),  # whose end, with whom here, the link's number
    Op.UNLINK: (int, int, list),  # …, the numbers that go
    Op.LINK_EXIT: (int, int, bytes),  # who ended, who was linked here, reason
    Op.MONITOR: (int, _TARGET),  # ref, whom
    Op.DEMONITOR: (int,),  # ref
    Op.DOWN: (int, bytes),  # ref, reason
    Op.ASK: (int, _TARGET, _SENDER, bytes),  # tag of the call, to, sender, request
    Op.FORGET: (int,),  # tag
    Op.REPLY: (int, bytes),  # tag, answer
    Op.FAIL: (int, str, bytes),  # tag, why (see calls.py), detail
    Op.SPAWN: (int, bytes, (Name, NoneType), int, int, int),  # tag, (class, args, kwargs), name, by, link, ref
    Op.SPAWNED: (int, int),  # tag, the new process
    Op.JOIN: (str, object, list),  # scope, group, members
    Op.LEAVE: (str, object, list),
    Op.NAMED: (list,),  # (name, its holder, since when by the directory's count) …
    Op.UNNAMED: (list,),
}


def checked(envelope: Any) -> tuple[int, list[Any]]:
    """What it is, and its fields. Raises MalformedFrame."""
    if not isinstance(envelope, list) or not envelope:
        raise MalformedFrame("an envelope that is no list")
    op, *fields = envelope
    kinds = FIELDS.get(op) if type(op) is int else None
    if kinds is None or len(fields) != len(kinds) or not all(map(isinstance, fields, kinds)):
        raise MalformedFrame(f"an envelope {op!r} with fields {[type(field).__name__ for field in fields]}")
    return op, fields
