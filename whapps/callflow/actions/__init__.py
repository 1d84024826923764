"""The actions of a callflow, one file each, under Kazoo's names.

An action is `async def run(call: Script, data: Data) -> Outcome`; what it may do is in `script.py`. Every module of
this folder is one: there is no other list of them. docs/callflow.md tells what each does, and what a kill in it costs.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Final

from mirliton.whapps.callflow.script import Data, Outcome, Script

Action = Callable[[Script, Data], Awaitable[Outcome]]

ACTIONS: Final[dict[str, Action]] = {
    found.name: import_module(f"{__name__}.{found.name}").run for found in pkgutil.iter_modules(__path__)
}


def action_of(module: str) -> Action | None:
    """The action of that name."""
    return ACTIONS.get(module)
