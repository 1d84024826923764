"""What PATCH does: objects merge member by member, null removes, everything else replaces."""

from __future__ import annotations

from typing import Any


def merged(base: Any, change: Any) -> Any:
    """`base` with `change` merged in; neither is changed.

    Goes as deep as `change` does, which the caller has bounded.
    """
    if not isinstance(change, dict):
        return change
    result = dict(base) if isinstance(base, dict) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
