"""lookupcidname: name the caller as a list does. Kazoo: cf_lookupcidname."""

from __future__ import annotations

from mirliton.actors.store import Document
from mirliton.whapps.callflow.caller_id import caller_id, set_caller_id
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.number_lists import entries_of, matching
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`lists` (ids), of which the first that has the number counts. Child: `_`."""
    lists = data.get("lists")
    number = caller_id(call).number or ""
    for list_id in lists if isinstance(lists, list) else []:
        if isinstance(list_id, str) and list_id:
            found = matching(await entries_of(call, list_id), number)
            if found is not None:
                set_caller_id(call, _name(found), None)
                return Next()
    return Next()


def _name(entry: Document) -> str | None:
    both = [name for name in (text(entry, "firstname"), text(entry, "lastname")) if name]
    return text(entry, "displayname") or text(entry, "name") or " ".join(both) or None
