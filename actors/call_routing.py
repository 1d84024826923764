"""What a call asks whoever routes calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mirliton.actors.kapi.route import RouteReq
from mirliton.actors.switching import as_variable, call_name


def route_request(switch: str, leg: Any, channel_vars: Mapping[str, Any]) -> RouteReq:
    """Who takes this leg (a kapi call event)?"""
    called = f"{leg.caller_destination_number or 'unknown'}@{switch}"
    return RouteReq(
        call_id=leg.call_id,
        from_=leg.from_ or f"{leg.caller_id_number or 'unknown'}@{switch}",
        to=leg.to or called,
        request=leg.request or called,
        call_direction=leg.call_direction,
        caller_id_name=leg.caller_id_name,
        caller_id_number=leg.caller_id_number,
        destination_number=leg.caller_destination_number,
        custom_channel_vars=channel_vars,
        custom_application_vars=leg.custom_application_vars,
        custom_sip_headers=leg.custom_sip_headers,
        from_tag=leg.from_tag,
        user_agent=leg.user_agent,
        switch_hostname=leg.switch_hostname,
        switch_nodename=switch,
        server_id=call_name(leg.call_id),
    )


def noted_variables(channel_vars: Mapping[str, Any]) -> dict[str, str]:
    """Custom-Channel-Vars as they are noted on a channel. Raises ValueError for a value that no variable can hold."""
    return {f"ecallmgr_{name}": as_variable(value) for name, value in channel_vars.items()}
