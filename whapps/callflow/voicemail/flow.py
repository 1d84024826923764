"""A visit as a chain of steps: each takes a state, gives its commands, and answers with the next state or the outcome.

Between two steps stands a mark, so a successor begins with the step it finds, and nothing before it is done again.
Within a step it is the other way round: it is run from its start, with the results of the commands it had given. So a
step may read the store before its first command only for what does not change how many commands there are; what it
decides by reading goes into the next state; and what it writes, it may write twice.
"""

from __future__ import annotations

from typing import Final

from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.voicemail import compose, greetings, inbox, login, recording, settings
from mirliton.whapps.callflow.voicemail.visit import State, Step, Visit

MAX_STEPS: Final = 1000
"""Steps of one visit. No caller presses as many keys; a phone whose keys are stuck does."""

STEPS: Final[dict[str, Step]] = {
    **compose.STEPS,
    **greetings.STEPS,
    **inbox.STEPS,
    **login.STEPS,
    **recording.STEPS,
    **settings.STEPS,
}


async def visit(call: Script, data: Data) -> Outcome:
    """Go from step to step until one of them has the outcome."""
    here = Visit(call, data)
    state: State = call.state or {"at": "begin"}
    while call.checkpoint.mark < MAX_STEPS:
        step = STEPS.get(str(state.get("at")))
        if step is None:
            raise InvalidFlow("voicemail", f"there is no step {state.get('at')!r}")
        after = await step(here, state)
        if not isinstance(after, dict):
            return after
        call.mark(after)
        state = after
    call.log.warning("voicemail_visit_too_long", steps=MAX_STEPS)
    return Next()
