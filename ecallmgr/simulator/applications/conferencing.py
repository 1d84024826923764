"""The application `conference`."""

from __future__ import annotations

import re

from mirliton.ecallmgr.simulator.channel import Leg
from mirliton.ecallmgr.simulator.conferences import FULL, LOCKED, MUSIC, Conference, Member
from mirliton.ecallmgr.simulator.dialer import dial

_ROOM = re.compile(r"(?P<name>[^@+]+)(@(?P<profile>[^+]+))?(\+flags\{(?P<flags>[^}]*)\})?")


async def conference(leg: Leg, data: str) -> str | None:
    """`room[@profile][+flags{mute|deaf|moderator|wait-mod|endconf}]`: be in a room until put out or hung up.

    A room that is locked or full is not joined: that is heard, and the application ends.
    """
    parsed = _ROOM.fullmatch(data.strip())
    if parsed is None:
        return None
    switch = leg.switch
    room = switch.conferences.get(parsed["name"])
    leg.mark_answered()
    if room is not None and (room.locked or 0 < room.max_members <= len(room.members)):
        if leg.remote is not None:
            leg.remote.on_heard(LOCKED if room.locked else FULL)
        return None
    if room is None:
        room = switch.conferences[parsed["name"]] = Conference(switch, parsed["name"], parsed["profile"] or "default")
    flags = frozenset(word.strip() for word in re.split(r"[|,]", parsed["flags"] or "") if word.strip())
    member = room.join(leg, flags)
    for target in switch.outcalls.pop(leg.uuid, []):
        switch.spawn(_call_out(leg, room, target), f"auto outcall of {leg.uuid}")
    try:
        while leg.executor.ready and not member.kicked:
            await _stay(leg, room, member)
    finally:
        room.leave(member)
    return None


async def _stay(leg: Leg, room: Conference, member: Member) -> None:
    """Until the member has to go, or until it begins or ends to wait for a moderator."""
    waits = "wait-mod" in member.flags and room.waits
    if waits and leg.remote is not None:
        leg.remote.on_heard(MUSIC)
    await leg.executor.wait(until=lambda: member.kicked or ("wait-mod" in member.flags and room.waits) is not waits)


async def set_auto_outcall(leg: Leg, data: str) -> str | None:
    """Whom the conference that this leg joins next calls in, once it is there."""
    leg.switch.outcalls.setdefault(leg.uuid, []).append(data)
    return None


async def _call_out(leg: Leg, room: Conference, target: str) -> None:
    """Bring somebody in; whoever answers too late for the room is hung up."""
    timeout = leg.get("conference_auto_outcall_timeout")
    wished = leg.get("conference_auto_outcall_flags") or "none"
    result = await dial(leg.switch, (f"{{originate_timeout={timeout}}}" if timeout else "") + target, None)
    called = result.leg
    if called is None:
        return
    called.flip_caller_id()
    if leg.switch.conferences.get(room.name) is not room:
        called.hangup("NORMAL_CLEARING")
        return
    words = f"{room.name}@{room.profile}" + (f"+flags{{{wished}}}" if wished != "none" else "")
    called.executor.redirect(leg.switch.routines.application(called, "conference", words))
