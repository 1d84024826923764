"""resources: call the number that was dialled through the account's own carriers. Kazoo: cf_resources."""

from __future__ import annotations

from mirliton.whapps.callflow.calling_out import call_out
from mirliton.whapps.callflow.script import Data, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`to_did` (what was dialled), `caller_id_type` (external), `bypass_e164`, `do_not_normalize`,
    `use_local_resources` (true; false: the system's carriers), `hunt_account_id` (whose carriers), `outbound_flags`,
    `dynamic_flags`, `custom_sip_headers`, `emit_account_id`, `format_from_uri`, `from_uri_realm`,
    `ignore_early_media`, `ringback`, `timeout` (60 s). Children: a hangup cause, a SIP code, `_`; without any the
    caller's phone gets the code."""
    return await call_out(call, data, local=True)
