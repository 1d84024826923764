"""Numbers and names as a carrier wants them. Kazoo: kz_formatters, the schema formatters.format_options.

`formatters` of a resource (or an account) name a field, and how it is changed: `regex` says which values, and its first
group what is kept of one, between `prefix` and `suffix`; `value` takes its place altogether, `strip` takes it away, and
`match_invite_format` writes a number as the gateway is invited.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from mirliton.whapps.callflow import patterns
from mirliton.whapps.callflow.fields import flag, text
from mirliton.whapps.numbers.rules import formatted

TO: Final = ("to_did", "to", "request", "callee_id_number")
FROM: Final = ("outbound_caller_id_number", "caller_id_number", "from")
NAME: Final = ("outbound_caller_id_name", "caller_id_name")
MOST: Final = 20
"""Formatters of one field that are tried."""

Direction = Literal["inbound", "outbound"]


def format_field(
    formatters: Mapping[str, Any],
    names: tuple[str, ...],
    value: str,
    direction: Direction,
    invite_format: str = "route",
) -> str:
    """A field's value, by any of its names, as the first formatter that fits makes it; "" where it is stripped."""
    for name in names:
        options = formatters.get(name)
        for option in (options if isinstance(options, list) else [options])[:MOST]:
            if isinstance(option, dict) and option.get("direction", "both") in (direction, "both"):
                made = _formatted(option, value, invite_format)
                if made is not None:
                    return made
    return value


def _formatted(option: Mapping[str, Any], value: str, invite_format: str) -> str | None:
    """What an option makes of a value; None where it is not for it."""
    regex = text(option, "regex")
    root = value
    if regex is not None:
        found = patterns.match(regex, value)
        if found is None:
            return None
        root = found[1] if found.re.groups and found[1] is not None else value
    if flag(option, "strip", False):
        return ""
    if (fixed := text(option, "value")) is not None:
        return fixed
    if flag(option, "match_invite_format", False):
        return formatted(root, invite_format)
    return f"{text(option, 'prefix') or ''}{root}{text(option, 'suffix') or ''}"
