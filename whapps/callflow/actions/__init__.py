"""The actions of a callflow, one file each, under Kazoo's names.

An action is `async def run(call: Script, data: Data) -> Outcome`; what it may do is in `script.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from mirliton.whapps.callflow.actions import (
    callflow,
    device,
    hangup,
    menu,
    play,
    response,
    ring_group,
    user,
    voicemail,
)
from mirliton.whapps.callflow.script import Data, Outcome, Script

Action = Callable[[Script, Data], Awaitable[Outcome]]

ACTIONS: Final[dict[str, Action]] = {
    "callflow": callflow.run,
    "device": device.run,
    "hangup": hangup.run,
    "menu": menu.run,
    "play": play.run,
    "response": response.run,
    "ring_group": ring_group.run,
    "user": user.run,
    "voicemail": voicemail.run,
}


def action_of(module: str) -> Action | None:
    """The action of that name."""
    return ACTIONS.get(module)
