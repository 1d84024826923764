"""The dialplan applications: what `execute` and extensions can run on a leg.

call.py       answer, ring, hang up, park, sleep, and variables
media.py      playing, saying, recording
digits.py     collecting digits
joining.py    bridge, intercept, eavesdrop
conferencing.py    conference, conference_set_auto_outcall
telling.py    events and logs
"""

from __future__ import annotations

from mirliton.ecallmgr.simulator.applications import call, conferencing, digits, joining, media, telling
from mirliton.ecallmgr.simulator.execution import Application

APPLICATIONS: dict[str, Application] = {
    "answer": call.answer,
    "bind_meta_app": call.nothing,
    "bridge": joining.bridge,
    "break": call.break_playback,
    "conference": conferencing.conference,
    "conference_set_auto_outcall": conferencing.set_auto_outcall,
    "eavesdrop": joining.eavesdrop,
    "echo": call.echo,
    "endless_playback": media.endless_playback,
    "event": telling.event,
    "export": call.export,
    "flush_dtmf": digits.flush,
    "hangup": call.hangup,
    "hold": call.hold,
    "info": telling.nothing,
    "intercept": joining.intercept,
    "log": telling.nothing,
    "loop_playback": media.loop_playback,
    "multiset": call.multiset,
    "park": call.park,
    "play_and_get_digits": digits.play_and_get_digits,
    "playback": media.playback,
    "pre_answer": call.pre_answer,
    "read": digits.read,
    "record": media.record,
    "record_session": media.record_session,
    "redirect": call.respond,
    "respond": call.respond,
    "ring_ready": call.ring_ready,
    "say": media.say,
    "send_dtmf": digits.send,
    "set": call.set_variable,
    "set_global": call.set_global,
    "sleep": call.sleep,
    "speak": media.speak,
    "start_dtmf": call.nothing,
    "stop_dtmf": call.nothing,
    "stop_playback": call.break_playback,
    "stop_record_session": media.stop_record_session,
    "transfer": call.transfer,
    "unhold": call.unhold,
    "unset": call.unset,
    "verbose_events": call.nothing,
    "wait_for_silence": call.sleep_second,
}

__all__ = ["APPLICATIONS"]
