"""play: play a medium to the caller."""

from __future__ import annotations

from mirliton.actors.kapi.dialplan import Answer, Play
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.media import media_name
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`id` (a medium), `answer` (true), `loop_count`, `endless_playback`, `terminators`. Child: `_`."""
    medium = data.get("id")
    if not isinstance(medium, str) or not medium:
        raise InvalidFlow("play", "its data has no id")
    if data.get("answer", True):
        await call.execute(Answer(call.id))
    loops = data.get("loop_count")
    terminators = data.get("terminators")
    await call.execute(
        Play(
            call.id,
            await media_name(call, medium),
            endless_playback=True if data.get("endless_playback") else None,
            loop_count=loops if isinstance(loops, int) and loops > 0 else None,
            terminators=tuple(terminators) if isinstance(terminators, list) else None,
        )
    )
    return Next()
