"""`${…}` in application arguments, dial strings and `expand`: channel variables and api calls.

Only calls that answer at once can stand inside: `sofia_contact`, `create_uuid`, `global_getvar` and the
like. `$${name}` is a global variable. What is unknown expands to nothing, as on the switch.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.channel import Leg
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

_INNERMOST = re.compile(r"\$?\$\{([^${}]*)\}")
_CALL = re.compile(r"(\w+)\s*\((.*)\)\s*\Z", re.DOTALL)
_MAX_ROUNDS = 20  # nested expressions; also what ends a variable that contains itself


def expand(text: str, switch: SimulatedSwitch, leg: Leg | None = None) -> str:
    """`text` with every expression replaced by its value, innermost first."""
    for _ in range(_MAX_ROUNDS):
        text, count = _INNERMOST.subn(lambda found: _value(found, switch, leg), text)
        if not count:
            break
    return text


def _value(found: re.Match[str], switch: SimulatedSwitch, leg: Leg | None) -> str:
    inner = found[1].strip()
    if found[0].startswith("$$"):
        return switch.globals.get(inner, "")
    call = _CALL.match(inner)
    if call:
        return switch.inline_api(call[1], call[2])
    name = inner.split(":", 1)[0]
    value = leg.get(name) if leg is not None else None
    if value is None and leg is not None:
        value = _profile_value(name, leg)
    return value if value is not None else switch.globals.get(name, "")


def _profile_value(name: str, leg: Leg) -> str | None:
    """The caller profile's fields can be read like variables."""
    field = {
        "caller_id_name": "Caller-ID-Name",
        "caller_id_number": "Caller-ID-Number",
        "destination_number": "Destination-Number",
        "network_addr": "Network-Addr",
        "context": "Context",
        "username": "Username",
    }.get(name)
    if name == "uuid":
        return leg.uuid
    return leg.profile.fields.get(field) if field else None
