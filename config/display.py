"""Settings as plain data, to show: secrets stay hidden."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from mirliton.config.secret import Secret


def describe(settings: Any) -> Any:
    """`settings` (all, or one section) as dicts, lists, numbers and text; a secret shows as `(hidden)` or empty."""
    if is_dataclass(settings):
        return {each.name: describe(getattr(settings, each.name)) for each in fields(settings)}
    if isinstance(settings, tuple):
        return [describe(each) for each in settings]
    if isinstance(settings, Path):
        return str(settings)
    if isinstance(settings, Secret):
        return str(settings) if settings else ""
    return settings
