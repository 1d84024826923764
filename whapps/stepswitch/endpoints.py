"""A gateway of a carrier as the endpoint to ring: its address, who is calling, how it is authenticated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mirliton.actors.kapi.dialplan import Endpoint
from mirliton.actors.kapi.offnet_resource import OffnetReq
from mirliton.whapps.callflow.fields import flag, mapping, text
from mirliton.whapps.callflow.fields import number as whole
from mirliton.whapps.callflow.sip_endpoint import headers_out
from mirliton.whapps.numbers.rules import formatted
from mirliton.whapps.stepswitch.choosing import Candidate
from mirliton.whapps.stepswitch.formatters import FROM, NAME, TO, format_field

PROGRESS: Final = 8
"""Seconds in which a gateway has to say that it rings (Kazoo: default_progress_timeout)."""
PORT: Final = 5060
_PARAMETER: Final = re.compile(r"[A-Za-z0-9_.=+%-]{1,128}")
_REALM: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")


def endpoint_of(
    candidate: Candidate, request: OffnetReq, config: Mapping[str, Any], *, number: str, kind: str, emergency: bool
) -> Endpoint | None:
    """The endpoint; None for a gateway that is no SIP gateway, or that has no address. `config`:
    `system_config/stepswitch`; `number`: in E.164, where it has such a form, and `kind`: its classifier."""
    resource, gateway = candidate.resource, candidate.gateway.fields
    if text(gateway, "endpoint_type") not in (None, "sip"):
        return None
    invite_format = text(gateway, "invite_format") or "route"
    formatters = mapping(resource.document, "formatters")
    called = format_field(formatters, TO, formatted(candidate.number, invite_format), "outbound", invite_format)
    route = _route(gateway, called, config)
    if route is None:
        return None
    name, caller = caller_id(candidate, request, config, emergency=emergency)
    caller = format_field(formatters, FROM, caller, "outbound", invite_format)
    return Endpoint(
        "route",
        route=route,
        endpoint_id=resource.id,
        endpoint_type="sip",
        endpoint_progress_timeout=float(
            whole(gateway, "progress_timeout", whole(config, "default_progress_timeout", PROGRESS, 1, 3600), 1, 3600)
        ),
        auth_user=text(gateway, "username"),
        auth_password=text(gateway, "password"),
        auth_realm=text(gateway, "realm"),
        outbound_caller_id_name=format_field(formatters, NAME, name, "outbound", invite_format) or None,
        outbound_caller_id_number=caller or None,
        callee_id_number=called,
        # Who calls for help may not be hidden from those who come.
        privacy_hide_name=None if emergency else request.privacy_hide_name,
        privacy_hide_number=None if emergency else request.privacy_hide_number,
        custom_channel_vars=_channel_vars(candidate, request, _from_uri(candidate, request, config, caller))
        | {"E164-Destination": number, "DID-Classifier": kind, **({"Emergency-Resource": "true"} if emergency else {})},
        custom_sip_headers={**request.custom_sip_headers, **headers_out(gateway.get("custom_sip_headers"))},
        sip_interface=text(gateway, "custom_sip_interface"),
        sip_invite_parameters=_parameters(mapping(gateway, "invite_parameters"), request),
        codecs=_codecs(gateway, resource.document, config),
        bypass_media=flag(gateway, "bypass_media", flag(config, "default_bypass_media", False)) or None,
        ignore_early_media=request.ignore_early_media,
        **_fax(gateway, resource.document),
    )


def caller_id(
    candidate: Candidate, request: OffnetReq, config: Mapping[str, Any], *, emergency: bool
) -> tuple[str, str]:
    """Whom the carrier is shown: whom emergency services shall call back, or whom the caller wants to be."""
    wanted = text(candidate.gateway.fields, "caller_id_type") or text(
        mapping(candidate.resource.document, "caller_id_options"), "type"
    )
    name, caller = request.outbound_caller_id_name or "", request.outbound_caller_id_number or ""
    if emergency or wanted == "emergency":
        name = request.emergency_caller_id_name or name
        caller = request.emergency_caller_id_number or text(config, "default_emergency_cid_number") or caller
    return name, caller


def _route(gateway: Mapping[str, Any], called: str, config: Mapping[str, Any]) -> str | None:
    static = text(gateway, "route")
    if static is not None:
        return static if static.startswith(("sip:", "sips:")) else f"sip:{static}"
    server = text(gateway, "server")
    if server is None:
        return None
    prefix = text(gateway, "prefix") or text(config, "default_prefix") or ""
    suffix = text(gateway, "suffix") or text(config, "default_suffix") or ""
    port = whole(gateway, "port", PORT, 1, 65_535)
    return f"sip:{prefix}{called}{suffix}@{server}{'' if port == PORT or ':' in server else f':{port}'}"


def _channel_vars(candidate: Candidate, request: OffnetReq, from_uri: str | None) -> dict[str, Any]:
    resource = candidate.resource
    known = {
        **request.custom_channel_vars,
        "Account-ID": request.account_id,
        "Authorizing-ID": resource.id,
        "Authorizing-Type": "resource",
        "Resource-ID": resource.id,
        "Resource-Type": "offnet-termination",
        "Global-Resource": "true" if resource.is_global else "false",
        "From-URI": from_uri,
    }
    return {name: value for name, value in known.items() if value}


def _from_uri(candidate: Candidate, request: OffnetReq, config: Mapping[str, Any], caller: str) -> str | None:
    """The address that the call is from, where the carrier wants one of a realm of its own."""
    gateway, resource = candidate.gateway.fields, candidate.resource.document
    wanted = flag(gateway, "format_from_uri", flag(resource, "format_from_uri", flag(config, "format_from_uri", False)))
    if not (wanted or request.format_from_uri) or not caller:
        return None
    of_account = request.account_realm if flag(resource, "from_account_realm", False) else None
    realm = (
        text(gateway, "from_uri_realm")
        or text(resource, "from_uri_realm")
        or of_account
        or request.from_uri_realm
        or text(gateway, "realm")
        or request.account_realm
    )
    return f"sip:{caller}@{realm}" if realm is not None and _REALM.fullmatch(realm) else None


def _parameters(wanted: Mapping[str, Any], request: OffnetReq) -> tuple[str, ...]:
    """Parameters of the INVITE: fixed ones, and values of the call."""
    static, dynamic = wanted.get("static"), wanted.get("dynamic")
    found = list(static) if isinstance(static, list) else []
    sources = {
        "custom_channel_vars": request.requestor_custom_channel_vars,
        "custom_sip_headers": request.requestor_custom_sip_headers,
    }
    for item in dynamic if isinstance(dynamic, list) else []:
        key, tag, between = (
            (item.get("key"), item.get("tag"), item.get("separator", "="))
            if isinstance(item, dict)
            else (item, None, "")
        )
        source, _, name = str(key).partition(".")
        values = {str(known).lower().replace("-", "_"): value for known, value in sources.get(source, {}).items()}
        value = values.get(name.lower().replace("-", "_"))
        if isinstance(value, str | int) and value != "":
            found.append(f"{tag}{between}{value}" if tag else str(value))
    return tuple(one for one in found if isinstance(one, str) and _PARAMETER.fullmatch(one))


def _codecs(gateway: Mapping[str, Any], resource: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[str, ...]:
    media = mapping(resource, "media")
    audio, video = mapping(media, "audio").get("codecs"), mapping(media, "video").get("codecs")
    for listed in (
        gateway.get("codecs"),
        [*(audio if isinstance(audio, list) else []), *(video if isinstance(video, list) else [])],
        config.get("default_codecs"),
        config.get("default_audio_codecs"),
    ):
        if isinstance(listed, list) and listed:
            return tuple(codec for codec in listed if isinstance(codec, str))
    return ()


def _fax(gateway: Mapping[str, Any], resource: Mapping[str, Any]) -> dict[str, Any]:
    option = mapping(gateway, "media").get("fax_option", mapping(resource, "media").get("fax_option"))
    return {"enable_t38_fax": True, "enable_t38_fax_request": True} if option is True else {}
