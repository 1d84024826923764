"""language: speak another language with the caller from now on. Kazoo: cf_language."""

from __future__ import annotations

import re
from typing import Final

from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.media import SPOKEN
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script

_LANGUAGE: Final = re.compile(r"[A-Za-z]{2}(-[A-Za-z]{2})?")


async def run(call: Script, data: Data) -> Outcome:
    """`language`, as `en` or `fr-ca`. Child: `_`. Raises InvalidFlow for what is no language.

    The platform's prompts are asked for in it; a switch that does not have them plays those it has.
    """
    language = data.get("language")
    if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
        raise InvalidFlow("language", f"{str(language)[:32]!r} is no language")
    call.keep(**{SPOKEN: language.lower()})
    return Next()
