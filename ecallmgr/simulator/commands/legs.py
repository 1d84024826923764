"""Api commands on one leg, or on all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson

from mirliton.ecallmgr.simulator import causes
from mirliton.ecallmgr.simulator.calls import play_hold_music, receive_digit
from mirliton.ecallmgr.simulator.channel import Leg
from mirliton.ecallmgr.simulator.events import quote
from mirliton.ecallmgr.simulator.states import CallState

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

NO_CHANNEL = "-ERR No such channel!\n"
OK = "+OK\n"
SUCCESS = "+OK Success\n"


def uuid_exists(switch: SimulatedSwitch, args: str) -> str:
    """true or false."""
    return "true" if args in switch.legs else "false"


def uuid_dump(switch: SimulatedSwitch, args: str) -> str:
    """`uuid [json|txt]`: everything known about a leg, as a CHANNEL_DATA event."""
    uuid, _, form = args.partition(" ")
    leg = switch.legs.get(uuid)
    if leg is None:
        return NO_CHANNEL
    headers = {**switch.bus.opening("CHANNEL_DATA"), **leg.headers(variables=True)}
    if form.strip() == "json":
        return orjson.dumps(headers).decode()
    lines = []
    for name, value in headers.items():
        text = value if isinstance(value, str) else "ARRAY::" + "|:".join(value)
        lines.append(f"{name}: {quote(text)}\n")
    return "".join(lines) + "\n"


def uuid_getvar(switch: SimulatedSwitch, args: str) -> str:
    """`uuid name`: a channel variable, or _undef_."""
    uuid, _, name = args.partition(" ")
    leg = switch.legs.get(uuid)
    if leg is None:
        return NO_CHANNEL
    value = leg.variables().get(name.strip())
    if value is None:
        return "_undef_"
    return value if isinstance(value, str) else "ARRAY::" + "|:".join(value)


def uuid_setvar(switch: SimulatedSwitch, args: str) -> str:
    """`uuid name [value]`."""
    words = args.split(" ", 2)
    if len(words) < 2:
        return "-USAGE: <uuid> <var> [value]\n"
    leg = switch.legs.get(words[0])
    if leg is None:
        return NO_CHANNEL
    leg.set(words[1], words[2] if len(words) > 2 else None)
    return OK


def uuid_setvar_multi(switch: SimulatedSwitch, args: str) -> str:
    """`uuid name=value;name=value`."""
    uuid, _, text = args.partition(" ")
    leg = switch.legs.get(uuid)
    if leg is None:
        return NO_CHANNEL
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals and name.strip():
            leg.set(name.strip(), value)
    return OK


def uuid_kill(switch: SimulatedSwitch, args: str) -> str:
    """`uuid [cause]`."""
    uuid, _, cause = args.partition(" ")
    leg = switch.legs.get(uuid)
    if leg is None:
        return NO_CHANNEL
    leg.hangup(causes.read_cause(cause))
    return OK


def hupall(switch: SimulatedSwitch, args: str) -> str:
    """`[cause [variable value]]`: end all calls, or those with a variable."""
    words = args.split()
    cause = causes.read_cause(words[0] if words else "", "MANAGER_REQUEST")
    chosen = list(switch.legs.values())
    if len(words) > 2:
        chosen = [leg for leg in chosen if leg.get(words[1]) == words[2]]
    for leg in chosen:
        leg.hangup(cause)
    return f"+OK hangup all channels with cause {cause}\n"


def sched_hangup(switch: SimulatedSwitch, args: str) -> str:
    """`[+]seconds uuid [cause]`: end a call later (a plain number is a time since 1970)."""
    words = args.split()
    if len(words) < 2 or not words[0].lstrip("+").isdigit():
        return "-USAGE: [+]<time> <uuid> [<cause>]\n"
    leg = switch.legs.get(words[1])
    if leg is None:
        return NO_CHANNEL
    seconds = int(words[0].lstrip("+"))
    if not words[0].startswith("+"):
        seconds -= switch.clock.micros() // 1_000_000
    cause = causes.read_cause(words[2] if len(words) > 2 else "", "ALLOTTED_TIMEOUT")
    switch.clock.call_later(max(seconds, 0), lambda: leg.hangup(cause))
    return OK


def uuid_answer(switch: SimulatedSwitch, args: str) -> str:
    """Answer a call."""
    return _on_leg(switch, args, Leg.mark_answered)


def uuid_pre_answer(switch: SimulatedSwitch, args: str) -> str:
    """Bring early media up."""
    return _on_leg(switch, args, Leg.mark_early_media)


def uuid_ring_ready(switch: SimulatedSwitch, args: str) -> str:
    """Tell the caller that it rings."""
    return _on_leg(switch, args, Leg.mark_ring_ready)


def _on_leg(switch: SimulatedSwitch, args: str, act: Callable[[Leg], None]) -> str:
    leg = switch.legs.get(args.split()[0] if args.split() else "")
    if leg is None:
        return NO_CHANNEL
    act(leg)
    return OK


def uuid_break(switch: SimulatedSwitch, args: str) -> str:
    """`uuid [all]`: end what plays; with `all` also forget the commands that wait."""
    words = args.split()
    leg = switch.legs.get(words[0] if words else "")
    if leg is None:
        return NO_CHANNEL
    leg.executor.interrupt(flush="all" in words[1:])
    return OK


def uuid_hold(switch: SimulatedSwitch, args: str) -> str:
    """`[off|toggle] uuid`: put the phone at a leg on hold, or take it back."""
    words = args.split()
    verb = words.pop(0) if words and words[0] in ("off", "toggle") else "on"
    leg = switch.legs.get(words[0] if words else "")
    if leg is None or not leg.alive:
        return "-ERR Operation failed\n"
    held = leg.call_state is CallState.HELD
    wished = not held if verb == "toggle" else verb == "on"
    if wished == held:
        return SUCCESS
    leg.mark_held(wished, by_phone=False)
    partner = leg.bridge.partner(leg) if leg.bridge is not None else None
    if wished and partner is not None:
        play_hold_music(partner, leg.get("hold_music") or "")
    if not wished:
        if partner is not None:
            partner.executor.interrupt(flush=False)
        leg.enter_call_state(CallState.ACTIVE)
    return SUCCESS


def uuid_recv_dtmf(switch: SimulatedSwitch, args: str) -> str:
    """`uuid digits`: as if the phone had pressed them."""
    uuid, _, digits = args.partition(" ")
    leg = switch.legs.get(uuid)
    if leg is None:
        return NO_CHANNEL
    for digit in digits.partition("@")[0]:
        receive_digit(leg, digit, "APP", 2000)
    return f"+OK {uuid} received DTMF {digits}.\n"


def uuid_send_dtmf(switch: SimulatedSwitch, args: str) -> str:
    """`uuid digits`: send digits to the phone."""
    uuid, _, digits = args.partition(" ")
    leg = switch.legs.get(uuid)
    if leg is None:
        return NO_CHANNEL
    if leg.remote is not None:
        leg.remote.on_digits(digits.partition("@")[0])
    return f"+OK {uuid} sent DTMF {digits}.\n"


def uuid_flush_dtmf(switch: SimulatedSwitch, args: str) -> str:
    """Forget the digits that wait."""
    leg = switch.legs.get(args)
    if leg is None:
        return NO_CHANNEL
    leg.executor.digits.clear()
    return SUCCESS


def uuid_record(switch: SimulatedSwitch, args: str) -> str:
    """`uuid start|stop|mask|unmask path [limit]`."""
    words = args.split()
    if len(words) < 3:
        return "-USAGE: <uuid> [start|stop|mask|unmask] <path> [<limit>] [<recording_vars>]\n"
    leg = switch.legs.get(words[0])
    if leg is None:
        return "-ERR Cannot locate session!\n"
    verb, path = words[1], words[2]
    if verb == "start":
        limit = float(words[3]) if len(words) > 3 and words[3].isdigit() else None
        done = leg.recordings.start(path, limit)
    elif verb == "stop":
        done = leg.recordings.stop(path)
    else:
        done = verb in ("mask", "unmask") and leg.recordings.running(path)
    return SUCCESS if done else "-ERR Cannot record session!\n"


def uuid_broadcast(switch: SimulatedSwitch, args: str) -> str:
    """`uuid path|app::args [aleg|bleg|both]`: play to a leg, its partner, or both."""
    words = args.split(" ")
    leg = switch.legs.get(words[0])
    if leg is None or len(words) < 2:
        return NO_CHANNEL if leg is None else "-USAGE: <uuid> <path> [aleg|bleg|holdb|both]\n"
    target = words.pop() if words[-1] in ("aleg", "bleg", "both", "holdb") and len(words) > 2 else "aleg"
    application, mark, data = " ".join(words[1:]).partition("::")
    if not mark:
        application, data = "playback", application
    partner = leg.bridge.partner(leg) if leg.bridge is not None else None
    for one in (leg if target in ("aleg", "both") else None, partner if target != "aleg" else None):
        if one is not None:
            one.executor.enqueue(
                {
                    "call-command": "execute",
                    "execute-app-name": application.strip("!"),
                    "execute-app-arg": data,
                    "event-lock": "true",
                    "lead-frames": "5",
                }
            )
    return "+OK Message sent\n"
