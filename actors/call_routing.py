"""Where a new call goes: whoever routes calls is asked, and the answer is noted on the channel.

A switch that asked before it parked the leg (mod_xml_curl) has the answer on the channel already, and `Fetch-ID` with
it: then nobody is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from mirliton.actors.call_queue import Command, says_gone
from mirliton.actors.kapi.dialplan import Bridge, Endpoint, Hangup, Respond
from mirliton.actors.kapi.route import Route, RouteReq, RouteResp
from mirliton.actors.switching import (
    ROUTER,
    Accepted,
    Execute,
    LegOwned,
    Refused,
    SetVariables,
    as_variable,
    call_name,
    channels_name,
)

if TYPE_CHECKING:
    from mirliton.actors.call import Call

ROUTE_TIMEOUT: Final = 3.0
"""Seconds a routing question may take (Kazoo: a route_win within 3 s)."""
ROUTE_ATTEMPTS: Final = 5
"""How often a new call is offered before it is refused: the callflow application may be restarting."""
ROUTE_PAUSE: Final = 0.25
"""Seconds before it is offered again; each time as many more."""
NOBODY: Final = "no available handlers"
DECIDED: Final = "Fetch-ID"
"""The Custom-Channel-Var of a leg that was decided about before it was parked."""


class Routing:
    """The question of one call."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.attempts = 0

    def ask(self) -> None:
        """Ask, unless somebody has the call already."""
        call = self._call
        if not self._open:
            return
        if DECIDED in call.custom_channel_vars and call.custom_channel_vars.get("Account-ID"):
            self.noted(Accepted("", False))
            return
        self.attempts += 1
        request = route_request(call.switch, call.leg, call.custom_channel_vars)
        call.background(call.call(ROUTER, request, timeout=ROUTE_TIMEOUT), ("route", None))

    def answered(self, answer: Any, error: Any) -> None:
        """Whoever routes has answered, or cannot."""
        if not self._open:
            return
        match answer:
            case RouteResp(method="park"):
                self._note(answer.custom_channel_vars)
            case RouteResp(method="error"):
                self._refuse(answer.route_error_code or 604, answer.route_error_message or "")
            case RouteResp(method="bridge") if answer.routes:
                self._call.at_once.give(Command(Execute("", bridge_to(self._call.call_id, answer.routes))))
            case _ if self.attempts < ROUTE_ATTEMPTS:
                self._call.log.info("route_retried", attempt=self.attempts, error=str(error or answer))
                self._call.set_timer("route", ROUTE_PAUSE * self.attempts)
            case _:
                # Whoever routes is away, or has too much to do: that passes.
                self._refuse(503, NOBODY)

    def noted(self, answer: Any) -> None:
        """Only when the channel itself says whose call it is may anybody act on it: its record depends on it."""
        call = self._call
        if not self._open:
            return
        match answer:
            case Accepted():
                call.send(channels_name(call.switch), LegOwned(call.call_id, call.custom_channel_vars, call.switch))
                call.cast(ROUTER, call.win())
                call.set_timer("controller", ROUTE_TIMEOUT)
            case Refused(text=text) if not says_gone(text):
                call.log.error("route_not_usable", error=text)
                self._refuse(500, "no usable route")
            case Refused():
                call.look()
            case _:
                call.set_timer("route", ROUTE_PAUSE)

    @property
    def _open(self) -> bool:
        return not self._call.ended and self._call.controller.address is None

    def _note(self, channel_vars: Mapping[str, Any]) -> None:
        call = self._call
        call.custom_channel_vars = {**call.custom_channel_vars, **channel_vars}
        try:
            variables = noted_variables(channel_vars)
        except ValueError as error:
            call.log.error("route_not_usable", error=str(error))
            self._refuse(500, "no usable route")
            return
        call.ask_switch(SetVariables(call.call_id, variables), "noted")

    def _refuse(self, code: int, text: str) -> None:
        call_id = self._call.call_id
        command: Any
        if self._call.answered:
            command = Hangup(call_id=call_id, hangup_cause="NO_ROUTE_DESTINATION", insert_at="now")
        else:
            command = Respond(call_id=call_id, response_code=code, response_message=text or None, insert_at="now")
        self._call.log.info("call_refused", code=code, text=text)
        self._call.at_once.give(Command(Execute("", command)))


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


def bridge_to(call_id: str, routes: Sequence[Route]) -> Bridge:
    """The command that connects a leg with the first of these that answers, and ends it with that."""
    return Bridge(call_id, tuple(_endpoint(route) for route in routes), continue_on_fail=False, continue_after=False)


def _endpoint(route: Route) -> Endpoint:
    return Endpoint(
        route.invite_format,
        to_user=route.to_user,
        to_realm=route.to_realm,
        to_did=route.to_did,
        route=route.route,
        auth_user=route.auth_user,
        auth_password=route.auth_password,
        outbound_caller_id_name=route.caller_id_name,
        outbound_caller_id_number=route.caller_id_number,
        codecs=route.codecs,
        bypass_media=True if route.media == "bypass" else None,
        endpoint_progress_timeout=route.progress_timeout,
        proxy_ip=route.proxy_via,
        custom_channel_vars=route.custom_channel_vars,
        custom_application_vars=route.custom_application_vars,
        custom_sip_headers=route.custom_sip_headers,
    )


def noted_variables(channel_vars: Mapping[str, Any]) -> dict[str, str]:
    """Custom-Channel-Vars as they are noted on a channel. Raises ValueError for a value that no variable can hold."""
    return {f"ecallmgr_{name}": as_variable(value) for name, value in channel_vars.items()}
