"""`groups`: users and devices under one name. Kazoo: cb_groups."""

from __future__ import annotations

from typing import Final

from mirliton.api.documents import Documents
from mirliton.api.resource import Resource

GROUPS: Final = Resource("groups", id_name="group_id", type="group")

ROUTES: Final = Documents(GROUPS).routes(lists={"GET": "any"})
