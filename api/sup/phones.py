"""Registered phones. Kazoo: the registrar_ functions of ecallmgr_maintenance."""

from __future__ import annotations

from typing import Any

from mirliton.actors.kapi.registration import RegFlush, RegQuery, RegQueryResp
from mirliton.api.sup.commands import Answer, Sup, SupError, command
from mirliton.ecallmgr.registrations import REGISTRAR


@command("ecallmgr_maintenance")
async def registrar_summary(sup: Sup, realm: str = "") -> Answer:
    """A line for each registered phone; of one realm, if it is named."""
    shown = ("username", "realm", "contact", "expires", "user_agent")
    return [{name: row.get(name) for name in shown} for row in await _found(sup, realm or None)]


@command("ecallmgr_maintenance")
async def registrar_details(sup: Sup, realm: str, user: str) -> Answer:
    """All that is known of a registration."""
    found = await _found(sup, realm, user)
    if not found:
        raise SupError(f"{user}@{realm} is not registered")
    return found[0]


@command("ecallmgr_maintenance", changes=True)
async def flush_registrar(sup: Sup, realm: str, user: str = "") -> Answer:
    """Forget the registrations of a realm, or of one user of it."""
    answer = await sup.node.call(REGISTRAR, RegFlush(realm=realm, username=user or None))
    return f"{answer.count} forgotten"


async def _found(sup: Sup, realm: str | None, user: str | None = None) -> list[dict[str, Any]]:
    answer: RegQueryResp = await sup.node.call(REGISTRAR, RegQuery(realm=realm, username=user))
    found: Any = answer.fields
    return list(found or ())
