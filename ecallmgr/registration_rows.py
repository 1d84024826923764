"""Rows of the table of registrations: from a switch's headers, from a SIP proxy's report, and as Kazoo's answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from mirliton.actors.kapi.registration import RegSuccess
from mirliton.actors.kapi.spelling import header_of

DEFAULT_EXPIRES: Final = 3600.0
MAX_EXPIRES: Final = 7 * 86_400.0
MAX_TEXT: Final = 1024
"""Characters that are kept of what a phone says."""
UNREGISTERED: Final = "unregistered"
HIDDEN: Final = frozenset({"until"})
"""Of interest to nobody but who keeps the table."""

Key = tuple[str, str]
Row = dict[str, Any]

_OF_A_SWITCH: Final = (
    ("contact", "contact"),
    ("call_id", "call-id"),
    ("user_agent", "user-agent"),
    ("source_ip", "network-ip"),
    ("source_port", "network-port"),
    ("status", "status"),
)
_COLUMNS: Final = (
    ("username", "reg_user"),
    ("realm", "realm"),
    ("contact", "url"),
    ("call-id", "token"),
    ("network-ip", "network_ip"),
    ("network-port", "network_port"),
)
_OF_A_PROXY: Final = (
    "contact",
    "call_id",
    "user_agent",
    "source_ip",
    "source_port",
    "status",
    "proxy_path",
    "proxy_ip",
    "proxy_port",
    "proxy_protocol",
)
_PATH: Final = re.compile(r"sips?:([A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?)")
_VARS: Final = (
    ("account_id", "Account-ID"),
    ("authorizing_id", "Authorizing-ID"),
    ("authorizing_type", "Authorizing-Type"),
    ("owner_id", "Owner-ID"),
)


def of_switch(headers: Mapping[str, str], switch: str) -> Row:
    """A row from the headers of a switch's event."""
    realm, username = key_of(headers)
    return {
        "realm": realm,
        "username": username,
        **{field: headers.get(header, "")[:MAX_TEXT] for field, header in _OF_A_SWITCH},
        "expires": number(headers.get("expires", ""), DEFAULT_EXPIRES),
        "switch": switch,
    }


def of_proxy(report: RegSuccess, proxy: str) -> Row:
    """A row from a proxy's report that a phone has registered; `proxy` is its node."""
    texts = {field: _text(getattr(report, field)) for field in _OF_A_PROXY}
    told = {field: report.custom_channel_vars.get(header) for field, header in _VARS}
    return {
        "realm": report.realm.lower()[:MAX_TEXT],
        "username": report.username.lower()[:MAX_TEXT],
        **{field: text for field, text in texts.items() if text},
        **{field: _text(value) for field, value in told.items() if isinstance(value, str) and value},
        "expires": min(report.expires, MAX_EXPIRES),
        "switch": "",
        "proxy": proxy[:MAX_TEXT],
    }


def is_end(report: RegSuccess) -> bool:
    """Whether a proxy's report tells of a registration's end."""
    return report.expires <= 0 or (report.status or "").lower() == UNREGISTERED


def names_all(report: RegSuccess) -> bool:
    """Whether the end that is reported is that of all of the user's phones."""
    return bare(report.contact) in ("", "*")


def key_of(headers: Mapping[str, str]) -> Key:
    """Whose registration a switch's headers tell of; an empty part where they do not say."""
    realm = headers.get("realm") or headers.get("from-host") or headers.get("host", "")
    user = headers.get("username") or headers.get("from-user") or headers.get("user", "")
    return realm.lower(), user.lower()


def headers_of(listed: Mapping[str, Any], now: float) -> dict[str, str]:
    """A row of the switch's `show registrations` as the headers of an event. `now` is unix time."""
    left = number(str(listed.get("expires", "")), 0.0) - now
    named = {header: str(listed.get(column) or "") for header, column in _COLUMNS}
    return {**named, "expires": str(max(1, int(left)))}


def chosen(row: Row, fields: Any) -> Row:
    """All of a row, or the fields that were asked for."""
    if not isinstance(fields, tuple | list) or not fields:
        return dict(row)
    return {name: row[name] for name in fields if isinstance(name, str) and name in row}


def as_kazoo(row: Row, fields: Any) -> Row:
    """A row in Kazoo's headers, for those who ask from outside and name fields by them."""
    named = {header_of(name): value for name, value in row.items() if name not in HIDDEN}
    return chosen(named, fields)


def by_proxy(phone: str, interface: str, found: Iterable[Row]) -> str:
    """Where a switch reaches a phone (`user@realm`) that is registered at proxies, as `sofia_contact` would say it.

    Each proxy stands there once; it knows the phone's contacts.
    """
    paths = [match[1] for row in found if (match := _PATH.match(row.get("proxy_path", "")))]
    return ",".join(f"sofia/{interface}/sip:{phone};fs_path=sip:{path}" for path in dict.fromkeys(paths))


def bare(contact: str) -> str:
    """The address in a Contact, which Kamailio writes with and without brackets."""
    _, bracket, rest = contact.partition("<")
    return rest.partition(">")[0] if bracket else contact.strip()


def number(text: str, default: float) -> float:
    """The number that a text of few digits spells, else the default."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 12 else default


def _text(value: Any) -> str:
    return str(value)[:MAX_TEXT] if value is not None else ""
