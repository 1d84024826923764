"""voicemail: leave a message in a mailbox, or hear those that are there. Kazoo: cf_voicemail."""

from __future__ import annotations

from mirliton.whapps.callflow.script import Data, Outcome, Script
from mirliton.whapps.callflow.voicemail.flow import visit


async def run(call: Script, data: Data) -> Outcome:
    """`id` (a mailbox), `action` (compose, check), `max_message_length` (500 s), `interdigit_timeout` (2000 ms),
    `single_mailbox_login`, `callerid_match_login`. Child: `_`; the operator's key jumps to the operator's callflow."""
    return await visit(call, data)
