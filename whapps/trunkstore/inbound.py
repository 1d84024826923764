"""A call to a number of a customer's PBX. Kazoo: ts_from_offnet.

Its server is rung; what it does not take goes where the number's `failover` says: to another number, by the carriers,
or to a SIP address.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.kapi.dialplan import Bridge, Endpoint
from mirliton.whapps.callflow.caller_id import hidden, shown
from mirliton.whapps.callflow.calling import dialled
from mirliton.whapps.callflow.calling_out import call_out
from mirliton.whapps.callflow.fields import flag, text
from mirliton.whapps.callflow.ringing import connected, failure, refuse, seconds, sip_code
from mirliton.whapps.callflow.script import Data, Outcome, Script
from mirliton.whapps.callflow.sip_endpoint import leg_id
from mirliton.whapps.numbers.rules import formatted, number_rules
from mirliton.whapps.trunkstore.servers import FORMAT, TrunkServer, server_for

TIMEOUT: Final = 60.0
"""Seconds that a server rings when its document says nothing."""


async def run(call: Script, data: Data) -> Outcome:
    """No data, no children. The state is {"failover": true} once the server has failed, and then `call_out`'s."""
    called = (await number_rules(call.store)).e164(dialled(call))
    server = await server_for(call.store, call.account_id, called)
    if server is None or not server.enabled:
        return await refuse(call, "NO_ROUTE_DESTINATION", None)
    if server.force_outbound:
        return await call_out(call, {"to_did": called}, local=False)
    if call.state is None:
        endpoint = await _endpoint(call, server, called)
        if endpoint is not None:
            result = await call.execute(_bridge(call, server, endpoint))
            outcome = await connected(call, result)
            if outcome is not None:
                return outcome
            cause, code = failure(result), sip_code(result)
            call.log.info("server_failed", cause=cause, code=code)
            if not server.failover:
                return await refuse(call, cause, code)
        call.mark({"failover": True})
    return await _failover(call, server)


async def _failover(call: Script, server: TrunkServer) -> Outcome:
    number, address = text(server.failover, "e164"), text(server.failover, "sip")
    if address is not None:
        route = address if address.startswith(("sip:", "sips:")) else f"sip:{address}"
        known = {"Account-ID": call.account_id, "Call-Interaction-ID": call.vars.get("Call-Interaction-ID")}
        endpoint = Endpoint(
            "route",
            route=route,
            endpoint_id=server.document_id,
            outbound_call_id=leg_id(call, "failover"),
            custom_channel_vars={name: value for name, value in known.items() if value},
        )
        result = await call.execute(_bridge(call, server, endpoint))
        return await connected(call, result) or await refuse(call, failure(result), sip_code(result))
    if number is not None:
        return await call_out(call, {"to_did": number}, local=False)
    return await refuse(call, "NO_ROUTE_DESTINATION", None)


async def _endpoint(call: Script, server: TrunkServer, called: str) -> Endpoint | None:
    """The server as an endpoint; None for one that is nowhere."""
    options = server.options
    form = text(options, "inbound_format") or FORMAT
    caller = await shown(call)
    hide_name, hide_number = await hidden(call)
    known = {
        "Account-ID": call.account_id,
        "Authorizing-ID": server.document_id,
        "Authorizing-Type": "sys_info",
        "Call-Interaction-ID": call.vars.get("Call-Interaction-ID"),
    }
    codecs, headers = options.get("codecs"), options.get("sip_headers")
    shared: dict[str, Any] = {
        "endpoint_id": server.document_id,
        "endpoint_progress_timeout": seconds(options.get("progress_timeout"), 0.0) or None,
        "endpoint_delay": seconds(options.get("delay"), 0.0) or None,
        "outbound_call_id": leg_id(call, "trunk"),
        "caller_id_name": caller.name,
        "caller_id_number": caller.number,
        "callee_id_number": called,
        "privacy_hide_name": hide_name or None,
        "privacy_hide_number": hide_number or None,
        "ignore_early_media": flag(options, "ignore_early_media", False) or None,
        "bypass_media": True if options.get("media_handling") == "bypass" else None,
        "codecs": tuple(one for one in codecs if isinstance(one, str)) if isinstance(codecs, list) else (),
        "custom_channel_vars": {name: value for name, value in known.items() if value},
        "custom_sip_headers": _headers(headers),
    }
    address, username = server.by_address, text(server.auth, "auth_user")
    if address is not None:
        route = f"sip:{username if form == 'username' and username else formatted(called, form)}@{address}"
        return Endpoint("route", route=route, **shared)
    if username is None:
        return None
    account = await call.known_document(call.account_id) or {}
    user = username if form == "username" else formatted(called, form)
    return Endpoint("username", to_user=user, to_username=username, to_realm=text(account, "realm") or "", **shared)


def _headers(listed: Any) -> dict[str, str]:
    """The document's list of objects as headers."""
    objects = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return {name: value for one in objects for name, value in one.items() if isinstance(value, str)}


def _bridge(call: Script, server: TrunkServer, endpoint: Endpoint) -> Bridge:
    return Bridge(call.id, (endpoint,), timeout=seconds(server.options.get("timeout"), TIMEOUT))
