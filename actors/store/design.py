"""The views of Kazoo's databases that Mirliton asks, with Kazoo's names, keys and values (version 5.0)."""

from __future__ import annotations

from mirliton.actors.store import (
    design_account,
    design_accounts,
    design_entities,
    design_listings,
    design_month,
    design_services,
    design_tasks,
)
from mirliton.actors.store.expressions import Field, Joined, members
from mirliton.actors.store.views import Emit, View

MAIN = ("account", "modb", "accounts", "sip_auth", "system_config", "system_data")
"""The databases that the maintenance commands look into."""

_TYPE = Field("pvt_type")

MAINTENANCE = (
    View(
        "maintenance/listing_by_type",
        MAIN,
        (
            Emit(
                types=("user",),
                key=_TYPE,
                value=members(name=Joined((Field("first_name"), Field("last_name")))),
            ),
            Emit(types=("callflow",), key=_TYPE, value=members("numbers", "patterns")),
            Emit(except_types=("user", "callflow"), key=_TYPE, value=members("name")),
        ),
    ),
    View("maintenance/soft_deletes", MAIN, (Emit(key=_TYPE),), soft_deleted=True),
)

VIEWS: tuple[View, ...] = (
    *design_accounts.VIEWS,
    *design_account.VIEWS,
    *design_listings.VIEWS,
    *design_month.VIEWS,
    *design_entities.VIEWS,
    *design_tasks.VIEWS,
    *design_services.VIEWS,
    *MAINTENANCE,
)
"""Everything declared for Kazoo's databases; what a store is given by default."""
