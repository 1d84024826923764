"""What an agent is doing, apart from its process: what is saved, what its phones do, and the answer that follows.

Saved: whether it works, pauses and wrap-ups with their ends, whom it is kept free for, with whom it talks, its turn in
the strategies, what it missed. Not saved, since the channel table knows it: its legs. Times are unix seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from mirliton.actors.queueing import MEMBER_VAR, WRAPUP_VAR, AgentIs, Status

MAX_CONNECT_FAILURES: Final = 3
"""Calls that an agent may miss one after the other (Kazoo: max_connect_failures) before it is left alone a while."""
MISSED_PAUSE: Final = 60.0
"""Seconds for which it is. It is never logged out for that: whoever forgot to log out is back by itself."""
LONGEST_WRAPUP: Final = 86_400
LEGS_AT_MOST: Final = 100
"""Legs of one agent that are looked at; what its phones do beyond that changes nothing."""

_OF_THE_DOC: Final = ("paused_until", "wrapup_until", "idle_since", "offered_at")


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg of one of the agent's phones. `member` is the caller it is rung for, "" for a call of the agent's own;
    `wrapup` the seconds to be left alone after it."""

    member: str = ""
    answered: bool = False
    wrapup: int = 0

    @classmethod
    def of(cls, channel_vars: Mapping[str, Any], answered: bool) -> Leg:
        """A leg by its Custom-Channel-Vars."""
        wrapup = str(channel_vars.get(WRAPUP_VAR) or "")
        known = min(int(wrapup), LONGEST_WRAPUP) if wrapup.isascii() and wrapup.isdecimal() else 0
        return cls(str(channel_vars.get(MEMBER_VAR) or ""), answered, known)


@dataclass(frozen=True, slots=True)
class Reservation:
    """The agent is kept free for a member, until its phone rings or time is up."""

    call_id: str
    offer: str
    until: float


@dataclass(slots=True)
class AgentState:
    """One agent. Whatever changes what is stored says so."""

    agent_id: str
    at_work: Literal["logged_out", "ready", "paused"] = "logged_out"
    paused_until: float = 0.0
    """0: until it resumes."""
    wrapup_until: float = 0.0
    idle_since: float = 0.0
    offered_at: float = 0.0
    missed: int = 0
    """Offers missed since the last call it took."""
    reserved: Reservation | None = None
    talking: dict[str, int] = field(default_factory=dict)
    """The legs on which it talks with members, and the seconds of wrap-up after each."""
    legs: dict[str, Leg] = field(default_factory=dict)
    max_missed: int = MAX_CONNECT_FAILURES

    # What it is

    def status(self, now: float) -> Status:
        """What it is doing."""
        if any(leg.member and leg.answered for leg in self.legs.values()):
            return "answered"
        if self.at_work == "logged_out":
            return "logged_out"
        if any(not leg.member for leg in self.legs.values()):
            return "outbound"
        if self.legs or (self.reserved is not None and self.reserved.until > now):
            return "ringing"
        if self.at_work == "paused" and not 0.0 < self.paused_until <= now:
            return "paused"
        return "wrapup" if self.wrapup_until > now else "ready"

    def told(self, now: float, queues: tuple[str, ...]) -> AgentIs:
        """What others are told of it."""
        status = self.status(now)
        until = {"paused": self.paused_until or None, "wrapup": self.wrapup_until}.get(status)
        offer = self.reserved.offer if status == "ringing" and self.reserved is not None else ""
        member = self._member(status)
        return AgentIs(self.agent_id, status, self.idle_since, self.offered_at, member, until, queues, offer)

    def _member(self, status: Status) -> str:
        members = [leg.member for leg in self.legs.values() if leg.member and (leg.answered or status != "answered")]
        if members:
            return members[0]
        return self.reserved.call_id if status == "ringing" and self.reserved is not None else ""

    def next_change(self, now: float) -> float | None:
        """When it will be doing something else by itself."""
        ends = [self.paused_until if self.at_work == "paused" else 0.0, self.wrapup_until]
        ends.append(self.reserved.until if self.reserved is not None else 0.0)
        return min((end for end in ends if end > now), default=None)

    @property
    def is_done(self) -> bool:
        """Whether nothing of it has to be remembered by a process."""
        return self.at_work == "logged_out" and not any(leg.member for leg in self.legs.values())

    # What is done to it

    def log_in(self, now: float) -> None:
        """It works. One that does already, or pauses, is left as it is."""
        if self.at_work == "logged_out":
            self.at_work, self.paused_until, self.wrapup_until, self.missed = "ready", 0.0, 0.0, 0
            self.idle_since = now

    def log_out(self) -> None:
        """It works no more; the call it is in goes on."""
        self.at_work, self.paused_until, self.wrapup_until, self.reserved = "logged_out", 0.0, 0.0, None

    def pause(self, now: float, seconds: float | None) -> None:
        """It takes no calls for so long, or until it resumes."""
        if self.at_work != "logged_out":
            self.at_work, self.paused_until = "paused", now + seconds if seconds and seconds > 0 else 0.0

    def resume(self) -> None:
        """It takes calls again; so it does at once where it wrapped something up."""
        if self.at_work == "paused":
            self.at_work, self.paused_until, self.missed = "ready", 0.0, 0

    def end_wrapup(self) -> None:
        """It is done with what comes after a call."""
        self.wrapup_until = 0.0

    def reserve(self, now: float, call_id: str, offer: str, patience: float) -> bool:
        """Keep it free for a member; False when it is not free. Asked again for the same offer it is answered the
        same."""
        if self.reserved is not None and (self.reserved.call_id, self.reserved.offer) == (call_id, offer):
            return True
        if self.status(now) != "ready":
            return False
        if self.at_work == "paused":
            self.resume()  # the time of the pause is over
        self.reserved = Reservation(call_id, offer, now + patience)
        self.offered_at = now
        return True

    def release(self, now: float, call_id: str, offer: str, missed: bool) -> bool:
        """An offer is over; False when it was before."""
        reserved = self.reserved
        if reserved is None or (reserved.call_id, reserved.offer) != (call_id, offer):
            return False
        self.reserved = None
        if missed:
            self.missed += 1
            if self.missed >= self.max_missed and self.at_work == "ready":
                self.missed = 0
                self.pause(now, MISSED_PAUSE)
        return True

    # What its phones do

    def leg_is(self, leg_id: str, leg: Leg) -> bool:
        """A leg is there, or was answered; whether what is stored changes with it."""
        before = self.legs.get(leg_id)
        if before is not None:
            leg = Leg(leg.member or before.member, leg.answered or before.answered, leg.wrapup or before.wrapup)
        elif len(self.legs) >= LEGS_AT_MOST:
            return False
        self.legs[leg_id] = leg
        if not (leg.member and leg.answered) or leg_id in self.talking:
            return False
        self.talking[leg_id] = leg.wrapup
        self.missed, self.reserved = 0, None
        return True

    def leg_ended(self, now: float, leg_id: str, taken_elsewhere: bool) -> bool:
        """A leg is gone; `taken_elsewhere`: because its caller went to another, or hung up."""
        leg = self.legs.pop(leg_id, Leg())
        wrapup = self.talking.pop(leg_id, None)
        if wrapup is not None:
            self.idle_since = now
            self.wrapup_until = max(self.wrapup_until, now + wrapup) if wrapup else self.wrapup_until
            return True
        if not leg.member:
            self.idle_since = now
            return True
        reserved = self.reserved
        others = any(other.member == leg.member for other in self.legs.values())
        if taken_elsewhere and not others and reserved is not None and reserved.call_id == leg.member:
            self.reserved = None
            return True
        return False

    def find(self, now: float, legs: Mapping[str, Leg]) -> None:
        """All its legs there are, for whoever begins: a call that is not there any more has ended meanwhile."""
        self.legs = dict(list(legs.items())[:LEGS_AT_MOST])
        for leg_id in self.talking.keys() - legs.keys():
            self.leg_ended(now, leg_id, False)
        for leg_id, leg in legs.items():
            self.leg_is(leg_id, leg)

    # How it is stored

    def document(self) -> dict[str, Any]:
        """The public part of its document."""
        reserved = self.reserved
        return {
            "agent_id": self.agent_id,
            "status": self.at_work,
            **{name: getattr(self, name) for name in _OF_THE_DOC},
            "missed": self.missed,
            "reserved": [reserved.call_id, reserved.offer, reserved.until] if reserved is not None else None,
            "talking": dict(self.talking),
        }

    @classmethod
    def of(cls, agent_id: str, doc: Mapping[str, Any]) -> AgentState:
        """From its document; what makes no sense there reads as if it were absent."""
        status = doc.get("status")
        state = cls(agent_id, status if status in ("ready", "paused") else "logged_out")
        for name in _OF_THE_DOC:
            setattr(state, name, _time(doc.get(name)))
        missed, reserved, talking = doc.get("missed"), doc.get("reserved"), doc.get("talking")
        state.missed = missed if type(missed) is int and 0 <= missed < MAX_CONNECT_FAILURES else 0
        match reserved:
            case [str(call_id), str(offer), until] if _time(until):
                state.reserved = Reservation(call_id, offer, _time(until))
        if isinstance(talking, dict):
            state.talking = {leg: wrapup for leg, wrapup in talking.items() if type(wrapup) is int and wrapup >= 0}
        return state


def _time(value: Any) -> float:
    sane = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return float(value) if sane else 0.0
