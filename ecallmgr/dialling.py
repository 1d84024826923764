"""Bridge: whom FreeSWITCH rings, how long, and what they are shown.

Who writes an endpoint (an administrator of one account, say) must not reach more of the switch than a phone: the only
endpoint types that come out of here are `sofia`, `loopback` to a number, and `error`. (`loopback/app=…` would run any
application.)
"""

from __future__ import annotations

import re
import uuid as uuids
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from mirliton.actors.kapi import InvalidMessage
from mirliton.actors.kapi.dialplan import Bridge, Endpoint, Page
from mirliton.actors.kapi.endpoint import failover_of
from mirliton.ecallmgr.errors import Untranslatable
from mirliton.ecallmgr.esl.quoting import Leg, dial_string, inert
from mirliton.ecallmgr.media import media, ringback
from mirliton.ecallmgr.plan import Application, Plan, Surroundings, seconds, variables

DEFAULT_TIMEOUT: Final = 20.0
PAGE_TIMEOUT: Final = 5.0
MAX_RINGING: Final = 3600
NOT_REGISTERED: Final = "error/user_not_registered"

_HOST: Final = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?(:[0-9]{1,5})?"
_PHONE: Final = re.compile(rf"[A-Za-z0-9_.+*#~=&!%-]{{1,128}}@{_HOST}")
_NUMBER: Final = re.compile(r"[A-Za-z0-9_.+*#-]{1,128}")
_INTERFACE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_ADDRESS: Final = re.compile(rf"({_HOST})")
_CONTACT: Final = re.compile(r"sofia/[A-Za-z0-9_.:;=@+~*#!%&?/()-]{1,1024}")
_AT: Final = re.compile(r"^(sofia/[^/]+/(?:sips?:)?)[^@/]+@")
"""A contact, up to its user."""
_SIP: Final = re.compile(r"sips?:([A-Za-z0-9_.:;=@+~*#!%&?()-]{1,512})")
_REGISTERED: Final = frozenset({"username", "contact", "endpoint"})
_NUMBERED: Final = frozenset({"e164", "npan", "1npan", "strip_plus", "forward"})
_UNSUPPORTED: Final = (
    "bridge_actions",
    "enable_t38_gateway",
    "export_bridge_variables",
    "export_variables",
    "force_fax",
)
_UNSUPPORTED_OF_ENDPOINT: Final = ("enable_t38_gateway", "endpoint_actions", "force_fax")
_SPECIAL: Final = {
    "Confirm-Cancel-Timeout": "group_confirm_cancel_timeout",
    "Confirm-File": "group_confirm_file",
    "Confirm-Key": "group_confirm_key",
    "From-URI": "sip_from_uri",
    "RTP-Secure-Media": "rtp_secure_media",
    "ZRTP-Secure-Media": "zrtp_secure_media",
}
"""Custom-Channel-Vars that mean a variable of FreeSWITCH's own. Kazoo has such a table, too."""
_ERROR: Final = re.compile(r"error/[A-Z][A-Z0-9_]{1,63}")

Vars = dict[str, str]


def needed_contacts(command: Any) -> tuple[str, ...]:
    """The phones (`user@realm`) whose whereabouts the plan for this command needs. Raises Untranslatable."""
    if not isinstance(command, Bridge | Page):
        return ()
    instead = (each for endpoint in command.endpoints if (each := _failover(endpoint)) is not None)
    phones = (_phone(endpoint) for endpoint in (*command.endpoints, *instead))
    return tuple(dict.fromkeys(phone for phone in phones if phone is not None))


def bridge(command: Bridge, around: Surroundings) -> Plan:
    """The plan for a bridge. Raises Untranslatable and InvalidCommand."""
    if not command.endpoints:
        raise Untranslatable("bridge", "there is nobody to ring")
    _refuse_unsupported(command, _UNSUPPORTED)
    timeout = seconds(command.timeout or DEFAULT_TIMEOUT, MAX_RINGING)
    groups = [_legs(endpoint, command, around) for endpoint in _distinct(command.endpoints)]
    at_once = command.dial_endpoint_method == "simultaneous"
    if at_once:
        groups = [[leg for group in groups for leg in group]]
    dialled = dial_string(groups, _of_all_legs(command, around, timeout if at_once else None))
    return Plan(variables=_of_the_caller(command, around, timeout), applications=(Application("bridge", dialled),))


def page(command: Page, around: Surroundings) -> Plan:
    """The plan for a page: a conference that ends with whoever pages, and into which the endpoints are called. Raises
    Untranslatable and InvalidCommand."""
    if not command.endpoints:
        raise Untranslatable("page", "there is nobody to call")
    shown = {
        name: getattr(command, name)
        for name in ("caller_id_name", "caller_id_number", "callee_id_name", "callee_id_number")
    }
    called = Bridge(
        command.call_id,
        command.endpoints,
        timeout=command.timeout,
        custom_channel_vars=command.custom_channel_vars,
        custom_sip_headers=command.custom_sip_headers,
        **shown,
    )
    legs = [leg for endpoint in _distinct(command.endpoints) for leg in _legs(endpoint, called, around)]
    reached = [leg for leg in legs if leg.endpoint != NOT_REGISTERED]
    if not reached:
        raise Untranslatable("page", "none of the endpoints is registered")
    options = command.page_options if isinstance(command.page_options, Mapping) else {}
    wishes = {
        "conference_auto_outcall_timeout": str(seconds(command.timeout or PAGE_TIMEOUT, MAX_RINGING)),
        "conference_auto_outcall_flags": "none" if options.get("Two-Way-Audio") is True else "mute",
        "conference_auto_outcall_profile": "default",
        "conference_auto_outcall_skip_member_beep": "true",
        "conference_auto_outcall_caller_id_name": inert(command.caller_id_name or ""),
        "conference_auto_outcall_caller_id_number": inert(command.caller_id_number or ""),
    }
    room = uuids.uuid5(uuids.NAMESPACE_OID, f"{command.call_id}/{command.msg_id}").hex
    outcalls = [Application("conference_set_auto_outcall", dial_string([[leg]])) for leg in reached]
    joins = Application("conference", f"page-{room}@default+flags{{endconf|mintwo}}")
    return Plan(variables=wishes, applications=(*outcalls, joins))


def _of_the_caller(command: Bridge, around: Surroundings, timeout: int) -> Vars:
    """Variables of the calling leg. They outlive the bridge, so each bridge sets or unsets them all."""
    tone = ringback(command.ringback, around) if command.ringback else around.ringback
    caller_name = command.outbound_caller_id_name or command.caller_id_name
    caller_number = command.outbound_caller_id_number or command.caller_id_number
    return {
        # A leg that is not connected stays with us: what comes next is for the callflow to say.
        "continue_on_fail": _flag(command.continue_on_fail is not False),
        "hangup_after_bridge": _flag(command.continue_after is False),
        "park_after_bridge": _flag(command.continue_after is not False),
        "ringback": tone,
        # What a caller hears whose call has been answered already.
        "transfer_ringback": tone,
        "call_timeout": str(timeout),
        "hold_music": media(command.hold_media, around) if command.hold_media else "",
        "bypass_media": _flag(command.media == "bypass"),
        "effective_caller_id_name": inert(caller_name or ""),
        "effective_caller_id_number": inert(caller_number or ""),
        # The last bridge's results are none of this one.
        "originate_disposition": "",
        "originate_failed_cause": "",
        "last_bridge_hangup_cause": "",
        "last_bridge_proto_specific_hangup_cause": "",
        "bridge_hangup_cause": "",
    }


def _of_all_legs(command: Bridge, around: Surroundings, timeout: int | None) -> Vars:
    found: Vars = {}
    if timeout is not None:
        found["originate_timeout"] = str(timeout)
    if command.ignore_early_media:
        found["ignore_early_media"] = "true"
    if command.fail_on_single_reject:
        found["fail_on_single_reject"] = inert(command.fail_on_single_reject)
    if command.ignore_forward:
        found["outbound_redirect_fatal"] = "true"
    if command.secure_rtp:
        found["rtp_secure_media"] = "true"
    if command.confirm_file:
        found["group_confirm_file"] = media(command.confirm_file, around)
        found["group_confirm_key"] = inert(command.confirm_key or "1")
        if command.confirm_cancel_timeout:
            found["group_confirm_cancel_timeout"] = "true"
    return found


def _legs(endpoint: Endpoint, command: Bridge, around: Surroundings) -> list[Leg]:
    """An endpoint's legs: one, or one for each place where the phone is registered."""
    _refuse_unsupported(endpoint, _UNSUPPORTED_OF_ENDPOINT)
    if endpoint.endpoint_type not in (None, "sip"):
        raise Untranslatable("bridge", f"endpoints of type {endpoint.endpoint_type!r} cannot be rung")
    addresses = _addresses(endpoint, around)
    if addresses == [NOT_REGISTERED] and (instead := _failover(endpoint)) is not None:
        return _legs(replace(instead, failover=None), command, around)
    shared = _of_the_leg(endpoint, command, around)
    legs = []
    for number, address in enumerate(addresses):
        own = dict(shared)
        if address.startswith("loopback/"):
            # The far end comes in as a call, which says by these whose it is.
            ours = (name for name in own if name.startswith(("ecallmgr_", "cav_")))
            own["loopback_export"] = ",".join(ours)
        if endpoint.outbound_call_id:
            own["origination_uuid"] = _leg_id(endpoint.outbound_call_id, number)
        legs.append(Leg(address, own))
    return legs


def _failover(endpoint: Endpoint) -> Endpoint | None:
    """Whom to ring for a phone that is registered nowhere."""
    try:
        return failover_of(endpoint)
    except InvalidMessage as error:
        raise Untranslatable("bridge", str(error)) from error


def _leg_id(wanted: str, number: int) -> str:
    """The id of an endpoint's leg: no two legs can have the wanted one."""
    return inert(wanted) if number == 0 else str(uuids.uuid5(uuids.NAMESPACE_OID, f"{wanted}/{number}"))


def _of_the_leg(endpoint: Endpoint, command: Bridge, around: Surroundings) -> Vars:
    found: Vars = {}
    if endpoint.endpoint_timeout and endpoint.endpoint_timeout < (command.timeout or DEFAULT_TIMEOUT):
        # As long as all together would be a race: a leg that runs out of its own time ends with another cause.
        found["leg_timeout"] = str(seconds(endpoint.endpoint_timeout, MAX_RINGING))
    if endpoint.endpoint_delay:
        found["leg_delay_start"] = str(seconds(endpoint.endpoint_delay, MAX_RINGING))
    if endpoint.endpoint_progress_timeout:
        found["leg_progress_timeout"] = str(seconds(endpoint.endpoint_progress_timeout, MAX_RINGING))
    for name, value in (
        ("presence_id", endpoint.presence_id),
        ("origination_caller_id_name", endpoint.outbound_caller_id_name or endpoint.caller_id_name),
        ("origination_caller_id_number", endpoint.outbound_caller_id_number or endpoint.caller_id_number),
        ("origination_callee_id_name", endpoint.outbound_callee_id_name or endpoint.callee_id_name),
        ("origination_callee_id_number", endpoint.outbound_callee_id_number or endpoint.callee_id_number),
        ("sip_auth_username", endpoint.auth_user),
        ("sip_auth_password", endpoint.auth_password),
        ("sip_auth_realm", endpoint.auth_realm),
        ("absolute_codec_string", ",".join(endpoint.codecs)),
        ("sip_invite_params", ";".join(endpoint.sip_invite_parameters)),
        ("origination_privacy", _privacy(endpoint, command)),
    ):
        if value:
            found[name] = inert(value)
    if endpoint.hold_media:
        found["hold_music"] = media(endpoint.hold_media, around)
    for name, flag in (
        ("ignore_early_media", endpoint.ignore_early_media),
        ("bypass_media_after_bridge", endpoint.bypass_media),
        (
            "ignore_completed_elsewhere",
            _either(endpoint.ignore_completed_elsewhere, command.ignore_completed_elsewhere),
        ),
        ("loopback_bowout", _either(endpoint.loopback_bowout, command.loopback_bowout)),
        ("loopback_bowout_on_execute", _either(endpoint.simplify_loopback, command.simplify_loopback)),
        ("fax_enable_t38", _either(endpoint.enable_t38_fax, command.enable_t38_fax)),
        ("fax_enable_t38_request", _either(endpoint.enable_t38_fax_request, command.enable_t38_fax_request)),
        ("t38_passthru", _either(endpoint.enable_t38_passthrough, command.enable_t38_passthrough)),
    ):
        if flag is not None:
            found[name] = _flag(flag)
    for field, prefix in (
        ("custom_channel_vars", "ecallmgr_"),
        ("custom_application_vars", "cav_"),
        ("custom_sip_headers", "sip_h_"),
    ):
        both = {**getattr(command, field), **getattr(endpoint, field)}
        if field == "custom_channel_vars":
            found |= _special(both, around)
            both = {name: value for name, value in both.items() if name not in _SPECIAL}
        found |= variables("bridge", field, prefix, both)
    return found


def _special(channel_vars: Mapping[str, Any], around: Surroundings) -> Vars:
    """FreeSWITCH's own variables among Kazoo's."""
    found: Vars = {}
    for name in channel_vars.keys() & _SPECIAL.keys():
        value = channel_vars[name]
        if not isinstance(value, str):
            raise Untranslatable("bridge", f"custom_channel_vars.{name} is no text")
        found[_SPECIAL[name]] = media(value, around) if name == "Confirm-File" else inert(value)
    return found


def _privacy(endpoint: Endpoint, command: Bridge) -> str:
    hide_name = _either(endpoint.privacy_hide_name, command.privacy_hide_name)
    hide_number = _either(endpoint.privacy_hide_number, command.privacy_hide_number)
    return ":".join(word for word, wanted in (("hide_name", hide_name), ("hide_number", hide_number)) if wanted)


def _addresses(endpoint: Endpoint, around: Surroundings) -> list[str]:
    """Where to ring, as FreeSWITCH's endpoints. Raises Untranslatable."""
    form = endpoint.invite_format
    if form in _REGISTERED and endpoint.to_user and endpoint.to_realm:
        if endpoint.proxy_ip:
            return [_by_proxy(f"{endpoint.to_user}@{endpoint.to_realm}", endpoint, around)]
        return _contacts(endpoint, around)
    if form == "route" and endpoint.route:
        return [_route(endpoint.route, endpoint, around)]
    if form == "loopback" and (endpoint.route or endpoint.to_did):
        number = endpoint.route or endpoint.to_did or ""
        return [f"loopback/{_checked('number', _NUMBER, number)}/{around.context}"]
    if form in _NUMBERED and endpoint.to_did and endpoint.to_ip:
        number = _checked("number", _NUMBER, endpoint.to_did)
        host = _checked("address", _ADDRESS, endpoint.to_ip)
        return [f"sofia/{_interface(endpoint, around)}/{number}@{host}{_transport(endpoint)}"]
    raise Untranslatable("bridge", f"an endpoint with invite_format {form!r} says nowhere where to go")


def _contacts(endpoint: Endpoint, around: Surroundings) -> list[str]:
    """Where a phone is registered: a phone may be so at several places, or nowhere."""
    phone = _phone(endpoint)
    told = around.contacts.get(phone, "") if phone is not None else ""
    found = [contact for contact in told.split(",") if _CONTACT.fullmatch(contact)]
    if endpoint.to_username and endpoint.to_user != endpoint.to_username:
        user = _checked("user", _NUMBER, endpoint.to_user or "")
        found = [_AT.sub(rf"\g<1>{user}@", contact, count=1) for contact in found]
    return found or [NOT_REGISTERED]


def _by_proxy(phone: str, endpoint: Endpoint, around: Surroundings) -> str:
    """A phone that is registered at a proxy: the proxy knows where."""
    proxy = _checked("proxy address", _ADDRESS, endpoint.proxy_ip or "")
    checked = _checked("phone", _PHONE, phone)
    return f"sofia/{_interface(endpoint, around)}/{checked}{_transport(endpoint)};fs_path=sip:{proxy}"


def _route(route: str, endpoint: Endpoint, around: Surroundings) -> str:
    sip = _SIP.fullmatch(route)
    if sip is not None:
        return f"sofia/{_interface(endpoint, around)}/{sip[1]}"
    return route if _ERROR.fullmatch(route) else _checked("route", _CONTACT, route)


def _phone(endpoint: Endpoint) -> str | None:
    """The `user@realm` that the switch may be asked for; None where there can be no such registration."""
    if endpoint.invite_format not in _REGISTERED or not endpoint.to_user or not endpoint.to_realm or endpoint.proxy_ip:
        return None
    phone = f"{endpoint.to_username or endpoint.to_user}@{endpoint.to_realm}"
    return phone if _PHONE.fullmatch(phone) else None


def _interface(endpoint: Endpoint, around: Surroundings) -> str:
    return _checked("SIP interface", _INTERFACE, endpoint.sip_interface or around.interface)


def _transport(endpoint: Endpoint) -> str:
    return f";transport={endpoint.sip_transport}" if endpoint.sip_transport else ""


def _checked(what: str, pattern: re.Pattern[str], value: str) -> str:
    if not pattern.fullmatch(value):
        raise Untranslatable("bridge", f"{value[:80]!r} is no {what} that can be rung")
    return value


def _distinct(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Nobody is rung twice for being listed twice."""
    found: list[Endpoint] = []
    for endpoint in endpoints:
        if endpoint not in found:
            found.append(endpoint)
    return found


def _refuse_unsupported(part: Bridge | Endpoint, fields: Sequence[str]) -> None:
    wanted = [field for field in fields if getattr(part, field)]
    if wanted:
        raise Untranslatable("bridge", f"{' and '.join(wanted)} cannot be done")


def _either(first: bool | None, second: bool | None) -> bool | None:
    return first if first is not None else second


def _flag(value: bool) -> str:
    return "true" if value else "false"
