"""manual_presence: set a lamp that stays so until it is set otherwise. Kazoo: cf_manual_presence."""

from __future__ import annotations

from typing import Final

from mirliton.actors.presence import LampState
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.lamps import set_by_hand
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script

_STATES: Final[dict[str, LampState]] = {"idle": "terminated", "ringing": "early", "busy": "confirmed"}


async def run(call: Script, data: Data) -> Outcome:
    """`presence_id` (of the account's realm where it names none), `status` (idle, ringing, busy; idle). Child: `_`.

    Raises InvalidFlow for what is no presence id.
    """
    presence_id = text(data, "presence_id")
    if presence_id is None:
        raise InvalidFlow("manual_presence", "it has no presence_id")
    status = data.get("status")
    await set_by_hand(call, presence_id, _STATES.get(status if isinstance(status, str) else "", "terminated"))
    return Next()
