"""branch_bnumber: branch by what the callflow's pattern captured. Kazoo: cf_branch_bnumber."""

from __future__ import annotations

from mirliton.whapps.callflow import patterns
from mirliton.whapps.callflow.calling import flow_for
from mirliton.whapps.callflow.fields import flag, text
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`hunt` (false): where no child has the number, go on in the callflow of that number, if `hunt_allow` and
    `hunt_deny` let it. Children: the captured number, `_`."""
    number = call.capture_group
    if number in call.children or not number or not flag(data, "hunt", False):
        return Next(number or "_")
    allow, deny = text(data, "hunt_allow"), text(data, "hunt_deny")
    if allow is not None and patterns.match(allow, number) is None:
        return Next()
    # Who denies numbers by a pattern that cannot be run means at least these.
    if deny is not None and (patterns.usable(deny) is None or patterns.match(deny, number) is not None):
        return Next()
    return await flow_for(call, number) or Next()
