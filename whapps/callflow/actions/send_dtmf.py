"""send_dtmf: send digits to the caller's side. Kazoo: cf_send_dtmf."""

from __future__ import annotations

import re
from typing import Final

from mirliton.actors.kapi.dialplan import SendDtmf
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script

DURATION: Final = 2.0
"""Seconds of each digit."""
LONGEST: Final = 10.0


async def run(call: Script, data: Data) -> Outcome:
    """`digits`, `duration_ms` (2000, a number or a text). Child: `_`. Raises InvalidFlow without digits."""
    digits = text(data, "digits")
    if digits is None:
        raise InvalidFlow("send_dtmf", "it has no digits")
    given = str(data.get("duration_ms", ""))
    duration = min(LONGEST, int(given) / 1000) if re.fullmatch(r"[0-9]{1,6}", given) and int(given) else DURATION
    await call.execute(SendDtmf(call.id, digits, duration=duration))
    return Next()
