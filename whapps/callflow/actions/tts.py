"""tts: speak a text. Kazoo: cf_tts."""

from __future__ import annotations

from mirliton.actors.kapi.dialplan import Tts
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.talking import keys


async def run(call: Script, data: Data) -> Outcome:
    """`text`, `voice` (female), `language`, `engine` (flite; the switch refuses others), `terminators` (every key).
    Child: `_`. Left out: `endless_playback`.

    Raises InvalidFlow without a text.
    """
    spoken = text(data, "text")
    if spoken is None:
        raise InvalidFlow("tts", "it has no text")
    await call.execute(
        Tts(
            call.id,
            spoken[:1000],
            voice="male" if data.get("voice") == "male" else "female",
            language=text(data, "language"),
            engine=text(data, "engine"),
            terminators=keys(data.get("terminators")),
        )
    )
    return Next()
