"""docs/api.md promises no resource that is not there."""

import re
from pathlib import Path

from mirliton.api.routes import all_routes

ROOT = Path(__file__).resolve().parents[2]


def test_every_resource_of_the_table_is_served():
    table = (ROOT / "docs" / "api.md").read_text().split("| resource | left out")[1].split("\n\n")[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    served = {route.resource for route in all_routes()}
    assert len(named) > 25
    assert named <= served
