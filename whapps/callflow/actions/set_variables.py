"""set_variables: set variables of the tenant's own on the channel. Kazoo: cf_set_variables."""

from __future__ import annotations

from typing import Final

from mirliton.actors.kapi.dialplan import Set
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import flag, mapping
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script

MOST: Final = 50


async def run(call: Script, data: Data) -> Outcome:
    """`custom_application_vars` (an object of texts, numbers and flags), `export` (false; true: on later legs too).
    Child: `_`."""
    found = {
        name: value
        for name, value in mapping(data, "custom_application_vars").items()
        if isinstance(value, str | int | float) and name
    }
    if len(found) > MOST:
        raise InvalidFlow("set_variables", f"{len(found)} variables are more than {MOST}")
    if found:
        await call.execute(Set(call.id, custom_application_vars=found, export_all=flag(data, "export", False) or None))
    return Next()
