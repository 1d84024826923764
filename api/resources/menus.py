"""`menus`: what a caller hears and may press. Kazoo: cb_menus."""

from __future__ import annotations

from typing import Final

from mirliton.api.documents import Documents
from mirliton.api.resource import Resource

MENUS: Final = Resource("menus", id_name="menu_id", type="menu")

ROUTES: Final = Documents(MENUS).routes(lists={"GET": "any"})
