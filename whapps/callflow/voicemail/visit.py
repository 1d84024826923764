"""What every step of a visit is given: the call, the action's data, mailboxes, messages, and the time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import milliseconds
from mirliton.whapps.callflow.media import prompt
from mirliton.whapps.callflow.script import Data, Outcome, Script
from mirliton.whapps.callflow.talking import NEXT_DIGIT, ask_digits, ask_key
from mirliton.whapps.callflow.voicemail.box import Box, open_box
from mirliton.whapps.callflow.voicemail.messages import Messages

State = dict[str, Any]
"""Where a visit is: `at` names the step, the rest is the step's. Plain JSON, since it is kept in the checkpoint."""


class Visit:
    """One run of the action."""

    def __init__(self, call: Script, data: Data) -> None:
        self.call = call
        self.data = data
        self.messages = Messages(call, self.now)

    def now(self) -> float:
        """Unix seconds. Only for what is noted in the next state before anything else depends on it."""
        return float(self.call.process.node.clock.time())

    async def box(self, box_id: str) -> Box:
        """The mailbox as it is now. Raises InvalidFlow where it is gone."""
        box = await open_box(self.call, box_id, self.data)
        if box is None:
            raise InvalidFlow(f"mailbox {box_id}", "it does not exist")
        return box

    async def key(self, prompt_id: str) -> str:
        """Play a prompt and wait for a key; "" when none comes."""
        return await ask_key(self.call, prompt(self.call, prompt_id))

    async def digits(self, prompt_id: str, most: int) -> str:
        """Play a prompt and collect digits."""
        between = milliseconds(self.data, "interdigit_timeout", NEXT_DIGIT)
        return await ask_digits(self.call, prompt(self.call, prompt_id), most, between=between)


Step = Callable[[Visit, State], Awaitable[State | Outcome]]
