"""`clicktocall`: buttons on a page that ring an extension. Kazoo: cb_clicktocall, without `connect` and `history`."""

from __future__ import annotations

from typing import Final

from mirliton.api.documents import Documents
from mirliton.api.resource import Resource

CLICKTOCALL: Final = Resource("clicktocall", id_name="c2c_id", type="click2call")

ROUTES: Final = Documents(CLICKTOCALL).routes(lists={"GET": "any"})
