"""What each account below has, as a table. Kazoo: kt_services."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from mirliton.whapps.services.quantities import descendants, quantities
from mirliton.whapps.tasks.action import Action, OutRow, Run


async def _quantities(run: Run, place: Any) -> AsyncIterator[tuple[Sequence[OutRow], Any]]:
    """In the order of the accounts' ids, so that an account that comes or goes meanwhile displaces no other."""
    done = str(place or "")
    for account_id in sorted(await descendants(run.store, run.account_id)):
        if account_id <= done:
            continue
        found = await quantities(run.store, account_id)
        yield (
            [
                {"account_id": account_id, "category": category, "item": item, "quantity_account": quantity}
                for category, items in found.items()
                for item, quantity in items.items()
            ],
            account_id,
        )


ACTIONS: Final = (
    Action(
        "services",
        "descendant_quantities",
        "List per-account descendants' quantities",
        output=("account_id", "category", "item", "quantity_account"),
        listing=_quantities,
    ),
)
