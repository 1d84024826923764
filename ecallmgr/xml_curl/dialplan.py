"""Where a new call goes, asked by the switch before it does anything with the call. Kazoo: ecallmgr_fs_fetch_dialplan.

    the switch         asks, with all it knows of the leg
    callflow and co.   are asked (kapi's route_req), and one answers (route_resp)
    the switch         parks the leg and notes on it what was answered, or refuses it, or bridges it
    the call's actor   finds on the parked leg that it has been decided about, and tells the winner (route_win)

Where nobody answers within the time that there is the leg is parked as the static dialplan parks it, and its actor asks
again: so it is with a switch that looks nothing up, and so a call outlives a restart of whoever routes. Only a leg that
was decided about has a `Fetch-UUID`.
"""

from __future__ import annotations

import asyncio
import uuid as uuids
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from mirliton.actors.call_routing import NOBODY, bridge_to, route_request
from mirliton.actors.kapi.registration import RegQuery
from mirliton.actors.kapi.route import RouteReq, RouteResp
from mirliton.actors.switching import ROUTER, as_variable
from mirliton.ecallmgr.call_events import described
from mirliton.ecallmgr.dialling import bridge, needed_contacts
from mirliton.ecallmgr.errors import InvalidLookup, Untranslatable
from mirliton.ecallmgr.esl.errors import InvalidCommand
from mirliton.ecallmgr.esl.quoting import inert, is_inert, variable_name
from mirliton.ecallmgr.media import ringback
from mirliton.ecallmgr.plan import Surroundings
from mirliton.ecallmgr.registration_rows import by_proxy
from mirliton.ecallmgr.registrations import REGISTRAR
from mirliton.ecallmgr.row import is_controlled
from mirliton.ecallmgr.xml_curl.document import document, element, not_found
from mirliton.ecallmgr.xml_curl.request import Lookup
from mirliton.runtime import CallError, Exit, GenServer

ASKED_AGAIN: Final = 0.1
"""Seconds before whoever routes is asked again: it may be restarting."""
PROXY_TIMEOUT: Final = 1.0
"""Seconds that finding a phone's proxy may take."""
AT_ONCE: Final = 48
"""Variables set by one application; FreeSWITCH takes more, but not endlessly many."""
_SEPARATORS: Final = "!~;#*&|"
"""The last is in no value that is inert; the others read better in logs."""

Action = tuple[str, str]


async def dialplan(process: GenServer, lookup: Lookup, around: Surroundings, timeout: float) -> bytes:
    """The answer for a leg. `timeout`: seconds that the decision may take. Raises InvalidLookup."""
    context = lookup.get("Hunt-Context") or lookup.get("Caller-Context")
    if context != around.context:
        return not_found()
    leg = described(lookup.headers)
    if not leg.call_id:
        raise InvalidLookup("it names no leg")
    # While a leg is transferred its headers name what was called first, and these what is called now.
    leg = replace(leg, caller_destination_number=lookup.get("Hunt-Destination-Number") or leg.caller_destination_number)
    if not is_controlled(leg):
        return extension(context, *park(context))
    switch = lookup.get("FreeSWITCH-Switchname") or lookup.get("hostname") or "unknown"
    fetch_id = str(uuids.uuid4())
    channel_vars = {**leg.custom_channel_vars, "Fetch-ID": fetch_id}
    answer = await _asked(process, route_request(switch, leg, channel_vars), timeout)
    answered = lookup.get("Answer-State") == "answered"
    try:
        return extension(context, *await _actions(process, answer, leg, fetch_id, around, answered=answered))
    except (InvalidCommand, Untranslatable, ValueError) as error:
        process.log.error("route_not_usable", call_id=leg.call_id, error=str(error))
        return extension(context, *refuse(500, "no usable route", answered=answered))


async def _asked(process: GenServer, request: RouteReq, timeout: float) -> RouteResp | None:
    """What whoever routes answers; None when nobody does in time."""
    clock = process.node.clock
    until = clock.now() + timeout
    while (left := until - clock.now()) > 0:
        try:
            answer = await process.call(ROUTER, request, timeout=left)
        except (CallError, Exit) as error:
            answer = error
        if isinstance(answer, RouteResp):
            return answer
        process.log.info("route_not_answered", call_id=request.call_id, answer=str(answer)[:200])
        await asyncio.sleep(min(ASKED_AGAIN, max(0.0, until - clock.now())))
    return None


async def _actions(
    process: GenServer, answer: RouteResp | None, leg: Any, fetch_id: str, around: Surroundings, *, answered: bool
) -> Sequence[Action]:
    match answer:
        case RouteResp(method="park"):
            return park(around.context, noted(answer, fetch_id, around), answer.pre_park)
        case RouteResp(method="error"):
            return refuse(answer.route_error_code or 604, answer.route_error_message or NOBODY, answered=answered)
        case RouteResp(method="bridge"):
            command = bridge_to(leg.call_id, answer.routes)
            contacts = {phone: await _contacts(process, phone, around) for phone in needed_contacts(command)}
            plan = bridge(command, replace(around, contacts=contacts))
            return [*_set(plan.variables), *((each.name, each.argument) for each in plan.applications)]
        case RouteResp():
            process.log.warning("route_method_unknown", call_id=leg.call_id, method=answer.method)
    return park(around.context)


def park(context: str, variables: Mapping[str, str] | None = None, before: str = "none") -> list[Action]:
    """What parks a leg, as the static dialplan does (config/freeswitch/dialplan)."""
    first = {"ring_ready": [("ring_ready", "")], "answer": [("answer", "")]}.get(before, [])
    return [*first, *_set({**parked(context), **(variables or {})}), ("park", "")]


def parked(context: str) -> dict[str, str]:
    """The variables of a parked leg; the static dialplan says why."""
    return {
        "park_after_bridge": "true",
        "hangup_after_bridge": "false",
        "continue_on_fail": "true",
        "sip_copy_custom_headers": "false",
        "force_transfer_context": context,
        "export_vars": "sip_copy_custom_headers,force_transfer_context",
    }


def noted(answer: RouteResp, fetch_id: str, around: Surroundings) -> dict[str, str]:
    """What is noted on a leg of what was decided about it. Raises ValueError and Untranslatable."""
    tone = ringback(answer.ringback_media, around) if answer.ringback_media else around.ringback
    transfer = ringback(answer.transfer_media, around) if answer.transfer_media else tone
    given = {
        **{f"ecallmgr_{name}": as_variable(value) for name, value in answer.custom_channel_vars.items()},
        **{f"cav_{name}": as_variable(value) for name, value in answer.custom_application_vars.items()},
    }
    given.pop("ecallmgr_Fetch-ID", None)
    return {
        "ringback": tone,
        "transfer_ringback": transfer,
        **{name: inert(value) for name, value in given.items()},
        "Fetch-UUID": fetch_id,
    }


def refuse(code: int, text: str, *, answered: bool) -> list[Action]:
    """What turns a leg away."""
    if answered or not 300 <= code <= 699:
        return [("hangup", "NO_ROUTE_DESTINATION")]
    return [("respond", f"{code} {inert(text)[:120]}".strip())]


def extension(context: str, *actions: Action) -> bytes:
    """The answer: this is what every number of the context does."""
    made = [
        element("action", application=name, **({"data": argument} if argument else {})) for name, argument in actions
    ]
    found = element("context", element("extension", element("condition", *made), name="mirliton"), name=context)
    return document("dialplan", found)


def _set(variables: Mapping[str, str]) -> list[Action]:
    """Variables, in as few steps as can be: each is two events. Raises InvalidCommand."""
    for name, value in variables.items():
        variable_name(name)
        if not is_inert(value):
            raise InvalidCommand(f"variable {name}", value, "holds FreeSWITCH syntax")
    steps = []
    rest = iter(variables.items())
    while some := list(islice(rest, AT_ONCE)):
        text = "".join(name + value for name, value in some)
        separator = next(sign for sign in _SEPARATORS if sign not in text)
        steps.append(("multiset", f"^^{separator}{separator.join(f'{name}={value}' for name, value in some)}"))
    return steps


async def _contacts(process: GenServer, phone: str, around: Surroundings) -> str:
    """Where a phone is that is registered at proxies; nothing where it is not."""
    user, _, realm = phone.rpartition("@")
    try:
        answer = await process.call(REGISTRAR, RegQuery(realm, user), timeout=PROXY_TIMEOUT)
    except (CallError, Exit) as error:
        process.log.warning("registrar_not_asked", error=str(error))
        return ""
    return by_proxy(phone, around.interface, getattr(answer, "fields", None) or ())
