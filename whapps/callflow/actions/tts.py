"""tts: speak a text. Kazoo: cf_tts."""

from __future__ import annotations

from typing import Final

from mirliton.actors.kapi.dialplan import Tts
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.talking import keys

AT_LEAST: Final = 1.0
"""Seconds from one turn to the next."""


async def run(call: Script, data: Data) -> Outcome:
    """`text`, `voice` (female), `language`, `engine` (flite; the switch refuses others), `terminators` (every key),
    `endless_playback` (again and again, until one of them is pressed). Child: `_`.

    Raises InvalidFlow without a text. Of an endless one each turn is a mark.
    """
    spoken = text(data, "text")
    if spoken is None:
        raise InvalidFlow("tts", "it has no text")
    command = Tts(
        call.id,
        spoken[:1000],
        voice="male" if data.get("voice") == "male" else "female",
        language=text(data, "language"),
        engine=text(data, "engine"),
        terminators=keys(data.get("terminators")),
    )
    clock = call.process.node.clock
    while True:
        begun = clock.now()
        result = await call.execute(command)
        if data.get("endless_playback") is not True or result.variables.get("playback_terminator_used"):
            return Next()
        # A switch that has nothing to say answers at once.
        await call.rest(max(0.0, AT_LEAST - (clock.now() - begun)))
        call.mark("again")
