"""The phone's side of one call: it rings, answers, presses keys and hangs up, by script or by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from mirliton.ecallmgr.simulator.clock import sleep
from mirliton.ecallmgr.simulator.endpoints import dialog_variables, response_variables
from mirliton.ecallmgr.simulator.errors import Late
from mirliton.ecallmgr.simulator.events import Value
from mirliton.ecallmgr.simulator.scripts import Script, Step, Via
from mirliton.ecallmgr.simulator.states import CallState

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.channel import Change, Leg
    from mirliton.ecallmgr.simulator.phones import Phone

MAX_HEARD = 1000
SDP = (
    "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
)


class RemoteCall:
    """One call as its phone sees it. Made by `SimulatedSwitch.place_call`, or for a phone that is called.

    The `wait_…` methods take real seconds and raise Late; everything else is simulated time.
    """

    def __init__(self, leg: Leg, phone: Phone | None, script: Script, *, caller: bool) -> None:
        self.leg = leg
        self.phone = phone
        self.caller = caller
        self.heard: list[str] = []
        self.digits_heard = ""
        self.gone = False
        self._waiters: set[asyncio.Event] = set()
        self._script = script
        self._task: asyncio.Task[None] | None = None
        leg.remote = self
        leg.watchers.append(self._on_change)

    def __repr__(self) -> str:
        return f"<RemoteCall {self.uuid} {'of a caller' if self.caller else 'of a callee'}>"

    @property
    def uuid(self) -> str:
        """The uuid of the leg on the switch."""
        return self.leg.uuid

    @property
    def answered(self) -> bool:
        """Whether the call was answered."""
        return self.leg.answered

    @property
    def ended(self) -> bool:
        """Whether the leg was hung up."""
        return not self.leg.alive

    @property
    def cause(self) -> str:
        """The hangup cause, empty while the call is up."""
        return self.leg.cause

    @property
    def partner(self) -> RemoteCall | None:
        """The call this phone talks to now, if it is joined with one."""
        bridge = self.leg.bridge
        return bridge.partner(self.leg).remote if bridge is not None else None

    def begin(self) -> None:
        """Start the script."""
        if self._script:
            self._task = self.leg.switch.spawn(self._play(), f"script of {self.uuid}")

    async def _play(self) -> None:
        for step in self._script:
            if step.after:
                await sleep(self.leg.switch.clock, step.after)
            await self.perform(step)

    async def perform(self, step: Step) -> None:
        """Do one step now (its `after` is not waited for)."""
        match step.do:
            case "ring":
                self.ring()
            case "early_media":
                self.early_media()
            case "answer":
                self.answer()
            case "reject":
                self.reject(step.status)
            case "digits":
                await self.dial(step.text, gap=step.gap, via=step.via)
            case "info":
                self.info(step.text, step.content_type or "text/plain")
            case "hold":
                self.hold()
            case "unhold":
                self.unhold()
            case "refer":
                self.refer(step.text)
            case "hang_up":
                self.hang_up()
            case "cancel":
                self.cancel()
            case "await_answer":
                await self._until(lambda: self.answered)
            case "await_bridge":
                await self._until(lambda: self.leg.bridge is not None)

    # --- what a phone can do

    def ring(self) -> None:
        """180 Ringing."""
        dialog_variables(self.leg)
        self.leg.mark_ring_ready()

    def early_media(self) -> None:
        """183 Session Progress, with sound."""
        dialog_variables(self.leg)
        self.leg.mark_early_media()

    def answer(self) -> None:
        """200 OK."""
        dialog_variables(self.leg)
        if not self.leg.get("switch_r_sdp"):
            self.leg.set("switch_r_sdp", SDP.format(port="20660"))
        self.leg.mark_answered()

    def reject(self, status: int) -> None:
        """Refuse the call."""
        if not self.leg.answered:
            response_variables(self.leg)
            self.leg.refused(status)

    def hang_up(self) -> None:
        """BYE; before the answer a caller cancels and a callee declines."""
        if self.leg.answered:
            self.leg.disposition = "recv_bye"
            self.leg.hangup(
                "NORMAL_CLEARING",
                sip_term_status="200",
                proto_specific_hangup_cause="sip:200",
                sip_term_cause="16",
            )
        elif self.caller:
            self.cancel()
        else:
            self.leg.refused(603)

    def cancel(self) -> None:
        """CANCEL: the caller gives up before the answer; afterwards it hangs up."""
        if self.leg.answered:
            self.hang_up()
            return
        self.leg.hangup(
            "ORIGINATOR_CANCEL",
            sip_hangup_disposition="recv_cancel",
            sip_invite_failure_status="487",
            sip_invite_failure_phrase="CANCEL",
            sip_term_status="487",
            proto_specific_hangup_cause="sip:487",
            sip_term_cause="487",
        )

    async def dial(self, text: str, *, gap: float = 0.1, via: Via = "rtp") -> None:
        """Press keys, `gap` seconds apart."""
        for index, digit in enumerate(text):
            if index:
                await sleep(self.leg.switch.clock, gap)
            self.press(digit, via)

    def press(self, digit: str, via: Via = "rtp") -> None:
        """Press one key."""
        if via == "info":
            self.info(f"Signal={digit}\r\nDuration=160\r\n", "application/dtmf-relay")
            if self.leg.switch.info_digits:
                receive_digit(self.leg, digit, "ENDPOINT", 1280)
        else:
            receive_digit(self.leg, digit, "RTP", 2240)

    def info(self, body: str, content_type: str = "text/plain") -> None:
        """SIP INFO with any body: the switch passes it on as it is."""
        leg = self.leg
        if not leg.alive:
            return
        own, other = ("from", "to") if self.caller else ("to", "from")
        headers: dict[str, Value] = {
            "SIP-Content-Type": content_type,
            "SIP-From-User": leg.get(f"sip_{own}_user") or "",
            "SIP-From-Host": leg.get(f"sip_{own}_host") or "",
            "SIP-To-User": leg.get(f"sip_{other}_user") or "",
            "SIP-To-Host": leg.get(f"sip_{other}_host") or "",
            "SIP-Contact-User": leg.get("sip_contact_user") or "",
            "SIP-Contact-Host": leg.get("sip_contact_host") or "",
        }
        leg.fire("RECV_INFO", headers, body=body)

    def hold(self) -> None:
        """re-INVITE, sendonly: the switch plays its hold music to the other party."""
        leg = self.leg
        if not leg.alive or not leg.answered:
            return
        leg.mark_held(True, by_phone=True)
        partner = leg.bridge.partner(leg) if leg.bridge is not None else None
        if partner is not None:
            play_hold_music(partner, leg.get("hold_music") or leg.switch.hold_music)
        self._tell_reinvite()

    def unhold(self) -> None:
        """re-INVITE, sendrecv."""
        leg = self.leg
        if not leg.alive or leg.call_state is not CallState.HELD:
            return
        partner = leg.bridge.partner(leg) if leg.bridge is not None else None
        if partner is not None:
            partner.executor.interrupt(flush=False)
        leg.mark_held(False, by_phone=True)
        self._tell_reinvite()
        leg.enter_call_state(CallState.ACTIVE)

    def _tell_reinvite(self) -> None:
        headers: dict[str, Value] = {"Unique-ID": self.leg.uuid}
        self.leg.switch.bus.fire("CUSTOM", headers, subclass="sofia::reinvite")

    def refer(self, to: str) -> None:
        """REFER: send the other party to an extension. The phone itself hangs up in its own time."""
        leg = self.leg
        if not leg.alive or leg.bridge is None:
            return
        partner = leg.bridge.partner(leg)
        leg.set("transfer_disposition", "recv_replace")
        leg.set("transfer_to", f"blind:{partner.uuid}")
        leg.set("transfer_destination", f"blind:{to}")
        leg.set("transfer_fallback_extension", leg.get("sip_from_user"))
        leg.set("endpoint_disposition", "BLIND_TRANSFER")
        partner.set("sip_h_Referred-By", f"<sip:{leg.get('sip_from_uri') or ''}>")
        partner.set("sip_refer_to", f"<sip:{to}@127.0.0.1:5080>")
        partner.executor.redirect(leg.switch.routines.route(partner, to))

    # --- what a phone notices

    def on_answered(self) -> None:
        """The switch answered us."""
        self._notify()

    def on_heard(self, path: str) -> None:
        """The switch plays something to us."""
        if len(self.heard) < MAX_HEARD:
            self.heard.append(path)
        self._notify()

    def on_digits(self, digits: str) -> None:
        """The switch, or the other party through it, sent digits."""
        self.digits_heard = (self.digits_heard + digits)[-MAX_HEARD:]
        self._notify()

    def on_bridge(self) -> None:
        """We were joined with another leg."""
        self._notify()

    def on_gone(self) -> None:
        """The leg is out of the switch's table; nothing comes any more."""
        self.gone = True
        if self._task is not None:
            self._task.cancel()
        self._notify()

    def _on_change(self, change: Change) -> None:
        if change == "hangup" and self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self._notify()

    def _notify(self) -> None:
        for waiter in self._waiters:
            waiter.set()

    # --- waiting, for tests

    async def wait_answered(self, within: float = 5.0) -> None:
        """Until the call is answered; raises Late, also when it ends without an answer."""
        await self._wait(lambda: self.answered, "an answer", within)

    async def wait_bridged(self, within: float = 5.0) -> RemoteCall:
        """Until the call is joined with another phone's: that phone's call."""
        await self._wait(lambda: self.partner is not None, "a bridge", within)
        assert self.partner is not None
        return self.partner

    async def wait_heard(self, path: str, within: float = 5.0) -> None:
        """Until a file whose name contains `path` is played to us."""
        await self._wait(lambda: any(path in one for one in self.heard), f"hearing {path}", within)

    async def wait_ended(self, within: float = 5.0) -> str:
        """Until the leg is gone from the switch: its hangup cause."""
        await self._wait(lambda: self.gone, "the end of the call", within, even_ended=True)
        return self.cause

    async def _wait(self, until: Callable[[], bool], what: str, within: float, *, even_ended: bool = False) -> None:
        try:
            async with asyncio.timeout(within):
                await self._until(until, give_up=not even_ended)
        except TimeoutError:
            raise Late(f"{what} ({self.uuid})", within) from None
        if not until():
            raise Late(f"{what} ({self.uuid}) before its end with {self.cause}", within)

    async def _until(self, until: Callable[[], bool], *, give_up: bool = True) -> None:
        changed = asyncio.Event()
        self._waiters.add(changed)
        try:
            while not until() and not (give_up and self.gone):
                changed.clear()
                await changed.wait()
        finally:
            self._waiters.discard(changed)


def receive_digit(leg: Leg, digit: str, source: str, duration: int) -> None:
    """A digit reaches the switch: it is announced, queued, and passed on to the partner's phone."""
    if not leg.alive:
        return
    leg.fire("DTMF", {"DTMF-Digit": digit, "DTMF-Duration": str(duration), "DTMF-Source": source})
    leg.digits_dialed += digit
    if leg.bridge is not None:
        partner = leg.bridge.partner(leg)
        if partner.remote is not None:
            partner.remote.on_digits(digit)
    else:
        leg.executor.press(digit)


def play_hold_music(leg: Leg, music: str) -> None:
    """Play hold music to a bridged leg until it is broken off."""
    if not music or music == "silence":
        return
    leg.executor.enqueue(
        {
            "call-command": "execute",
            "execute-app-name": "playback",
            "execute-app-arg": music,
            "event-lock-pri": "true",
            "lead-frames": "5",
            "loops": "-1",
        }
    )
