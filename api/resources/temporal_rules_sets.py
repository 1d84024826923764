"""`temporal_rules_sets`: rules that are asked together. Kazoo: cb_temporal_rules_sets."""

from __future__ import annotations

from typing import Final

from mirliton.api.documents import Documents
from mirliton.api.resource import Resource

TEMPORAL_RULES_SETS: Final = Resource("temporal_rules_sets", id_name="temporal_rule_set", type="temporal_rule_set")

ROUTES: Final = Documents(TEMPORAL_RULES_SETS).routes(lists={"GET": "any"})
