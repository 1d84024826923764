"""Dialling: ring what a dial string names until somebody answers, or nobody can any more.

`dial` is `bridge`'s and `originate`'s common half. The result is the winning leg, alive and passive, or the
cause why there is none. A group's cause is that of the leg that ended last; a whole dial that runs out of
its time ends with NO_ANSWER, one leg that runs out of its own with ALLOTTED_TIMEOUT.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mirliton.ecallmgr.simulator import causes
from mirliton.ecallmgr.simulator.channel import Change, Leg
from mirliton.ecallmgr.simulator.clock import Timer
from mirliton.ecallmgr.simulator.dialstring import DialBranch, DialEndpoint, DialString, parse_dial_string
from mirliton.ecallmgr.simulator.endpoints import strip_uri
from mirliton.ecallmgr.simulator.errors import BadDialString
from mirliton.ecallmgr.simulator.execution import Wake
from mirliton.ecallmgr.simulator.expansion import expand
from mirliton.ecallmgr.simulator.outbound import inherit, is_true, loopback_leg, null_leg, sofia_leg

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

DEFAULT_TIMEOUT = 60.0
MAX_LEGS = 128  # of one dial, so that a contact that expands to itself ends


@dataclass
class Dialled:
    """How a dial ended: `leg` won, or `cause` says why there is none; `legs` are all that were tried."""

    leg: Leg | None
    cause: str
    legs: list[Leg] = field(default_factory=list)


class Dial:
    """One dial in progress. `originator` is the calling leg, whose task runs this; None for the API's."""

    def __init__(self, switch: SimulatedSwitch, originator: Leg | None) -> None:
        self.switch = switch
        self.originator = originator
        self.legs: list[Leg] = []
        self._changed = asyncio.Event()
        self._timers: list[Timer] = []
        self._watched: list[tuple[Leg, Callable[[Change], None]]] = []
        self._on_originator_task = originator is not None

    async def run(self, text: str) -> Dialled:
        """Dial; never raises for what a dial string says (that is a cause, too)."""
        try:
            plan = parse_dial_string(text)
        except BadDialString:
            return Dialled(None, "DESTINATION_OUT_OF_ORDER")
        try:
            if len(plan.branches) == 1:
                return await self._branch(plan.branches[0], plan.variables)
            return await self._beside(plan)
        finally:
            for timer in self._timers:
                timer.cancel()
            for leg, watcher in self._watched:
                leg.watchers.remove(watcher)

    async def _beside(self, plan: DialString) -> Dialled:
        """Enterprise dialling: the branches run beside each other, the first success ends the others."""
        results: list[Dialled] = []

        async def run_branch(branch: DialBranch) -> None:
            results.append(await self._branch(branch, plan.variables))
            self._on_change("hangup")

        def winner() -> Leg | None:
            # A winner may be gone again before this task looks.
            return next((one.leg for one in results if one.leg is not None and one.leg.executor.ready), None)

        def settled() -> bool:
            return len(results) == len(plan.branches) or winner() is not None

        self._on_originator_task = False  # the branches wait on tasks of their own; only `settled` on this one
        tasks = [self.switch.spawn(run_branch(branch), "dial branch") for branch in plan.branches]
        try:
            if self.originator is not None:
                await self.originator.executor.wait(until=settled)
            else:
                await self._wait(settled, None)
        finally:
            for task in tasks:
                task.cancel()
        won = winner()
        lost = "LOSE_RACE" if won is not None else "ORIGINATOR_CANCEL"
        for leg in self.legs:
            if leg is not won:
                leg.hangup(lost, **({"group_dial_status": "loser"} if won is not None else {}))
        if won is not None:
            return Dialled(won, "SUCCESS", self.legs)
        if not settled():
            return Dialled(None, lost, self.legs)
        last = results[-1]
        return Dialled(None, last.leg.cause if last.leg is not None else last.cause, self.legs)

    async def _branch(self, branch: DialBranch, shared: Mapping[str, str]) -> Dialled:
        variables = {**shared, **branch.variables}
        seconds = self._seconds(variables, "originate_timeout") or self._seconds(variables, "call_timeout")
        if seconds is None and self.originator is not None:
            seconds = _number(self.originator.get("call_timeout"))
        deadline = self.switch.clock.now() + (seconds or DEFAULT_TIMEOUT)
        result = Dialled(None, "DESTINATION_OUT_OF_ORDER")
        for group in branch.groups:
            result = await self._group(group, variables, deadline)
            if result.leg is not None or result.cause in ("ORIGINATOR_CANCEL", "NO_ANSWER"):
                break
        result.legs = self.legs
        return result

    async def _group(self, group: tuple[DialEndpoint, ...], variables: Mapping[str, str], deadline: float) -> Dialled:
        legs: list[Leg] = []
        cause = "DESTINATION_OUT_OF_ORDER"
        early = not self._true(variables, "ignore_early_media")
        for endpoint in group:
            made = self._endpoint(endpoint, variables)
            if isinstance(made, str):
                cause = made
            else:
                legs += made
        ended: dict[str, str] = {}  # uuid and cause, in the order of the ends

        def settled() -> bool:
            for leg in legs:
                if not leg.alive:
                    ended.setdefault(leg.uuid, leg.cause)
            return _winner(legs, early) is not None or len(ended) == len(legs)

        while legs:
            wake = await self._wait(settled, deadline - self.switch.clock.now())
            if wake is Wake.DONE:
                winner = _winner(legs, early)
                if winner is not None:
                    for leg in legs:
                        if leg is not winner:
                            leg.hangup("LOSE_RACE", group_dial_status="loser")
                    return Dialled(winner, "SUCCESS")
                return Dialled(None, list(ended.values())[-1])
            lost = "NO_ANSWER" if wake is Wake.TIMEOUT else "ORIGINATOR_CANCEL"
            for leg in legs:
                leg.hangup(lost, **self._why_cancelled(leg) if wake is Wake.GONE else {})
            return Dialled(None, lost)
        return Dialled(None, cause)

    def _why_cancelled(self, leg: Leg) -> dict[str, str]:
        """What a leg learns when its caller gave up."""
        caller = self.originator
        if caller is None or caller.alive or leg.kind != "sofia":
            return {}
        facts = {"last_bridge_hangup_cause": caller.cause}
        protocol = caller.get("proto_specific_hangup_cause")
        if protocol:
            facts["last_bridge_proto_specific_hangup_cause"] = protocol
            facts["sip_hangup_phrase"] = "Request Terminated"
        return facts

    # --- endpoints

    def _endpoint(self, endpoint: DialEndpoint, variables: Mapping[str, str]) -> list[Leg] | str:
        """Start ringing one endpoint: its legs, or the cause why there are none."""
        own = {**variables, **endpoint.variables}
        kind, rest = endpoint.kind, endpoint.rest
        if len(self.legs) >= MAX_LEGS:
            return "SWITCH_CONGESTION"
        if kind == "error":
            cause = rest.upper()
            return cause if causes.is_cause(cause) else "DESTINATION_OUT_OF_ORDER"
        if kind == "user":
            return self._user(rest, own)
        if kind == "sofia":
            profile_name, _, target = rest.partition("/")
            if profile_name == "gateway":
                gateway, _, number = target.partition("/")
                return [
                    self._start(sofia_leg(self.switch, self.originator, "external", f"{number}@{gateway}", own), own)
                ]
            return [self._start(sofia_leg(self.switch, self.originator, profile_name, self._address(target), own), own)]
        if kind == "loopback":
            if self.originator is not None:
                self.originator.mark_early_media()  # the pair needs a codec, so the caller's media comes up
            return [self._start(loopback_leg(self.switch, self.originator, rest, own), own)]
        if kind == "null":
            return [self._start(null_leg(self.switch, self.originator, rest, own), own)]
        return "CHAN_NOT_IMPLEMENTED"

    def _user(self, user_at_realm: str, own: dict[str, str]) -> list[Leg] | str:
        user, _, realm = user_at_realm.partition("@")
        phone = self.switch.phones.get(user, realm)
        if phone is None:
            return "SUBSCRIBER_ABSENT"
        own = {**own, "dialed_user": user, "dialed_domain": phone.realm}
        legs: list[Leg] = []
        cause = "USER_NOT_REGISTERED"
        for part in parse_dial_string(self.switch.registrations.contact(user, phone.realm)).branches[0].groups[0]:
            made = self._endpoint(part, own)
            if isinstance(made, str):
                cause = made
            else:
                legs += made
        return legs or cause

    def _address(self, target: str) -> str:
        """`user%realm` asks the registrations; anything else is an address already."""
        if "%" in target and "@" not in target:
            user, _, realm = target.partition("%")
            contact = self.switch.registrations.contact(user, realm)
            target = contact.rpartition("/")[2] if contact.startswith("sofia/") else f"{user}@{realm}"
        return strip_uri(target)

    def _start(self, leg: Leg, own: Mapping[str, str]) -> Leg:
        """Give a new leg what it inherits, put it into the table and let it ring."""
        self.legs.append(leg)
        originator = self.originator
        inherit(leg, originator, own)
        leg.introduced = True
        self.switch.admit(leg)
        leg.fire("CHANNEL_OUTGOING")
        if originator is not None:
            leg.call_uuid = originator.call_uuid
            leg.set("call_uuid", originator.call_uuid)
        self._watch(leg, self._on_change)
        self._watch(leg, lambda change: self._pass_on(leg, change, own))
        delay = _number(own.get("leg_delay_start")) or 0.0
        limit = _number(own.get("leg_timeout"))
        leg.executor.start(self.switch.routines.outbound(leg, delay))
        if limit:
            self._later(delay + limit, lambda: _give_up(leg))
        return leg

    # --- the originator's side

    def _pass_on(self, leg: Leg, change: Change, own: Mapping[str, str]) -> None:
        """Let the caller hear what the called phone does."""
        caller = self.originator
        if caller is None or not caller.alive:
            return
        if change in ("ring", "early", "answer"):
            for field_name in ("Callee-ID-Name", "Callee-ID-Number"):
                caller.profile.set(field_name, leg.profile.get(field_name))
            if change == "ring" and not caller.profile.times["Channel-Progress-Time"]:
                caller.profile.stamp("Channel-Progress-Time", leg.profile.times["Channel-Progress-Time"])
        elif change == "hangup":
            _note_end(caller, leg)
        if caller.answered:
            return
        ringback = own.get("ringback") or caller.get("ringback")
        if change == "ring":
            if ringback:
                caller.mark_early_media()
            else:
                caller.mark_ring_ready()
        elif change == "early" and not self._true(own, "ignore_early_media"):
            caller.mark_early_media()

    def _watch(self, leg: Leg, watcher: Callable[[Change], None]) -> None:
        leg.watchers.append(watcher)
        self._watched.append((leg, watcher))

    def _on_change(self, _change: Change) -> None:
        self._changed.set()
        if self.originator is not None:
            self.originator.executor.signal()

    def _later(self, seconds: float, action: Callable[[], object]) -> None:
        self._timers.append(self.switch.clock.call_later(seconds, action))

    async def _wait(self, until: Callable[[], bool], seconds: float | None) -> Wake:
        if self.originator is not None and self._on_originator_task:
            return await self.originator.executor.wait(until=until, seconds=seconds)
        clock = self.switch.clock
        deadline = None if seconds is None else clock.now() + seconds
        while not until():
            left = None if deadline is None else deadline - clock.now()
            if left is not None and left <= 0:
                return Wake.TIMEOUT
            self._changed.clear()
            timer = None if left is None else clock.call_later(left, self._changed.set)
            try:
                await self._changed.wait()
            finally:
                if timer is not None:
                    timer.cancel()
        return Wake.DONE

    def _seconds(self, variables: Mapping[str, str], name: str) -> float | None:
        return _number(variables.get(name))

    def _true(self, variables: Mapping[str, str], name: str) -> bool:
        return is_true(variables, self.originator, name)


def _give_up(leg: Leg) -> None:
    """A leg rang for as long as it may."""
    if not leg.answered:
        leg.hangup("ALLOTTED_TIMEOUT")


def _winner(legs: list[Leg], early: bool) -> Leg | None:
    for leg in legs:
        if leg.alive and (leg.answered or (early and leg.media)):
            return leg
    return None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if value > 0 else None


async def dial(switch: SimulatedSwitch, text: str, originator: Leg | None) -> Dialled:
    """Dial `text`; on an originator the result is also noted in its variables, as the switch does."""
    text = expand(text, switch, originator)
    if originator is not None:
        originator.set("originate_disposition", "failure")
        originator.set("DIALSTATUS", "INVALIDARGS")
    attempt = Dial(switch, originator)
    result = await attempt.run(text)
    if originator is not None:
        if result.leg is not None and originator.executor.ready:
            originator.set("switch_m_sdp", result.leg.get("switch_r_sdp"))
            if result.leg.answered:
                originator.mark_answered()
            else:
                originator.mark_early_media()
        _note(originator, result)
    return result


def _note(originator: Leg, result: Dialled) -> None:
    cause = result.cause
    originator.set("originate_disposition", cause)
    originator.set("DIALSTATUS", causes.dial_status(cause))
    for leg in result.legs:
        originator.push("originate_causes", f"{leg.uuid};{'NONE' if leg is result.leg else leg.cause}")
    if result.leg is None:
        originator.set("originate_failed_cause", cause)
    else:
        originator.set("originate_signal_bond", None)


def _note_end(caller: Leg, leg: Leg) -> None:
    """What a caller's variables say of a called leg that ended."""
    caller.set("last_bridge_hangup_cause", leg.cause)
    for name in ("sip_invite_failure_status", "sip_invite_failure_phrase"):
        if leg.get(name):
            caller.set(name, leg.get(name))
    protocol = leg.get("proto_specific_hangup_cause")
    if protocol:
        caller.set("last_bridge_proto_specific_hangup_cause", protocol)
        caller.set("sip_hangup_phrase", leg.get("sip_invite_failure_phrase") or "OK")
