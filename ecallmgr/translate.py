"""Kazoo's dialplan commands in FreeSWITCH's terms: a command in, a plan out; nothing is sent here.

A plan is carried out from top to bottom: the variables are set at once, the API commands run, the applications are
queued on the leg; the last one bears the command's id and its end is the command's end. Text that others wrote (names,
numbers, URIs) passes through `inert` or a checked builder, so it cannot become syntax.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mirliton.actors.kapi import dialplan
from mirliton.actors.kapi.dialplan import Endpoint
from mirliton.ecallmgr.errors import Untranslatable
from mirliton.ecallmgr.esl.errors import InvalidCommand
from mirliton.ecallmgr.esl.quoting import Leg, arguments, assignment, dial_string, inert, variable_name

MAX_SECONDS: Final = 86_400
_REGEX: Final = re.compile(r"[0-9A-Da-d*#+?.|()\[\]{},^$\\d-]{0,120}")
_CONTACT: Final = re.compile(r"[A-Za-z0-9_]+/[A-Za-z0-9_.:;=@+~*#!%&?$/()-]+")

ENDLESS: Final = "-1"


@dataclass(frozen=True, slots=True)
class Application:
    """An application to run on the leg."""

    name: str
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do on the switch for one command.

    `completes`: its end comes as an event. `marks`: it takes time, so that its end is noted on the channel too.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    apis: tuple[str, ...] = ()
    applications: tuple[Application, ...] = ()
    hangup: str | None = None

    @property
    def completes(self) -> bool:
        return bool(self.applications)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a translation needs to know besides the command: the leg's own id, our context and interface on the switch,
    the ringback tone, and where registered phones are (by `user@realm`, dial strings of the switch's own making)."""

    context: str = "context_2"
    interface: str = "sipinterface_1"
    ringback: str = "%(2000,4000,440,480)"
    contacts: Mapping[str, str] = field(default_factory=dict)
    sounds: str = "mirliton"
    """The folder of the prompts, below the switch's `sound_prefix`."""


def plan_for(command: Any, around: Surroundings) -> Plan:
    """The plan for a command. Raises Untranslatable, naming what is wrong."""
    translate = _TRANSLATIONS.get(type(command))
    if translate is None:
        raise Untranslatable(type(command).__qualname__, "no switch can do this")
    try:
        plan: Plan = translate(command, around)
    except InvalidCommand as error:
        raise Untranslatable(type(command).__qualname__, str(error)) from error
    return plan


def needed_contacts(command: Any) -> tuple[str, ...]:
    """The phones (`user@realm`) whose whereabouts the plan for this command needs."""
    if not isinstance(command, dialplan.Bridge):
        return ()
    return tuple(
        dict.fromkeys(
            address for endpoint in command.endpoints if (address := _registered_address(endpoint)) is not None
        )
    )


def media(name: str, around: Surroundings) -> str:
    """A medium as the switch finds it: prompts in our folder, tones, streams, and files that it recorded itself.

    Raises Untranslatable.
    """
    if name.startswith("prompt://"):
        # prompt://{account}/{prompt id}/{language}
        prompt = name.removeprefix("prompt://").split("/")
        identifier = prompt[1] if len(prompt) > 1 else prompt[0]
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", identifier):
            raise Untranslatable("media", f"{name[:80]!r} names no prompt")
        return f"{around.sounds}/{identifier}.wav"
    if re.fullmatch(r"(tone_stream|silence_stream|local_stream)://[A-Za-z0-9_.,;%()=:+*/-]{1,512}", name):
        return name
    if re.fullmatch(r"https?://[A-Za-z0-9_.:/%?&=~+@-]{1,1024}", name):
        return name
    if re.fullmatch(r"/?[A-Za-z0-9_./-]{1,512}", name) and ".." not in name:
        return name
    raise Untranslatable("media", f"{name[:80]!r} is nothing a switch can play")


def _answer(command: dialplan.Answer, around: Surroundings) -> Plan:
    return Plan(applications=(Application("answer"),))


def _progress(command: dialplan.Progress, around: Surroundings) -> Plan:
    return Plan(applications=(Application("pre_answer"),))


def _ring(command: dialplan.Ring, around: Surroundings) -> Plan:
    variables = {"ringback": command.ringback} if command.ringback else {}
    return Plan(variables=variables, applications=(Application("ring_ready"),))


def _play(command: dialplan.Play, around: Surroundings) -> Plan:
    found = media(command.media_name, around)
    variables = _terminators(command.terminators)
    if command.leg is not None and command.leg != "A":
        both = {"B": "bleg", "Both": "both"}[command.leg]
        return Plan(apis=(f"uuid_broadcast {command.call_id} {found} {both}",))
    if command.endless_playback:
        return Plan(variables=variables, applications=(Application("endless_playback", found),))
    loops = command.loop_count or 1
    argument = found if loops == 1 else f"+{loops} {found}"
    return Plan(
        variables=variables, applications=(Application("playback" if loops == 1 else "loop_playback", argument),)
    )


def _stop_playing(command: dialplan.PlayStop, around: Surroundings) -> Plan:
    return Plan(apis=(f"uuid_break {command.call_id} all",))


def _break(command: dialplan.Break, around: Surroundings) -> Plan:
    return Plan(apis=(f"uuid_break {command.call_id}",))


def _collect(command: dialplan.PlayAndCollectDigits, around: Surroundings) -> Plan:
    if not _REGEX.fullmatch(command.digits_regex):
        raise Untranslatable("play_and_collect_digits", f"{command.digits_regex[:60]!r} is no pattern for digits")
    pattern = command.digits_regex.replace("\\d", "[0-9]")
    invalid = media(command.failed_media_name, around) if command.failed_media_name else "silence_stream://250"
    words = arguments(
        str(_between(command.minimum_digits, 0, 128)),
        str(_between(command.maximum_digits, 1, 128)),
        str(_between(command.media_tries, 1, 128)),
        str(_milliseconds(command.timeout)),
        "".join(command.terminators) or "none",
        media(command.media_name, around),
        invalid,
        "collected_digits",
        pattern or "[0-9*#]+",
        str(_milliseconds(command.timeout)),
    )
    return Plan(variables={"collected_digits": ""}, applications=(Application("play_and_get_digits", words),))


def _say(command: dialplan.Say, around: Surroundings) -> Plan:
    words = arguments(inert(command.language)[:16] or "en", command.type, command.method, inert(command.say_text))
    return Plan(applications=(Application("say", words),))


def _speak(command: dialplan.Tts, around: Surroundings) -> Plan:
    voice = {"male": "kal", "female": "slt", None: "slt"}[command.voice]
    text = inert(command.text).replace("|", "/")[:4000]
    if not text:
        raise Untranslatable("tts", "there is nothing to say")
    return Plan(
        variables=_terminators(command.terminators), applications=(Application("speak", f"flite|{voice}|{text}"),)
    )


def _tones(command: dialplan.Tones, around: Surroundings) -> Plan:
    pieces = []
    for tone in command.tones:
        frequencies = ",".join(str(_between(frequency, 1, 20_000)) for frequency in tone.frequencies)
        times = f"{_milliseconds(tone.duration_on)},{_milliseconds(tone.duration_off)}"
        prefix = f"v={_between(tone.volume, -100, 100)};" if tone.volume is not None else ""
        repeat = f"L={_between(tone.repeat, 1, 1000)};" if tone.repeat else ""
        pieces.append(f"{prefix}{repeat}%({times},{frequencies})")
    if not pieces:
        raise Untranslatable("tones", "no tone is given")
    return Plan(
        variables=_terminators(command.terminators),
        applications=(Application("playback", f"tone_stream://{';'.join(pieces)}"),),
    )


def _record(command: dialplan.Record, around: Surroundings) -> Plan:
    words = [
        _file(command.media_name),
        str(_between(int(command.time_limit or 120), 1, MAX_SECONDS)),
        str(_between(command.silence_threshold if command.silence_threshold is not None else 500, 0, 32_767)),
        str(_between(command.silence_hits if command.silence_hits is not None else 5, 1, 3600)),
    ]
    variables = {**_terminators(command.terminators), "playback_terminator_used": ""}
    return Plan(variables=variables, applications=(Application("record", arguments(*words)),))


def _record_call(command: dialplan.RecordCall, around: Surroundings) -> Plan:
    action = command.record_action
    if action == "start":
        if not command.media_name:
            raise Untranslatable("record_call", "a recording needs a media_name")
        limit = _between(int(command.time_limit or 3600), 1, MAX_SECONDS)
        return Plan(applications=(Application("record_session", f"{_file(command.media_name)} +{limit}"),))
    target = _file(command.media_name) if command.media_name else "all"
    if action == "stop":
        return Plan(applications=(Application("stop_record_session", target),))
    return Plan(applications=(Application(f"record_session_{action}", target),))


def _hold(command: dialplan.Hold, around: Surroundings) -> Plan:
    found = media(command.hold_media, around) if command.hold_media else "local_stream://moh"
    return Plan(applications=(Application("endless_playback", found),))


def _park(command: dialplan.Park, around: Surroundings) -> Plan:
    variables = {}
    if command.timeout:
        cause = f":{_cause(command.hangup_cause)}" if command.hangup_cause else ""
        variables["park_timeout"] = f"{_between(int(command.timeout), 1, MAX_SECONDS)}{cause}"
    return Plan(variables=variables, apis=(f"uuid_break {command.call_id} all",))


def _sleep(command: dialplan.Sleep, around: Surroundings) -> Plan:
    return Plan(applications=(Application("sleep", str(_milliseconds(command.time))),))


def _set(command: dialplan.Set, around: Surroundings) -> Plan:
    applications = [
        Application("export" if command.export_all else "set", assignment(f"ecallmgr_{name}", inert(str(value))))
        for name, value in command.custom_channel_vars.items()
    ]
    applications += [
        Application("export", assignment(f"ecallmgr_{name}", inert(str(value))))
        for name, value in command.custom_call_vars.items()
    ]
    applications += [
        Application("set", assignment(f"cav_{name}", inert(str(value))))
        for name, value in command.custom_application_vars.items()
    ]
    return Plan(applications=tuple(applications))


def _set_terminators(command: dialplan.SetTerminators, around: Surroundings) -> Plan:
    return Plan(variables=_terminators(command.terminators))


def _send_dtmf(command: dialplan.SendDtmf, around: Surroundings) -> Plan:
    duration = f"@{_milliseconds(command.duration)}" if command.duration else ""
    return Plan(applications=(Application("send_dtmf", f"{_digits(command.dtmfs)}{duration}"),))


def _recv_dtmf(command: dialplan.RecvDtmf, around: Surroundings) -> Plan:
    return Plan(apis=(f"uuid_recv_dtmf {command.call_id} {_digits(command.dtmfs)}",))


def _hangup(command: dialplan.Hangup, around: Surroundings) -> Plan:
    if command.other_leg_only:
        return Plan(apis=(f"uuid_park {command.call_id}",))
    return Plan(hangup=_cause(command.hangup_cause or "NORMAL_CLEARING"))


def _respond(command: dialplan.Respond, around: Surroundings) -> Plan:
    code = _between(command.response_code, 300, 699)
    text = inert(command.response_message or "")[:120]
    return Plan(applications=(Application("respond", f"{code} {text}".strip()),))


def _redirect(command: dialplan.Redirect, around: Surroundings) -> Plan:
    contact = inert(command.redirect_contact)
    if not re.fullmatch(r"sips?:[A-Za-z0-9_.:;=@+~-]{1,255}", contact):
        raise Untranslatable("redirect", f"{command.redirect_contact[:80]!r} is no SIP URI")
    return Plan(applications=(Application("redirect", contact),))


def _noop(command: dialplan.Noop, around: Surroundings) -> Plan:
    # `log` at debug level does nothing, in its turn, and its end is an event.
    return Plan(applications=(Application("log", "DEBUG noop"),))


def _bridge(command: dialplan.Bridge, around: Surroundings) -> Plan:
    if not command.endpoints:
        raise Untranslatable("bridge", "there is nobody to ring")
    legs = [_leg(endpoint, command, around) for endpoint in command.endpoints]
    at_once = command.dial_endpoint_method == "simultaneous"
    groups: Sequence[Sequence[Leg]] = [legs] if at_once else [[leg] for leg in legs]
    shared: dict[str, str] = {}
    timeout = _between(int(command.timeout or 20), 1, 3600)
    if at_once:
        shared["originate_timeout"] = str(timeout)
    if command.ignore_early_media:
        shared["ignore_early_media"] = "true"
    if command.fail_on_single_reject:
        shared["fail_on_single_reject"] = inert(command.fail_on_single_reject)
    variables = {
        # A leg that is not connected stays with us: what comes next is for the callflow to say.
        "continue_on_fail": "true",
        "hangup_after_bridge": "false",
        "park_after_bridge": "true",
        "ringback": command.ringback or around.ringback,
        "call_timeout": str(timeout),
        "originate_disposition": "",
        "last_bridge_hangup_cause": "",
        "bridge_hangup_cause": "",
    }
    if command.hold_media:
        variables["hold_music"] = media(command.hold_media, around)
    if command.media == "bypass":
        variables["bypass_media"] = "true"
    for name, value in (
        ("effective_caller_id_name", command.outbound_caller_id_name or command.caller_id_name),
        ("effective_caller_id_number", command.outbound_caller_id_number or command.caller_id_number),
    ):
        if value:
            variables[name] = inert(value)
    return Plan(variables=variables, applications=(Application("bridge", dial_string(groups, shared)),))


def _leg(endpoint: Endpoint, command: dialplan.Bridge, around: Surroundings) -> Leg:
    variables: dict[str, str] = {}
    timeout = endpoint.endpoint_timeout or command.timeout
    if timeout:
        variables["leg_timeout"] = str(_between(int(timeout), 1, 3600))
    if endpoint.endpoint_delay:
        variables["leg_delay_start"] = str(_between(int(endpoint.endpoint_delay), 0, 3600))
    if endpoint.endpoint_progress_timeout:
        variables["leg_progress_timeout"] = str(_between(int(endpoint.endpoint_progress_timeout), 1, 3600))
    if endpoint.outbound_call_id:
        variables["origination_uuid"] = inert(endpoint.outbound_call_id)
    if endpoint.presence_id:
        variables["presence_id"] = inert(endpoint.presence_id)
    for name, value in (
        ("origination_caller_id_name", endpoint.outbound_caller_id_name or endpoint.caller_id_name),
        ("origination_caller_id_number", endpoint.outbound_caller_id_number or endpoint.caller_id_number),
        ("origination_callee_id_name", endpoint.callee_id_name),
        ("origination_callee_id_number", endpoint.callee_id_number),
    ):
        if value:
            variables[name] = inert(value)
    if endpoint.codecs:
        variables["absolute_codec_string"] = inert(":".join(endpoint.codecs))
    if endpoint.ignore_early_media:
        variables["ignore_early_media"] = "true"
    ccvs = {**command.custom_channel_vars, **endpoint.custom_channel_vars}
    variables |= {f"ecallmgr_{variable_name(name)}": inert(str(value)) for name, value in ccvs.items()}
    headers = {**command.custom_sip_headers, **endpoint.custom_sip_headers}
    variables |= {f"sip_h_{variable_name(name)}": inert(str(value)) for name, value in headers.items()}
    return Leg(_address(endpoint, around), variables)


def _registered_address(endpoint: Endpoint) -> str | None:
    if endpoint.invite_format in ("username", "contact", "endpoint") and endpoint.to_user and endpoint.to_realm:
        return f"{endpoint.to_user}@{endpoint.to_realm}"
    return None


def _address(endpoint: Endpoint, around: Surroundings) -> str:
    registered = _registered_address(endpoint)
    if registered is not None:
        contact = around.contacts.get(registered, "")
        return contact if _CONTACT.fullmatch(contact) else "error/user_not_registered"
    match endpoint.invite_format:
        case "route" if endpoint.route:
            route = endpoint.route
            if route.startswith(("sip:", "sips:")):
                return f"sofia/{endpoint.sip_interface or around.interface}/{route.partition(':')[2]}"
            return route
        case "loopback" if endpoint.route or endpoint.to_did:
            return f"loopback/{endpoint.route or endpoint.to_did}/{around.context}"
        case "e164" | "npan" | "1npan" | "strip_plus" | "forward" if endpoint.to_did and endpoint.to_ip:
            number = inert(endpoint.to_did)
            return f"sofia/{endpoint.sip_interface or around.interface}/{number}@{endpoint.to_ip}"
    raise Untranslatable(
        "bridge", f"an endpoint with invite_format {endpoint.invite_format!r} says nowhere where to go"
    )


def _terminators(terminators: Sequence[str] | None) -> dict[str, str]:
    if terminators is None:
        return {}
    return {"playback_terminators": "".join(terminators) or "none"}


def _file(name: str) -> str:
    if not re.fullmatch(r"/?[A-Za-z0-9_./$\{\}-]{1,512}", name) or ".." in name or "${" in name.replace("$${", ""):
        raise Untranslatable("record", f"{name[:80]!r} is no file name")
    return name


def _digits(digits: str) -> str:
    if not re.fullmatch(r"[0-9A-Da-dWw*#]{1,128}", digits):
        raise Untranslatable("dtmf", "digits are 0-9, A-D, * and #, up to 128")
    return digits


def _cause(cause: str) -> str:
    if not re.fullmatch(r"[A-Z0-9_]{1,64}", cause):
        raise Untranslatable("hangup", f"{cause[:60]!r} is no hangup cause")
    return cause


def _between(value: int, low: int, high: int) -> int:
    return max(low, min(high, value))


def _milliseconds(seconds: float) -> int:
    return _between(int(seconds * 1000), 1, MAX_SECONDS * 1000)


_TRANSLATIONS: Final[dict[type, Any]] = {
    dialplan.Answer: _answer,
    dialplan.Break: _break,
    dialplan.Bridge: _bridge,
    dialplan.Hangup: _hangup,
    dialplan.Hold: _hold,
    dialplan.Noop: _noop,
    dialplan.Park: _park,
    dialplan.Play: _play,
    dialplan.PlayAndCollectDigits: _collect,
    dialplan.PlayStop: _stop_playing,
    dialplan.Progress: _progress,
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
}
