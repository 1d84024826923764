"""conference: be in a conference. Kazoo: cf_conference.

Left out: `config` (a conference without a document), the tones of this very caller (`play_entry_tone`,
`play_exit_tone`; those of the conference's document are played), spoken names.
"""

from __future__ import annotations

from mirliton.whapps.callflow import conferences
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.script import Data, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`id` (without it the caller is asked for a conference's number), `moderator`, `welcome_prompt` (`play`,
    `media_id`). Child: `_`, where the caller does not get in."""
    return await conferences.conference(call, data, text(data, "id"))
