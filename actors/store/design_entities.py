"""The view of the entities' database, which is no database of Kazoo's (see entities.py)."""

from __future__ import annotations

from mirliton.actors.store.expressions import Field, members
from mirliton.actors.store.views import Emit, View

VIEWS = (
    View(
        "entities/live",
        ("entities",),
        (Emit(types=("entity",), key=Field("shard"), value=members("kind", "key"), where=(Field("live"),)),),
    ),
)
