"""`blacklists`: callers that are not wanted. Kazoo: cb_blacklists."""

from __future__ import annotations

from typing import Final

from mirliton.api.documents import Documents
from mirliton.api.resource import Resource

BLACKLISTS: Final = Resource("blacklists", id_name="blacklist_id", type="blacklist")

ROUTES: Final = Documents(BLACKLISTS).routes(lists={"GET": "any"})
