"""check_cid: branch by the caller's number. Kazoo: cf_check_cid."""

from __future__ import annotations

from mirliton.whapps.callflow import patterns
from mirliton.whapps.callflow.caller_id import caller_id, set_caller_id
from mirliton.whapps.callflow.fields import flag, mapping, text
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`regex` (`.*`), `use_absolute_mode` (false), and what a match makes of the call if all three are there:
    `caller_id.external.name` and `.number`, and `user_id`, whose call it is from then on.

    Children: `match` and `nomatch`; in absolute mode the number itself or `nomatch`; `_`.
    """
    number = caller_id(call).number or ""
    if flag(data, "use_absolute_mode", False):
        key = number if number in call.children else "nomatch"
    else:
        key = "match" if patterns.match(text(data, "regex") or ".*", number) else "nomatch"
    if key != "nomatch" and key in call.children:
        _identify(call, data)
    return Next(key)


def _identify(call: Script, data: Data) -> None:
    external = mapping(mapping(data, "caller_id"), "external")
    name, number, user_id = text(external, "name"), text(external, "number"), text(data, "user_id")
    if name and number and user_id:
        set_caller_id(call, name, number)
        call.keep_vars(**{"Owner-ID": user_id})
