"""response: refuse the call with a SIP status."""

from __future__ import annotations

from typing import Final

from mirliton.actors.kapi.dialplan import Play, Respond
from mirliton.whapps.callflow.media import media_name
from mirliton.whapps.callflow.script import Data, Done, Outcome, Script

DEFAULT_CODE: Final = 486


async def run(call: Script, data: Data) -> Outcome:
    """`code` (486), `message`, and `media` to be heard before; nothing follows."""
    media = data.get("media")
    if isinstance(media, str) and media:
        await call.execute(Play(call.id, await media_name(call, media)))
    await call.attempt(Respond(call.id, response_code=_code(data.get("code")), response_message=data.get("message")))
    return Done()


def _code(value: object) -> int:
    """Kazoo's documents have it as a number or as text."""
    text = str(value)
    code = int(text) if text.isascii() and text.isdigit() and len(text) == 3 else DEFAULT_CODE
    return code if 400 <= code <= 699 else DEFAULT_CODE
