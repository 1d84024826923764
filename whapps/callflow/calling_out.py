"""Calling a number of the outside world: what `resources` and `offnet` share. Kazoo: cf_resources.

stepswitch says by which gateways the number can be called; they are rung one after the other, until one connects the
call, the called has refused it, or none is left. A number of our own is called without any: by a leg of the switch's
own, whose far end comes in as a call to the account that has the number.

Which gateway is rung is marked before it is: a successor waits for the same, and goes on with the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from mirliton.actors.kapi.dialplan import Bridge, Endpoint, Respond
from mirliton.actors.kapi.offnet_resource import OffnetReq
from mirliton.actors.switching import LOOPED_ACCOUNT
from mirliton.runtime import CallError
from mirliton.whapps.callflow.attributes import Attributes, CallerIdKind, caller_attributes
from mirliton.whapps.callflow.caller_id import hidden, shown, speaks_for_itself
from mirliton.whapps.callflow.calling import denied, dialled
from mirliton.whapps.callflow.fields import flag, mapping, text
from mirliton.whapps.callflow.forwarding import HOPS, MOST, hops
from mirliton.whapps.callflow.paying import authorized, released
from mirliton.whapps.callflow.ringing import child_of, connected, failure, refuse, seconds, sip_code
from mirliton.whapps.callflow.script import Data, Done, Outcome, Script
from mirliton.whapps.callflow.sip_endpoint import headers_out, leg_id
from mirliton.whapps.callflow.talking import tell
from mirliton.whapps.numbers.rules import with_dial_plan
from mirliton.whapps.stepswitch.messages import (
    STEPSWITCH,
    CarrierRoute,
    OffnetRoutes,
    RouteFailed,
)

TIMEOUT: Final = 60.0
"""Seconds that a number rings when nobody says how long."""
ASK_TIMEOUT: Final = 5.0
PAUSES: Final = (0.2, 0.4, 0.8, 1.6, 3.0)
"""Seconds before stepswitch, which may be restarting, is asked again."""
MOST_GATEWAYS: Final = 20
"""Gateways that one call is tried by."""
TROUBLE: Final = frozenset(
    {
        *("NO_ROUTE_TRANSIT_NET", "NORMAL_CIRCUIT_CONGESTION", "NETWORK_OUT_OF_ORDER", "NORMAL_TEMPORARY_FAILURE"),
        *("SWITCH_CONGESTION", "REQUESTED_CHAN_UNAVAIL", "RECOVERY_ON_TIMER_EXPIRE", "GATEWAY_DOWN"),
        *("PROGRESS_TIMEOUT", "DESTINATION_OUT_OF_ORDER", "SERVICE_UNAVAILABLE", "FACILITY_REJECTED"),
    }
)
"""What says that a gateway does not work, and not only that it does not take this number."""


async def call_out(call: Script, data: Data, *, local: bool) -> Outcome:
    """Call the number; `local`: by the account's own carriers, unless the data says otherwise.

    The state is {"number", "on_net": the account whose number it is}, or {"now": the route that is rung, "tried": those
    that were}.
    """
    attributes = await caller_attributes(call)
    number = _number(call, data, attributes)
    if _is_undecided(call) and await denied(call, number):
        await tell(call, "cf-unauthorized_call")
        return Done()
    found = await _ask(call, await _request(call, data, attributes, number, local))
    if found is None:
        return await _failed(call, "NORMAL_TEMPORARY_FAILURE", None)
    if _is_undecided(call):
        if found.denied:
            return await _without_callback(call)
        if found.account_id is not None:
            call.mark({"number": found.number, "on_net": found.account_id})
        elif not found.routes:
            return await _failed(call, "NO_ROUTE_DESTINATION", None)
        else:
            if found.emergency:
                call.log.warning("emergency_call", account_id=call.account_id, kind=found.kind)
            call.mark({"now": found.routes[0].route_id, "tried": []})
    if "on_net" in call.state:
        return await _on_net(call, data, call.state)
    return await _by_carriers(call, data, found)


def _is_undecided(call: Script) -> bool:
    """Whether no way has been chosen yet. (An action may have marked something of its own before.)"""
    return call.state is None or ("on_net" not in call.state and "now" not in call.state)


async def _by_carriers(call: Script, data: Data, found: OffnetRoutes) -> Outcome:
    """Ring the gateways in turn, if the account may."""
    paid = {} if found.emergency else await authorized(call, found.number)
    if paid is None:
        return await _failed(call, "OUTGOING_CALL_BARRED", None)
    outcome, talked = await _in_turn(call, data, found, paid)
    if paid:
        released(call, talked=talked)
    return outcome


async def _in_turn(call: Script, data: Data, found: OffnetRoutes, paid: Mapping[str, str]) -> tuple[Outcome, bool]:
    """How it ended, and whether a carrier took the call."""
    while True:
        now, tried = call.state["now"], call.state["tried"]
        route = next((route for route in found.routes if route.route_id == now), None)
        cause, code = "NO_ROUTE_DESTINATION", None
        if route is not None:
            endpoint = replace(
                route.endpoint,
                outbound_call_id=leg_id(call, f"carrier/{now}"),
                custom_channel_vars={**route.endpoint.custom_channel_vars, **paid},
            )
            result = await call.execute(_bridge(call, data, endpoint))
            if (outcome := await connected(call, result)) is not None:
                return outcome, True
            cause, code = failure(result), sip_code(result)
            call.log.info("carrier_failed", route=now, cause=cause, code=code)
            _blame(call, route, cause)
            if cause in found.hangup_on or (code is not None and f"sip:{code}" in found.hangup_on):
                return await _failed(call, cause, code), False
        tried = [*tried, now]
        following = next((route.route_id for route in found.routes if route.route_id not in tried), None)
        if following is None or len(tried) >= MOST_GATEWAYS:
            return await _failed(call, cause, code), False
        call.mark({"now": following, "tried": tried})


def _blame(call: Script, route: CarrierRoute, cause: str) -> None:
    if cause in TROUBLE:
        call.process.cast(STEPSWITCH, RouteFailed(route.route_id, route.grace, cause))


async def _on_net(call: Script, data: Data, state: dict[str, Any]) -> Outcome:
    """Call one of our own numbers."""
    if hops(call) >= MOST:
        call.log.warning("looped_too_often", number=len(state["number"]))
        return await _failed(call, "EXCHANGE_ROUTING_ERROR", None)
    caller = await shown(call, _kind(data))
    hide_name, hide_number = await hidden(call, "external")
    known = {
        "Account-ID": state["on_net"],
        "Inception": f"{state['number']}@{call.vars.get('Account-Realm') or 'on-net'}",
        "Call-Interaction-ID": call.vars.get("Call-Interaction-ID"),
        "Resource-Type": "onnet-termination",
        HOPS: str(hops(call) + 1),
        LOOPED_ACCOUNT: call.account_id,
    }
    endpoint = Endpoint(
        "loopback",
        route=state["number"],
        endpoint_id=state["number"],
        outbound_call_id=leg_id(call, "on_net"),
        loopback_bowout=False,
        simplify_loopback=False,
        caller_id_name=caller.name,
        caller_id_number=caller.number,
        privacy_hide_name=hide_name or None,
        privacy_hide_number=hide_number or None,
        custom_channel_vars={name: value for name, value in known.items() if value},
    )
    result = await call.execute(_bridge(call, data, endpoint))
    return await connected(call, result) or await _failed(call, failure(result), sip_code(result))


def _bridge(call: Script, data: Data, endpoint: Endpoint) -> Bridge:
    ringback = text(data, "ringback")
    return Bridge(
        call.id,
        (endpoint,),
        timeout=seconds(data.get("timeout"), TIMEOUT),
        ignore_early_media=flag(data, "ignore_early_media", False) or None,
        ringback=ringback if ringback is not None and "://" not in ringback else None,
    )


async def _failed(call: Script, cause: str, code: str | None) -> Outcome:
    """Go on with the child for the failure; without any, the caller's phone is told what the number's said."""
    child = child_of(call, cause, code)
    if child is not None:
        return child
    return await refuse(call, cause, code)


async def _without_callback(call: Script) -> Outcome:
    """Help is not called where nobody could call back: the operator wants it so."""
    call.log.error("emergency_call_denied", account_id=call.account_id)
    await tell(call, "stepswitch-emergency_not_configured")
    await call.attempt(Respond(call.id, response_code=486, response_message="Emergency service not configured"))
    return Done()


async def _ask(call: Script, request: OffnetReq) -> OffnetRoutes | None:
    """What stepswitch says; None when it says nothing for long."""
    for pause in (0.0, *PAUSES):
        if pause:
            await call.process.sleep(pause)
        try:
            answer = await call.process.call(STEPSWITCH, request, timeout=ASK_TIMEOUT)
        except CallError as error:
            call.log.info("routes_asked_again", error=str(error))
            continue
        if isinstance(answer, OffnetRoutes):
            return answer
        call.log.info("routes_asked_again", error=str(getattr(answer, "reason", answer)))
    call.log.error("routes_not_known")
    return None


def _number(call: Script, data: Data, attributes: Attributes) -> str:
    """The number to call, as the caller's dial plan makes it of what was dialled."""
    number = text(data, "to_did") or dialled(call)
    plan = attributes.value("dial_plan")
    if flag(data, "do_not_normalize", False) or not isinstance(plan, dict):
        return number
    return with_dial_plan(number, plan)


def _kind(data: Data) -> CallerIdKind:
    match data.get("caller_id_type"):
        case "internal":
            return "internal"
        case "emergency":
            return "emergency"
    return "external"


async def _request(call: Script, data: Data, attributes: Attributes, number: str, local: bool) -> OffnetReq:
    caller = await shown(call, _kind(data))
    name, callback = (None, None) if speaks_for_itself(call) else attributes.caller_id("emergency")
    server = mapping(data, "emergency_caller_id")
    name, callback = text(server, "name") or name, text(server, "number") or callback
    hide_name, hide_number = await hidden(call, "external")
    realm = text(attributes.account, "realm")
    headers = headers_out(data.get("custom_sip_headers"))
    if flag(data, "emit_account_id", False):
        headers["X-Account-ID"] = call.account_id
    own = flag(data, "use_local_resources", True) if local else False
    known = {
        "Call-Interaction-ID": call.vars.get("Call-Interaction-ID"),
        "Owner-ID": call.vars.get("Owner-ID"),
    }
    return OffnetReq(
        application_name="bridge",
        resource_type="audio",
        to_did=number,
        account_id=call.account_id,
        account_realm=realm,
        call_id=call.id,
        bypass_e164=flag(data, "bypass_e164", flag(data, "do_not_normalize", False)) or None,
        hunt_account_id=(text(data, "hunt_account_id") or call.account_id) if own else None,
        flags=_flags(call, data, attributes),
        outbound_caller_id_name=caller.name,
        outbound_caller_id_number=caller.number,
        emergency_caller_id_name=name,
        emergency_caller_id_number=callback,
        privacy_hide_name=hide_name or None,
        privacy_hide_number=hide_number or None,
        format_from_uri=flag(data, "format_from_uri", False) or None,
        from_uri_realm=text(data, "from_uri_realm"),
        ignore_early_media=flag(data, "ignore_early_media", False) or None,
        inception=text(call.vars, "Inception"),
        custom_channel_vars={name: value for name, value in known.items() if value},
        custom_sip_headers=headers,
        requestor_custom_channel_vars=dict(call.vars),
        requestor_custom_sip_headers=dict(call.leg.custom_sip_headers),
    )


def _flags(call: Script, data: Data, attributes: Attributes) -> tuple[str, ...]:
    """What the carrier must be able to do: what the action asks for, the caller's documents, and values of the call."""
    dynamic = {
        "account_id": call.account_id,
        "account_realm": text(attributes.account, "realm"),
        "authorizing_id": text(call.vars, "Authorizing-ID"),
        "authorizing_type": text(call.vars, "Authorizing-Type"),
        "caller_id_number": call.leg.caller_id_number,
        "owner_id": text(call.vars, "Owner-ID"),
        "to_user": dialled(call),
    }
    found: list[str] = []
    for wanted, named in [
        (data.get("outbound_flags"), data.get("dynamic_flags")),
        *(_document_flags(doc.get("outbound_flags")) for doc in attributes.documents),
    ]:
        found += [one for one in wanted if isinstance(one, str)] if isinstance(wanted, list) else []
        for name in named if isinstance(named, list) else []:
            if isinstance(name, str) and (value := dynamic.get(name)):
                found.append(value)
    return tuple(dict.fromkeys(found))


def _document_flags(value: Any) -> tuple[Any, Any]:
    """The `outbound_flags` of a device, user or account: a list, or an object with `static` and `dynamic` ones."""
    return (value.get("static"), value.get("dynamic")) if isinstance(value, dict) else (value, None)
