"""A call from a customer's PBX, which has registered as one of its servers: out by the carriers. Kazoo: ts_from_onnet.

It shows the caller id that the PBX sends where that is one of the customer's numbers or nothing else is known, else the
server's. Calls to the customer's own numbers, and to other accounts of ours, come back in as any others do.
"""

from __future__ import annotations

from typing import Any

from mirliton.actors.store import Document
from mirliton.whapps.callflow.caller_id import set_caller_id
from mirliton.whapps.callflow.calling_out import call_out
from mirliton.whapps.callflow.fields import flag, text
from mirliton.whapps.callflow.script import Data, Outcome, Script
from mirliton.whapps.numbers.ownership import own_number
from mirliton.whapps.numbers.rules import number_rules
from mirliton.whapps.trunkstore.servers import TrunkServer, server_of


async def run(call: Script, data: Data) -> Outcome:
    """No data, no children: the PBX gets the code of what its call came to."""
    doc: Document = await call.known_document(str(call.vars.get("Authorizing-ID"))) or {}
    server = server_of(doc, text(call.vars, "Username")) if doc else None
    if server is not None and call.state is None:
        await _show(call, server)
    return await call_out(call, _wishes(server), local=server is not None and _has_own(server))


async def _show(call: Script, server: TrunkServer) -> None:
    """Decide whom the call is from."""
    name, number = server.caller_id()
    if number is None:
        return
    sent = (await number_rules(call.store)).e164(call.leg.caller_id_number or "")
    own = await own_number(call.store, sent)
    if own is None or own.account_id != call.account_id:
        set_caller_id(call, name, number)


def _has_own(server: TrunkServer) -> bool:
    return text(server.options, "hunt_account_id") is not None


def _wishes(server: TrunkServer | None) -> dict[str, Any]:
    """What the server's options say, as the data of `offnet` has it."""
    if server is None:
        return {}
    options = server.options
    name, number = server.caller_id("emergency_caller_id")
    known = {
        "emergency_caller_id": {"name": name, "number": number} if number is not None else None,
        "hunt_account_id": text(options, "hunt_account_id"),
        "outbound_flags": options.get("flags"),
        "dynamic_flags": options.get("dynamic_flags"),
        "ignore_early_media": flag(options, "ignore_early_media", False),
        "timeout": options.get("timeout"),
    }
    return {name: value for name, value in known.items() if value}
