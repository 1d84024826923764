"""set: set all of its data as variables of the tenant's own on the channel. Kazoo: cf_set."""

from __future__ import annotations

from mirliton.whapps.callflow.actions import set_variables
from mirliton.whapps.callflow.script import Data, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """Texts, numbers and flags, by their names. Child: `_`.

    They are Custom-Application-Vars: Custom-Channel-Vars say whose call it is, which is no callflow's to say.
    """
    values = {name: value for name, value in data.items() if name != "skip_module"}
    return await set_variables.run(call, {"custom_application_vars": values})
