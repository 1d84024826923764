"""collect_dtmf: take digits from the caller, for actions that come later. Kazoo: cf_collect_dtmf."""

from __future__ import annotations

from typing import Final

from mirliton.whapps.callflow.fields import milliseconds, number, text
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.talking import ANY_KEY, FIRST_DIGIT, NEXT_DIGIT, SILENCE, ask_digits, keys

COLLECTED: Final = "dtmf"
DEFAULT: Final = "default"
MOST: Final = 127
LONGEST: Final = 120.0


async def run(call: Script, data: Data) -> Outcome:
    """`max_digits` (1), `timeout` (5000 ms, for the first), `interdigit_timeout` (2000 ms), `terminators` (or one
    `terminator`, `#`), `collection_name` (default). Child: `_`."""
    one = data.get("terminator")
    ends = keys(data["terminators"]) if isinstance(data.get("terminators"), list) else ()
    digits = await ask_digits(
        call,
        SILENCE,
        number(data, "max_digits", 1, 1, MOST),
        milliseconds(data, "timeout", FIRST_DIGIT, LONGEST),
        milliseconds(data, "interdigit_timeout", NEXT_DIGIT, LONGEST),
        ends or ((one,) if one in ANY_KEY else ("#",)),
    )
    collected = {**call.kept(COLLECTED, {}), text(data, "collection_name") or DEFAULT: digits}
    call.keep(**{COLLECTED: collected})
    return Next()
