"""conference_feature: be in the conference whose number the pattern captured. Kazoo: cf_conference_feature."""

from __future__ import annotations

from mirliton.whapps.callflow import conferences
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.script import Data, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """As `conference`; the captured group is a conference's number or id. Child: `_`, where the caller does not get
    in."""
    wanted = call.capture_group
    if not wanted:
        raise InvalidFlow("conference_feature", "its pattern captured nothing")
    rows = (await call.store.view(call.account_db, "conferences/listing_by_number", key=wanted)).rows
    return await conferences.conference(call, data, str(rows[0].id) if rows else wanted)
