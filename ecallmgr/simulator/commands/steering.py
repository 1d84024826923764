"""`api simulator <json>`: steer phones, calls and faults from another process.

    {"do": "phone", "user": "1000", "realm": "demo.local", "script": "answer", "register": true}
    {"do": "register", "user": "1000", "realm": "demo.local"}      (and "unregister", "remove_phone")
    {"do": "script", "user": "1000", "realm": "demo.local", "script": [{"do": "reject", "status": 486}]}
    {"do": "call", "from": "1000@demo.local", "to": "2000", "name": "Ann", "headers": {"X-A": "b"},
     "variables": {"ecallmgr_Account-ID": "…"}, "script": [{"do": "hang_up", "after": 5}]}
    {"do": "act", "uuid": "…", "step": {"do": "digits", "text": "12#"}}
    {"do": "fault", "fault": "drop", "which": "events"}
    {"do": "list"}

The answer is `+OK ` and a JSON object, or `-ERR ` and what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, get_args

import orjson

from mirliton.ecallmgr.simulator.errors import BadScript, SimulatorError, UnknownCall
from mirliton.ecallmgr.simulator.faults import Which
from mirliton.ecallmgr.simulator.phones import Phone
from mirliton.ecallmgr.simulator.scripts import read_script

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

Request = Mapping[str, object]


async def simulator(switch: SimulatedSwitch, args: str) -> str:
    """Carry out one steering request."""
    try:
        return "+OK " + orjson.dumps(await _carry_out(switch, _read(args))).decode() + "\n"
    except SimulatorError as error:
        return f"-ERR {error}\n"


def _read(text: str) -> Request:
    try:
        request = orjson.loads(text.encode("utf-8", "surrogateescape"))
    except orjson.JSONDecodeError as error:
        raise BadScript("the request", text, f"JSON ({error})") from None
    if not isinstance(request, dict):
        raise BadScript("the request", request, 'an object such as {"do": "list"}')
    return request


async def _carry_out(switch: SimulatedSwitch, request: Request) -> object:
    match request.get("do"):
        case "phone":
            return _define_phone(switch, request)
        case "remove_phone":
            switch.phones.remove(_text(request, "user"), _text(request, "realm"))
            return {}
        case "register":
            phone = _phone(switch, request)
            switch.registrations.register(phone, expires=int(_number(request, "expires", 3600)))
            return _describe_phone(switch, phone)
        case "unregister":
            phone = _phone(switch, request)
            switch.registrations.unregister(phone)
            return _describe_phone(switch, phone)
        case "script":
            phone = _phone(switch, request)
            phone.next(read_script(request.get("script")))
            return _describe_phone(switch, phone)
        case "call":
            return await _place_call(switch, request)
        case "act":
            return await _act(switch, request)
        case "fault":
            return await _fault(switch, request)
        case "list":
            return _list(switch)
    expected = "phone, remove_phone, register, unregister, script, call, act, fault or list"
    raise BadScript("do", request.get("do"), expected)


def _define_phone(switch: SimulatedSwitch, request: Request) -> object:
    phone = switch.phone(
        _text(request, "user"),
        _text(request, "realm"),
        script=read_script(request.get("script", "answer")),
        contact=_text(request, "contact", "127.0.0.1:5090"),
        variables=_texts(request, "variables"),
        register=bool(request.get("register", True)),
    )
    return _describe_phone(switch, phone)


async def _place_call(switch: SimulatedSwitch, request: Request) -> object:
    caller, _, realm = _text(request, "from").partition("@")
    call = await switch.place_call(
        caller,
        _text(request, "to"),
        realm=realm or None,
        name=_text(request, "name", "") or None,
        headers=_texts(request, "headers"),
        variables=_texts(request, "variables"),
        context=_text(request, "context", "public"),
        script=read_script(request.get("script", "manual")),
    )
    return {"uuid": call.uuid}


async def _act(switch: SimulatedSwitch, request: Request) -> object:
    uuid = _text(request, "uuid")
    leg = switch.legs.get(uuid)
    if leg is None or leg.remote is None:
        raise UnknownCall(uuid)
    for step in read_script([request.get("step")], "step"):
        await leg.remote.perform(step)
    return {"uuid": uuid, "cause": leg.cause}


async def _fault(switch: SimulatedSwitch, request: Request) -> object:
    faults = switch.faults
    which = _which(request)
    count = int(_number(request, "count", 1))
    match request.get("fault"):
        case "drop":
            # Later, so that the answer to this very command still goes out.
            switch.clock.call_later(0.0, lambda: faults.drop(which, with_notice=bool(request.get("notice"))))
        case "stall":
            switch.clock.call_later(0.0, lambda: faults.stall(which))
            seconds = _number(request, "seconds", 0.0)
            if seconds:
                switch.clock.call_later(seconds, lambda: switch.spawn(faults.clear(), "end of a stall"))
        case "refuse_connections":
            faults.refuse_connections(rude=bool(request.get("rude")))
        case "refuse_auth":
            faults.refuse_auth()
        case "never_answer":
            faults.never_answer(count)
        case "answer_twice":
            faults.answer_twice(count)
        case "delay_answers":
            faults.delay_answers(_number(request, "seconds", 1.0), count)
        case "lose_events":
            faults.lose_events(count)
        case "garbage":
            faults.send_garbage(which=which)
        case "oversized":
            faults.send_oversized(int(_number(request, "size", 1e9)), which)
        case "truncated":
            faults.send_truncated(which)
        case "restart":
            down_for = _number(request, "seconds", 0.0)
            switch.clock.call_later(0.0, lambda: switch.spawn_lasting(faults.restart(down_for), "restart"))
        case "clear":
            await faults.clear()
        case other:
            known = (
                "drop, stall, refuse_connections, refuse_auth, never_answer, answer_twice, delay_answers, "
                "lose_events, garbage, oversized, truncated, restart or clear"
            )
            raise BadScript("fault", other, known)
    return {}


def _list(switch: SimulatedSwitch) -> object:
    return {
        "core_uuid": switch.core_uuid,
        "phones": [_describe_phone(switch, phone) for phone in switch.phones],
        "calls": [
            {
                "uuid": leg.uuid,
                "name": leg.name,
                "direction": leg.direction,
                "state": leg.call_state.name,
                "partner": leg.bridge.partner(leg).uuid if leg.bridge is not None else None,
                "heard": leg.remote.heard[-20:] if leg.remote is not None else [],
            }
            for leg in switch.legs.values()
        ],
    }


def _describe_phone(switch: SimulatedSwitch, phone: Phone) -> dict[str, object]:
    registered = bool(switch.registrations.of(phone.user, phone.realm))
    return {"user": phone.user, "realm": phone.realm, "contact": phone.contact, "registered": registered}


def _phone(switch: SimulatedSwitch, request: Request) -> Phone:
    return switch.phones.require(_text(request, "user"), _text(request, "realm", ""))


def _text(request: Request, key: str, default: str | None = None) -> str:
    value = request.get(key, default)
    if not isinstance(value, str) or (default is None and not value):
        raise BadScript(key, value, "text")
    return value


def _texts(request: Request, key: str) -> dict[str, str]:
    value = request.get(key, {})
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise BadScript(key, value, "an object of texts")
    return value


def _number(request: Request, key: str, default: float) -> float:
    value = request.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise BadScript(key, value, "a number from 0")
    return float(value)


def _which(request: Request) -> Which:
    value = request.get("which", "all")
    for known in get_args(Which):
        if value == known:
            return "events" if known == "events" else "commands" if known == "commands" else "all"
    raise BadScript("which", value, "all, events or commands")
