"""`temporal_rules`: when something holds. Kazoo: cb_temporal_rules."""

from __future__ import annotations

from typing import Final

from mirliton.api.documents import Documents
from mirliton.api.resource import Resource

TEMPORAL_RULES: Final = Resource("temporal_rules", id_name="temporal_rule_id", type="temporal_rule")

ROUTES: Final = Documents(TEMPORAL_RULES).routes(lists={"GET": "any"})
