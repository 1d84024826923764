"""sofia.conf: the switch's SIP profiles, where operators keep them with us. Kazoo: `ecallmgr.sofia_conf` (off) and
`ecallmgr.fs_profiles`.

A profile's `Settings` go over those of the one that config/freeswitch has; `Gateways` are by name. Gateways of
resources that want to be registered with (`register`) come with the profile that they name, or else the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.etree.ElementTree import Element

import structlog

from mirliton.actors.store import Store
from mirliton.actors.system_config import config_of
from mirliton.ecallmgr.plan import Surroundings
from mirliton.ecallmgr.xml_curl.carriers import gateways
from mirliton.ecallmgr.xml_curl.document import Global, element, params
from mirliton.ecallmgr.xml_curl.request import Lookup

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_EXPIRES: Final = range(60, 86_401)
log = structlog.get_logger()


def settings(context: str) -> dict[str, str]:
    """A profile that nobody has set: calls come from listed addresses, into our context."""
    return {
        "dialplan": "XML",
        "context": context,
        "sip-ip": Global("mirliton_sip_ip"),
        "sip-port": Global("mirliton_sip_port"),
        "rtp-ip": Global("mirliton_sip_ip"),
        "auth-calls": "false",
        "apply-inbound-acl": "mirliton_sip",
        "accept-blind-reg": "false",
        "accept-blind-auth": "false",
        "log-auth-failures": "true",
        "inbound-codec-prefs": Global("mirliton_codecs"),
        "outbound-codec-prefs": Global("mirliton_codecs"),
        "inbound-codec-negotiation": "generous",
        "inbound-late-negotiation": "true",
        "dtmf-type": "rfc2833",
        "liberal-dtmf": "true",
        "manage-presence": "false",
        "enable-timer": "true",
    }


async def sip_profiles(store: Store, lookup: Lookup, around: Surroundings) -> list[Element]:
    """The profiles; none unless they are kept here. Raises StoreError."""
    config = await config_of(store, "ecallmgr")
    if config.get("sofia_conf") is not True:
        return []
    wanted = _object(config.get("fs_profiles")) or {around.interface: {}}
    named = {name: _object(profile) for name, profile in wanted.items() if _NAME.fullmatch(name)}
    if not named:
        return []
    registered: dict[str, list[Element]] = {name: [] for name in named}
    first = around.interface if around.interface in named else next(iter(named))
    for name, gateway in await gateways(store):
        if gateway.get("register") is True:
            place = str(gateway.get("custom_sip_interface") or first)
            registered[place if place in named else first].append(_of_resource(name, gateway))
    made = [_profile(name, profile, registered[name], around) for name, profile in named.items()]
    return [element("global_settings", *params({"log-level": "0"})), element("profiles", *made)]


def _profile(name: str, profile: Mapping[str, Any], registered: list[Element], around: Surroundings) -> Element:
    told = {**settings(around.context), **dict(_texts(_object(profile.get("Settings"))))}
    own = [
        element("gateway", *params(_texts(_object(fields))), name=gateway)
        for gateway, fields in _object(profile.get("Gateways")).items()
        if _NAME.fullmatch(gateway)
    ]
    return element("profile", element("gateways", *own, *registered), element("settings", *params(told)), name=name)


def _of_resource(name: str, gateway: Mapping[str, Any]) -> Element:
    server, port = str(gateway.get("server") or ""), gateway.get("port")
    at = f"{server}:{port}" if isinstance(port, int) and not isinstance(port, bool) and port != 5060 else server
    expires = gateway.get("expires")
    known = {
        "proxy": at,
        "realm": gateway.get("realm") or server,
        "username": gateway.get("username") or "none",
        "password": gateway.get("password") or "none",
        "register": "true",
        "expire-seconds": str(expires) if expires in _EXPIRES else "3600",
    }
    return element("gateway", *params([(key, str(value)) for key, value in known.items()]), name=name)


def _texts(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What can be a parameter: a name and a text, number or flag."""
    for name, value in values.items():
        if isinstance(value, bool):
            yield name, "true" if value else "false"
        elif isinstance(value, str | int | float):
            yield name, str(value)
        else:
            log.warning("sofia_parameter_not_usable", name=name[:80])


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
