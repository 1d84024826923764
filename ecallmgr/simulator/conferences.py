"""mod_conference: rooms that legs join, what they tell, and the commands to them; held to the recording `conference`.

A room is there while it has members. Who is in it hears the others (nothing of that is simulated but who could), what
is played to all, and music while it waits for a moderator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import orjson

from mirliton.ecallmgr.simulator.events import Value

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.channel import Leg
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

SUBCLASS: Final = "conference::maintenance"
ENERGY: Final = "100"
DOMAIN: Final = "127.0.0.1"
MUSIC: Final = "local_stream://moh"
LOCKED: Final = "conference/conf-locked.wav"
FULL: Final = "conference/conf-conference-full.wav"


@dataclass
class Member:
    """A leg in a room. `id` counts from 1 as long as the room is there."""

    id: int
    leg: Leg
    flags: frozenset[str]
    hear: bool = True
    speak: bool = True
    kicked: bool = False
    volumes: dict[str, int] = field(default_factory=dict)

    @property
    def moderator(self) -> bool:
        return "moderator" in self.flags


class Conference:
    """One room."""

    def __init__(self, switch: SimulatedSwitch, name: str, profile: str) -> None:
        self.switch = switch
        self.name = name
        self.profile = profile
        self.uuid = switch.new_uuid()
        self.members: dict[int, Member] = {}
        self.locked = False
        self.max_members = 0
        self.floor: Member | None = None
        self.recordings: dict[str, float] = {}
        self.played: list[str] = []
        """What all members heard."""
        self._last = 0
        self._file = 0
        self.tell("conference-create")

    def join(self, leg: Leg, flags: frozenset[str]) -> Member:
        """A leg comes in."""
        self._last += 1
        member = Member(self._last, leg, flags, hear="deaf" not in flags, speak="mute" not in flags)
        self.members[member.id] = member
        shown = {
            "conference_name": self.name,
            "conference_member_id": str(member.id),
            "conference_moderator": _word(member.moderator),
            "conference_ghost": "false",
            "conference_uuid": self.uuid,
            "app_session_uuid": self.uuid,
        }
        for name, value in shown.items():
            leg.set(name, value)
        self.tell("add-member", member)
        if self.floor is None and member.speak:
            self.floor = member
            self.tell("floor-change", member, {"Old-ID": "none", "New-ID": str(member.id)})
        for other in self.members.values():
            other.leg.executor.signal()
        return member

    def leave(self, member: Member) -> None:
        """A leg goes; the last one takes the room with it."""
        if self.floor is member:
            self.floor = None
            self.tell("floor-change", more={"Old-ID": "none", "New-ID": "none"})
        del self.members[member.id]
        self.tell("del-member", member)
        alone = (
            len(self.members) == 1 and self._last > 1 and any("mintwo" in each.flags for each in self.members.values())
        )
        if "endconf" in member.flags or alone:
            for other in self.members.values():
                self.kick(other)
        if not self.members:
            for path in list(self.recordings):
                self.stop_recording(path)
            self.switch.conferences.pop(self.name, None)
            self.tell("conference-destroy")

    @property
    def waits(self) -> bool:
        """Whether members that wait for a moderator still do."""
        return not any(member.moderator for member in self.members.values())

    def kick(self, member: Member) -> None:
        """Put a member out: its application ends."""
        self.tell("kick-member", member)
        member.kicked = True
        member.leg.executor.signal()

    def play(self, path: str) -> None:
        """Play to all."""
        seconds = self.switch.sounds.seconds(path)
        self.tell("play-file", more={"File": path, "Async": "false"})
        self.played.append(path)
        for member in self.members.values():
            if member.leg.remote is not None and member.hear:
                member.leg.remote.on_heard(path)
        done: dict[str, Value] = {
            "seconds": str(int(seconds or 0)),
            "milliseconds": str(int((seconds or 0) * 1000)),
            "samples": str(int((seconds or 0) * 8000)),
        }
        self.switch.clock.call_later(seconds or 0.0, lambda: self._played(path, done))

    def _played(self, path: str, facts: dict[str, Value]) -> None:
        if self.members:
            self.tell("play-file-done", more={"File": path}, first=facts)

    def record(self, path: str) -> None:
        """Record the room."""
        self.recordings[path] = self.switch.clock.now()
        self.tell("start-recording", more={"Path": path})

    def stop_recording(self, path: str) -> None:
        """End a recording."""
        began = self.recordings.pop(path)
        seconds = self.switch.clock.now() - began
        self.switch.sounds.record(path, seconds)
        elapsed = str(int(seconds * 1000))
        facts: dict[str, Value] = {
            "Path": path,
            "Samples-Out": str(int(seconds * 8000)),
            "Samplerate": "8000",
            "Milliseconds-Elapsed": elapsed,
            "Record-File-Size": str(int(seconds * 16_000)),
            "Other-Recordings": _word(bool(self.recordings)),
        }
        self.tell("stop-recording", more=facts)

    # Telling

    def tell(
        self,
        action: str,
        member: Member | None = None,
        more: Mapping[str, Value] = MappingProxyType({}),
        first: Mapping[str, Value] = MappingProxyType({}),
    ) -> None:
        """Send an event about the room, or about one of its members; `first` comes before the action, `more` after."""
        headers: dict[str, Value] = {
            "Conference-Name": self.name,
            "Conference-Domain": DOMAIN,
            "Conference-Size": str(len(self.members)),
            "Conference-Ghosts": "0",
            "Conference-Profile-Name": self.profile,
            "Conference-Unique-ID": self.uuid,
        }
        if member is None:
            about = {**first, "Action": action, **more}
            self.switch.bus.fire("CUSTOM", lambda: {**headers, **about}, subclass=SUBCLASS)
            return
        holds = member is self.floor
        cause = {"Hangup-Cause": member.leg.cause} if member.leg.cause else {}
        shown: dict[str, Value] = {
            "Floor": _word(holds),
            **cause,
            "Video": "false",
            "Hear": _word(member.hear),
            "See": "true",
            "Speak": _word(member.speak),
            "Talking": "false",
            "Mute-Detect": "false",
            "Hold": "false",
            "Member-ID": str(member.id),
            "Member-Type": "moderator" if member.moderator else "member",
            "Member-Ghost": "false",
            "Energy-Level": ENERGY,
            "Current-Energy": "0",
            "Action": action,
            **more,
        }
        member.leg.fire("CUSTOM", {**headers, **shown}, subclass=SUBCLASS, bare=True)

    # Listing

    def listed(self) -> str:
        """The members, the last to come first, as `conference … list` shows them."""
        lines = []
        for member in sorted(self.members.values(), key=lambda each: -each.id):
            can = [word for word, does in (("hear", member.hear), ("speak", member.speak)) if does]
            can += ["floor"] if member is self.floor else []
            can += ["moderator"] if member.moderator else []
            leg = member.leg
            name, number = leg.profile.get("Caller-ID-Name"), leg.profile.get("Caller-ID-Number")
            lines.append(f"{member.id};{leg.name};{leg.uuid};{name};{number};{'|'.join(can)};0;0;{ENERGY}")
        return "\n".join(lines) + "\n"

    def as_json(self) -> dict[str, object]:
        """The room as `json_list` shows it."""
        members = [
            {
                "type": "caller",
                "id": member.id,
                "flags": {
                    "can_hear": member.hear,
                    "can_see": True,
                    "can_speak": member.speak,
                    "hold": False,
                    "mute_detect": False,
                    "talking": False,
                    "has_video": False,
                    "video_bridge": False,
                    "has_floor": member is self.floor,
                    "is_moderator": member.moderator,
                    "end_conference": "endconf" in member.flags,
                },
                "uuid": member.leg.uuid,
                "caller_id_name": member.leg.profile.get("Caller-ID-Name") or "",
                "caller_id_number": member.leg.profile.get("Caller-ID-Number") or "",
                "join_time": 0,
                "last_talking": 0,
                "energy": int(ENERGY),
                "volume_in": member.volumes.get("volume_in", 0),
                "volume_out": member.volumes.get("volume_out", 0),
                "output-volume": 0,
            }
            for member in sorted(self.members.values(), key=lambda each: -each.id)
        ]
        return {
            "conference_name": self.name,
            "member_count": len(members),
            "ghost_count": 0,
            "rate": 8000,
            "run_time": 0,
            "conference_uuid": self.uuid,
            "canvas_count": 0,
            "max_bw_in": 0,
            "force_bw_in": 0,
            "video_floor_packets": 0,
            "locked": self.locked,
            "recording": bool(self.recordings),
            "running": True,
            "answered": True,
            "enforce_min": True,
            "dynamic": True,
            "exit_sound": True,
            "enter_sound": True,
            "members": members,
        }


def _word(value: bool) -> str:
    return "true" if value else "false"


Change = Callable[[Conference, Member], None]


def _speaks(on: bool) -> Change:
    def change(room: Conference, member: Member) -> None:
        member.speak = on
        if not on and room.floor is member:
            room.floor = None
        room.tell("unmute-member" if on else "mute-member", member)

    return change


def _hears(on: bool) -> Change:
    def change(room: Conference, member: Member) -> None:
        member.hear = on
        room.tell("undeaf-member" if on else "deaf-member", member)

    return change


OF_MEMBERS: Final[dict[str, tuple[str, Change]]] = {
    "mute": ("mute", _speaks(False)),
    "unmute": ("unmute", _speaks(True)),
    "tmute": ("tmute", lambda room, member: _speaks(not member.speak)(room, member)),
    "deaf": ("deaf", _hears(False)),
    "undeaf": ("undeaf", _hears(True)),
    "kick": ("kicked", lambda room, member: room.kick(member)),
    "hup": ("hup", lambda room, member: room.kick(member)),
}


def conference(switch: SimulatedSwitch, args: str) -> str:
    """`conference <room> <command> …`, and `conference list`, `conference json_list` for all rooms."""
    words = args.split()
    if words in (["json_list"], ["list"]):
        rooms = list(switch.conferences.values())
        return orjson.dumps([room.as_json() for room in rooms]).decode() if words == ["json_list"] else _list_all(rooms)
    if len(words) < 2:
        return "-USAGE: conference <room> <command>\n"
    room = switch.conferences.get(words[0])
    if room is None:
        return f"-ERR Conference {words[0]} not found\n"
    return _command(room, words[1], words[2:], args)


def _list_all(rooms: list[Conference]) -> str:
    if not rooms:
        return "+OK No active conferences.\n"
    return "".join(f"+OK Conference {room.name} ({len(room.members)} members)\n{room.listed()}" for room in rooms)


def _command(room: Conference, verb: str, rest: list[str], args: str) -> str:
    match verb, rest:
        case "list", []:
            return room.listed()
        case "json_list", []:
            return orjson.dumps([room.as_json()]).decode()
        case (("lock" | "unlock"), []):
            room.locked = verb == "lock"
            room.tell(verb)
            return f"+OK {room.name} {verb}ed\n"
        case "play", [path, *to]:
            if to:
                return _to_member(room, to[0], lambda member: _hear(member, path), f"(play) Playing file {path}")
            room.play(path)
            return f"+OK (play) Playing file {path}\n"
        case "stop", _:
            return "+OK Stopped files 0\n"
        case (("record" | "recording"), [*start, path]) if start in ([], ["start"]):
            room.record(path)
            return f"+OK Record file {path}\n"
        case "norecord", [which]:
            paths = [path for path in room.recordings if which in ("all", path)]
            for path in paths:
                room.stop_recording(path)
            stopped = "".join(f"Stopped recording file {path}\n" for path in paths)
            return f"{stopped}+OK Stopped recording {len(paths) if which != 'all' else 0} files\n"
        case "set", ["max_members", value] if value.isdigit():
            room.max_members = int(value)
            return "+OK Max members set\n"
        case (("volume_in" | "volume_out" | "energy"), [who, level]):
            return _to_member(
                room, who, lambda member: member.volumes.update({verb: int(level)}), f"{verb} {who} = {level}"
            )
        case "relate", [_, _, _]:
            return "+OK relationship set\n"
        case _ if verb in OF_MEMBERS and rest:
            word, change = OF_MEMBERS[verb]
            return _to_member(room, rest[0], lambda member: change(room, member), f"{word} {{}}")
    return f"-ERR Conference command '{args[:80]}' not found.\n"


def _hear(member: Member, path: str) -> None:
    if member.leg.remote is not None:
        member.leg.remote.on_heard(path)


def _to_member(room: Conference, who: str, change: Callable[[Member], None], told: str) -> str:
    if who in ("all", "non_moderator"):
        chosen = [member for member in room.members.values() if who == "all" or not member.moderator]
    elif who == "last":
        chosen = [room.members[max(room.members)]] if room.members else []
    else:
        found = room.members.get(int(who)) if who.isdigit() else None
        if found is None:
            return f"-ERR Non-Existant ID {who}\n"
        chosen = [found]
    for member in chosen:
        change(member)
    return "".join(f"+OK {told.format(member.id)}\n" for member in chosen)
