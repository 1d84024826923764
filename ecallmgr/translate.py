"""Kazoo's dialplan commands in FreeSWITCH's terms: a command in, a plan out; nothing is sent here.

Text that others wrote (names, numbers, URIs, media) passes through `inert` or a check, so it cannot become syntax.

What real FreeSWITCH is like, and the simulator need not be (its source, 1.10):

endless_playback, loop_playback   go on after `uuid_break` and hear no digits: of no use here. A medium is repeated by
                                  `file_string://`, or without end by a `playback` whose sendmsg says so.
sendmsg with hangup               waits until an application that runs with event-lock has ended; `uuid_kill` does not.
record                            ends the call when it cannot write its file.
an unknown application            ends the call.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from mirliton.actors.kapi import dialplan
from mirliton.actors.kapi.dialplan import application_name
from mirliton.actors.switching import HOLD_VARIABLE
from mirliton.ecallmgr import conferences, party
from mirliton.ecallmgr.dialling import bridge, page
from mirliton.ecallmgr.dialling import needed_contacts as needed_contacts
from mirliton.ecallmgr.errors import Untranslatable
from mirliton.ecallmgr.esl.commands import identifier
from mirliton.ecallmgr.esl.errors import InvalidCommand
from mirliton.ecallmgr.esl.quoting import arguments, assignment, inert
from mirliton.ecallmgr.media import FLITE, looped, media, record_file, ringback, spoken_name
from mirliton.ecallmgr.plan import (
    Application,
    Plan,
    between,
    cause,
    digits,
    milliseconds,
    seconds,
    terminators,
    variables,
)
from mirliton.ecallmgr.plan import Surroundings as Surroundings

RETRY_AFTER: Final = "5"
"""Seconds after which a caller who was refused with 503 may try again."""
HOLD_MUSIC: Final = "local_stream://moh"
_PATTERN: Final = re.compile(r"(\\[d*+?.]|[0-9A-Da-d*#+?.|()\[\]{},^$-]){0,120}")
_SIP_URI: Final = re.compile(r"sips?:[A-Za-z0-9_.:;=@+~-]{1,255}")
_OF_A_RECORDING: Final = frozenset({"RECORD_ANSWER_REQ", "RECORD_BRIDGE_REQ"})
"""Variables that have a recording begin with the answer, or with a bridge."""
_LANGUAGE: Final = re.compile(r"([a-z]{2,3})([-_][A-Za-z]{2,4})?")


def plan_for(command: Any, leg: str, around: Surroundings) -> Plan:
    """The plan for a command to the leg of this id. Raises Untranslatable, naming what is wrong."""
    translate = _TRANSLATIONS.get(type(command))
    if translate is None:
        raise Untranslatable(_named(command), "no switch can do this")
    try:
        return translate(command, identifier(leg), around)
    except InvalidCommand as error:
        raise Untranslatable(_named(command), str(error)) from error


def _named(command: Any) -> str:
    try:
        return application_name(command)
    except (TypeError, KeyError):
        return type(command).__qualname__


Translation = Callable[[Any, str, Surroundings], Plan]


def _application(name: str) -> Translation:
    """A command that is one application without an argument."""
    plan = Plan(applications=(Application(name),))
    return lambda command, leg, around: plan


def _ring(command: dialplan.Ring, leg: str, around: Surroundings) -> Plan:
    tone = {"ringback": ringback(command.ringback, around)} if command.ringback else {}
    return Plan(variables=tone, applications=(Application("ring_ready"),))


def _play(command: dialplan.Play, leg: str, around: Surroundings) -> Plan:
    found = media(command.media_name, around)
    if command.leg not in (None, "A"):
        to = "bleg" if command.leg == "B" else "both"
        return Plan(apis=(f"uuid_broadcast {leg} {found} {to}",))
    keys = terminators(command.terminators)
    if command.endless_playback:
        return Plan(variables=keys, applications=(Application("playback", found, endless=True),))
    return Plan(variables=keys, applications=(Application("playback", looped(found, command.loop_count or 1)),))


def _break(command: dialplan.Break | dialplan.PlayStop, leg: str, around: Surroundings) -> Plan:
    # Not `all`: it would also forget the note behind what runs. What we send is never more than one command.
    return Plan(apis=(f"uuid_break {leg}",))


def _collect(command: dialplan.PlayAndCollectDigits, leg: str, around: Surroundings) -> Plan:
    if not _PATTERN.fullmatch(command.digits_regex):
        raise Untranslatable("play_and_collect_digits", f"{command.digits_regex[:60]!r} is no pattern for digits")
    pattern = _without_escapes(command.digits_regex)
    invalid = media(command.failed_media_name, around) if command.failed_media_name else "silence_stream://250"
    wait = str(milliseconds(command.timeout))
    least = between(command.minimum_digits, 0, 127)
    words = arguments(
        str(least),
        str(between(command.maximum_digits, max(least, 1), 127)),
        str(between(command.media_tries, 1, 100)),
        wait,
        "".join(command.terminators) or "none",
        media(command.media_name, around),
        invalid,
        "collected_digits",
        pattern or "[0-9*#]+",
        wait,
    )
    return Plan(variables={"collected_digits": ""}, applications=(Application("play_and_get_digits", words),))


def _without_escapes(pattern: str) -> str:
    """The same pattern without a backslash, which the switch's parsers would take for an escape of their own."""
    made = []
    in_class = False
    for piece in re.findall(r"\\.|.", pattern):
        if piece in "[]":
            in_class = piece == "["
        plain = {"\\d": "0-9"}.get(piece, piece.removeprefix("\\"))
        made.append(f"[{plain}]" if piece.startswith("\\") and not in_class else plain)
    return "".join(made)


def _say(command: dialplan.Say, leg: str, around: Surroundings) -> Plan:
    language = _LANGUAGE.fullmatch(command.language)
    if language is None:
        raise Untranslatable("say", f"{command.language[:20]!r} is no language")
    gender = (command.gender,) if command.gender else ()
    # The module that says things is named after the language alone.
    words = arguments(language[1], command.type, command.method, *gender, inert(command.say_text)[:1000])
    return Plan(applications=(Application("say", words),))


def _speak(command: dialplan.Tts, leg: str, around: Surroundings) -> Plan:
    if spoken_name(command) in around.media:
        found = media(spoken_name(command), around)
        return Plan(variables=terminators(command.terminators), applications=(Application("playback", found),))
    if command.engine not in (None, "", FLITE):
        raise Untranslatable("tts", f"the engine {command.engine[:40]!r} is not there; flite is")
    text = inert(command.text)[:4000]
    if not text:
        raise Untranslatable("tts", "there is nothing to say")
    voice = "kal" if command.voice == "male" else "slt"
    return Plan(
        variables=terminators(command.terminators), applications=(Application("speak", f"flite|{voice}|{text}"),)
    )


def _tones(command: dialplan.Tones, leg: str, around: Surroundings) -> Plan:
    pieces = []
    for tone in command.tones:
        if not tone.frequencies:
            raise Untranslatable("tones", "a tone needs a frequency")
        frequencies = ",".join(str(between(frequency, 1, 20_000)) for frequency in tone.frequencies)
        times = f"{milliseconds(tone.duration_on)},{milliseconds(tone.duration_off)}"
        volume = f"v={between(tone.volume, -63, 63)};" if tone.volume is not None else ""
        repeat = f"l={between(tone.repeat, 1, 1000)};" if tone.repeat else ""
        pieces.append(f"{volume}{repeat}%({times},{frequencies})")
    if not pieces:
        raise Untranslatable("tones", "no tone is given")
    return Plan(
        variables=terminators(command.terminators),
        applications=(Application("playback", f"tone_stream://{';'.join(pieces)}"),),
    )


def _record(command: dialplan.Record, leg: str, around: Surroundings) -> Plan:
    silence = command.silence_threshold if command.silence_threshold is not None else 500
    words = arguments(
        record_file("record", command.media_name),
        str(seconds(command.time_limit or 120)),
        str(between(silence, 0, 32_767)),
        str(between(command.silence_hits if command.silence_hits is not None else 5, 1, 3600)),
    )
    keys = {**terminators(command.terminators), "playback_terminator_used": ""}
    return Plan(variables=keys, applications=(Application("record", words),))


def _record_call(command: dialplan.RecordCall, leg: str, around: Surroundings) -> Plan:
    action = command.record_action
    if action not in ("start", "stop", "mask", "unmask"):
        raise Untranslatable("record_call", f"{action[:40]!r} is nothing that can be done to a recording")
    file = record_file("record_call", command.media_name) if command.media_name else None
    if action == "stop":
        return Plan(applications=(Application("stop_record_session", file or "all"),))
    if file is None:
        raise Untranslatable("record_call", f"to {action} a recording takes its media_name")
    if action in ("mask", "unmask"):
        return Plan(apis=(f"uuid_record {leg} {action} {file}",))
    wishes: dict[str, str] = {}
    if command.record_min_sec is not None:
        wishes["record_min_sec"] = str(seconds(command.record_min_sec))
    if command.record_sample_rate is not None:
        wishes["record_sample_rate"] = str(between(command.record_sample_rate, 8000, 48_000))
    if command.channels_as_stereo is not None:
        wishes["RECORD_STEREO"] = "true" if command.channels_as_stereo else "false"
    if command.follow_transfer is not None:
        wishes["recording_follow_transfer"] = "true" if command.follow_transfer else "false"
    for name, value in command.recording_variables.items():
        if name not in _OF_A_RECORDING:
            raise Untranslatable("record_call", f"{str(name)[:40]!r} is no variable of a recording")
        wishes[name] = "true" if value in (True, "true") else "false"
    limit = seconds(command.time_limit or 3600)
    return Plan(variables=wishes, applications=(Application("record_session", f"{file} +{limit}"),))


def _hold(command: dialplan.Hold, leg: str, around: Surroundings) -> Plan:
    found = media(command.hold_media, around) if command.hold_media else HOLD_MUSIC
    return Plan(
        variables={HOLD_VARIABLE: "true"},
        applications=(Application("playback", found, endless=True),),
        goes_on=True,
    )


def _park(command: dialplan.Park, leg: str, around: Surroundings) -> Plan:
    # A leg without a command is parked already. FreeSWITCH's own park_timeout would take park_after_bridge away.
    if not command.timeout:
        return Plan()
    reason = cause("park", command.hangup_cause or "NORMAL_CLEARING")
    return Plan(apis=(f"sched_hangup +{seconds(command.timeout)} {leg} {reason}",))


def _sleep(command: dialplan.Sleep, leg: str, around: Surroundings) -> Plan:
    return Plan(applications=(Application("sleep", str(milliseconds(command.time))),))


def _set(command: dialplan.Set, leg: str, around: Surroundings) -> Plan:
    channel = variables("set", "custom_channel_vars", "ecallmgr_", command.custom_channel_vars)
    call = variables("set", "custom_call_vars", "ecallmgr_", command.custom_call_vars)
    application = variables("set", "custom_application_vars", "cav_", command.custom_application_vars)
    exported = {**channel, **call, **application} if command.export_all else call
    exports = tuple(Application("export", assignment(name, value)) for name, value in exported.items())
    return Plan(variables={**channel, **application}, applications=exports)


def _set_terminators(command: dialplan.SetTerminators, leg: str, around: Surroundings) -> Plan:
    return Plan(variables=terminators(command.terminators))


def _send_dtmf(command: dialplan.SendDtmf, leg: str, around: Surroundings) -> Plan:
    duration = f"@{milliseconds(command.duration)}" if command.duration else ""
    return Plan(applications=(Application("send_dtmf", f"{digits('send_dtmf', command.dtmfs)}{duration}"),))


def _recv_dtmf(command: dialplan.RecvDtmf, leg: str, around: Surroundings) -> Plan:
    return Plan(apis=(f"uuid_recv_dtmf {leg} {digits('recv_dtmf', command.dtmfs)}",))


def _pick_up(command: dialplan.CallPickup, leg: str, around: Surroundings) -> Plan:
    if command.move_channel_if_necessary:
        raise Untranslatable("call_pickup", "a leg cannot be moved from one switch to another")
    target = identifier(command.target_call_id, "target_call_id")
    parks = command.park_after_pickup is True
    wishes = {
        "intercept_unanswered_only": "true" if command.unanswered_only else "",
        "intercept_unbridged_only": "true" if command.unbridged_only else "",
        "park_after_bridge": "true" if parks else "",
        "hangup_after_bridge": "" if parks else "true",
        # Set when it has been picked up: what an earlier one left there is no news.
        "uuid_bridge": "",
    }
    words = f"-bleg {target}" if command.other_leg else target
    return Plan(variables=wishes, applications=(Application("intercept", words),))


def _eavesdrop(command: dialplan.Eavesdrop, leg: str, around: Surroundings) -> Plan:
    if command.move_channel_if_necessary or command.other_leg:
        raise Untranslatable("eavesdrop", "only the named leg, on the same switch, can be listened to")
    target = identifier(command.target_call_id, "target_call_id")
    keys = {"eavesdrop_enable_dtmf": "true" if command.enable_dtmf else "false"}
    return Plan(variables=keys, applications=(Application("eavesdrop", target),))


def _unbridge(command: dialplan.Unbridge, leg: str, around: Surroundings) -> Plan:
    flag = {"A": "", "B": "-bleg ", "Both": "-both ", None: "-both "}.get(command.leg)
    if flag is None:
        raise Untranslatable("unbridge", f"{command.leg!r:.40} is no leg")
    return Plan(apis=(f"uuid_transfer {leg} {flag}park inline",))


def _hangup(command: dialplan.Hangup, leg: str, around: Surroundings) -> Plan:
    if command.other_leg_only:
        return Plan(apis=(f"uuid_park {leg}",))
    return Plan(apis=(f"uuid_kill {leg} {cause('hangup', command.hangup_cause or 'NORMAL_CLEARING')}",))


def _respond(command: dialplan.Respond, leg: str, around: Surroundings) -> Plan:
    if not 300 <= command.response_code <= 699:
        raise Untranslatable("respond", f"{command.response_code} refuses no call; 300 to 699 do")
    words = f"{command.response_code} {inert(command.response_message or '')[:120]}"
    # mod_sofia adds what `sip_rh_` variables say to its answers; a proxy that reads this asks another switch first.
    later = {"sip_rh_Retry-After": RETRY_AFTER} if command.response_code == 503 else {}
    return Plan(variables=later, applications=(Application("respond", words.strip()),))


def _redirect(command: dialplan.Redirect, leg: str, around: Surroundings) -> Plan:
    if not _SIP_URI.fullmatch(command.redirect_contact):
        raise Untranslatable("redirect", f"{command.redirect_contact[:80]!r} is no SIP URI")
    server = {"sip_rh_X-Redirect-Server": inert(command.redirect_server)} if command.redirect_server else {}
    return Plan(variables=server, applications=(Application("redirect", command.redirect_contact),))


def _noop(command: dialplan.Noop, leg: str, around: Surroundings) -> Plan:
    if command.filter_applications:
        raise Untranslatable("noop", "commands cannot be filtered from the queue (Filter-Applications)")
    # `log` at debug level does nothing, in its turn, and its end is an event.
    return Plan(applications=(Application("log", "DEBUG noop"),))


def _queue(command: dialplan.Queue, leg: str, around: Surroundings) -> Plan:
    raise Untranslatable("queue", "its commands have to be given one by one")


_TRANSLATIONS: Final[dict[type, Translation]] = {
    dialplan.Answer: _application("answer"),
    dialplan.Break: _break,
    dialplan.Bridge: lambda command, leg, around: bridge(command, around),
    dialplan.CallPickup: _pick_up,
    dialplan.Conference: conferences.join,
    dialplan.Eavesdrop: _eavesdrop,
    dialplan.Hangup: _hangup,
    dialplan.Hold: _hold,
    dialplan.Noop: _noop,
    dialplan.Page: lambda command, leg, around: page(command, around),
    dialplan.Park: _park,
    dialplan.Play: _play,
    dialplan.PlayAndCollectDigits: _collect,
    dialplan.PlayStop: _break,
    dialplan.Progress: _application("pre_answer"),
    dialplan.Queue: _queue,
    dialplan.Record: _record,
    dialplan.RecordCall: _record_call,
    dialplan.RecvDtmf: _recv_dtmf,
    dialplan.Redirect: _redirect,
    dialplan.Respond: _respond,
    dialplan.Ring: _ring,
    dialplan.Say: _say,
    dialplan.SendDtmf: _send_dtmf,
    dialplan.Set: _set,
    dialplan.SetTerminators: _set_terminators,
    dialplan.Sleep: _sleep,
    dialplan.Tones: _tones,
    dialplan.Tts: _speak,
    dialplan.Unbridge: _unbridge,
    **party.TRANSLATIONS,
}
