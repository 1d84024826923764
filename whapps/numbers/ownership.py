"""Whose a number of the outside world is. Kazoo: knm_number:lookup_account, the databases `numbers/…`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mirliton.actors.store import DatabaseNotFound, DocumentNotFound, InvalidName, Store
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import check_account
from mirliton.whapps.callflow.fields import flag, text

PREFIX: Final = 5
"""Characters of a number that name its database."""
_NUMBER: Final = re.compile(r"\+[0-9]{5,31}")
_IN_USE: Final = frozenset({"in_service", "port_in", "port_out"})


@dataclass(frozen=True, slots=True)
class OwnNumber:
    """A number that is assigned to an account. `used_by`: which application takes its calls, where one is named."""

    number: str
    account_id: str
    force_outbound: bool
    """Whether calls to it go out into the world all the same."""
    used_by: str | None = None


async def own_number(store: Store, number: str, config: Mapping[str, Any] | None = None) -> OwnNumber | None:
    """The number (E.164; a plus sign may be missing), if an account of ours has it in service; None else. `config`:
    `system_config/number_manager`. Raises StoreError when that cannot be known now."""
    wanted = number if number.startswith("+") else f"+{number}"
    if not _NUMBER.fullmatch(wanted):
        return None
    try:
        doc = await store.get(f"numbers/{wanted[:PREFIX]}", wanted)
        account_id = check_account(doc.get("pvt_assigned_to"))
    except (DatabaseNotFound, DocumentNotFound, InvalidName):
        return None
    if is_deleted(doc) or doc.get("pvt_state") not in _IN_USE:
        return None
    return OwnNumber(wanted, account_id, _goes_out(doc, config or {}), text(doc, "pvt_used_by"))


def _goes_out(doc: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """A number that is just being ported may still be answered by somebody else, one of module knm_local is nobody's
    outside (Kazoo: the settings `force_…_outbound`)."""
    written = doc.get("force_outbound")
    if isinstance(written, bool):
        return written
    state = doc.get("pvt_state")
    if state in ("port_in", "port_out"):
        return flag(config, f"force_{state}_outbound", True)
    if doc.get("pvt_module_name") == "knm_local":
        return flag(config, "force_local_outbound", True)
    return flag(config, "default_force_outbound", False)
