"""What there is to do: categories and their actions, with Kazoo's names."""

from __future__ import annotations

from typing import Any, Final

from mirliton.whapps.tasks import billing, numbers, rates, services
from mirliton.whapps.tasks.action import Action

ACTIONS: Final = {
    (action.category, action.name): action
    for action in (*billing.ACTIONS, *numbers.ACTIONS, *rates.ACTIONS, *services.ACTIONS)
}


def action_of(category: object, name: object) -> Action | None:
    """The action of these names."""
    return ACTIONS.get((str(category), str(name)))


def offered(category: str | None = None) -> dict[str, dict[str, Any]]:
    """All that there is, as the API tells it: actions by category."""
    found: dict[str, dict[str, Any]] = {}
    for (kind, name), action in sorted(ACTIONS.items()):
        if category is None or kind == category:
            found.setdefault(kind, {})[name] = action.help()
    return found
