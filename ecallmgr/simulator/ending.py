"""The end of a leg: its last events, its record, and its place in the table of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirliton.ecallmgr.simulator.records import record_of, set_end_variables
from mirliton.ecallmgr.simulator.states import CallState, State

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.channel import Leg


def bury(leg: Leg) -> None:
    """The last words of a leg that was hung up; afterwards the switch knows it no more."""
    switch = leg.switch
    leg.recordings.stop("all")
    leg.enter(State.HANGUP)
    leg.profile.stamp("Channel-Hangup-Time", switch.clock.micros())
    set_end_variables(leg)
    leg.enter_call_state(CallState.HANGUP)
    _note_disposition(leg)
    leg.presence("CS_HANGUP", "idle")
    if leg.twin is not None:
        leg.twin.hangup(leg.cause)
    leg.enter(State.REPORTING)
    if switch.poster is not None:
        switch.poster.post(leg.uuid, record_of(leg))
    leg.fire("CHANNEL_HANGUP_COMPLETE")
    leg.call_uuid = leg.uuid if leg.direction == "outbound" else leg.call_uuid
    leg.fire("CHANNEL_DESTROY")
    leg.enter(State.DESTROY)
    switch.dismiss(leg)
    if leg.remote is not None:
        leg.remote.on_gone()


def _note_disposition(leg: Leg) -> None:
    """How a leg was ended, as far as that shows only in its last events."""
    if leg.cause == "LOSE_RACE":
        leg.set("call_completed_elsewhere", "true")
    if leg.kind == "loopback":
        leg.set("is_loopback", "1")
    if leg.kind != "sofia" or leg.get("sip_hangup_disposition"):
        return
    if leg.disposition or leg.answered:
        leg.set("sip_hangup_disposition", leg.disposition or "send_bye")
    elif leg.direction == "inbound":
        leg.set("sip_hangup_disposition", "send_refuse")
    else:
        leg.set("sip_hangup_disposition", "send_cancel")
        leg.set("sip_invite_failure_status", "487")
        leg.set("sip_invite_failure_phrase", "CANCEL")
