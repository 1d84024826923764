"""acdc_agent: an agent logs in or out, pauses or resumes, by phone. Kazoo: cf_acdc_agent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mirliton.actors.kapi.acdc_agent import Login, Logout, Pause, Resume
from mirliton.actors.kapi.dialplan import Answer
from mirliton.actors.presence import LAMP_STATES, LampState
from mirliton.actors.queueing import AgentIs, AskAgent
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.lamps import set_by_hand
from mirliton.whapps.callflow.queueing import ask_agent, user_of
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.talking import tell

_TELLS: Final = {
    "login": "agent-logged_in",
    "logout": "agent-logged_out",
    "paused": "agent-pause",
    "resume": "agent-resume",
}
_LAMPS: Final[dict[str, LampState]] = {
    "login": "terminated",
    "logout": "confirmed",
    "paused": "early",
    "resume": "terminated",
}
_WISHES: Final[dict[str, LampState]] = {
    **{state: state for state in LAMP_STATES},
    "green": "terminated",
    "red_flash": "early",
    "red_solid": "confirmed",
}
NOT_AN_AGENT: Final = "agent-not_call_center_agent"
ALREADY: Final = "agent-logged_already_in"
INVALID: Final = "agent-invalid_choice"


async def run(call: Script, data: Data) -> Outcome:
    """`action` (login, logout, paused, resume), `timeout` (seconds of a pause; without it, until the agent resumes),
    `presence_id` (a lamp that shows what was done), `presence_state` (how; else ready is out, paused blinks, and who is
    logged out is lit). The agent is the caller's user. Child: `_`.

    The state is whether the agent was at work before: one who logs in hears that it was new, whoever is killed.
    """
    agent_id, action = await user_of(call), data.get("action")
    if call.state is None:
        await call.execute(Answer(call.id))
        before = await ask_agent(call, agent_id, AskAgent()) if agent_id is not None else None
        call.mark(isinstance(before, AgentIs) and before.status != "logged_out")
    await call.safe()
    if agent_id is None:
        await tell(call, NOT_AN_AGENT)
    elif not isinstance(action, str) or action not in _TELLS:
        await tell(call, INVALID)
    else:
        told = await _done(call, data, agent_id, action)
        if told in _TELLS.values():
            await _light(call, data, action)
        await tell(call, told)
    return Next()


async def _done(call: Script, data: Data, agent_id: str, action: str) -> str:
    """Do it, perhaps once more; the prompt that says so."""
    make: dict[str, Callable[[str, str], Any]] = {
        "login": Login,
        "logout": Logout,
        "paused": lambda account, agent: Pause(account, agent, time_limit=_seconds(data)),
        "resume": Resume,
    }
    after = await ask_agent(call, agent_id, make[action](call.account_id, agent_id))
    if not isinstance(after, AgentIs):
        call.log.error("agent_not_changed", agent_id=agent_id, action=action)
        return INVALID
    if action == "login" and call.state:
        return ALREADY
    if action in ("paused", "resume") and not call.state:
        return NOT_AN_AGENT
    return _TELLS[action]


async def _light(call: Script, data: Data, action: str) -> None:
    presence_id, wish = text(data, "presence_id"), text(data, "presence_state")
    if presence_id is not None:
        await set_by_hand(call, presence_id, _WISHES.get(wish or "", _LAMPS[action]))


def _seconds(data: Data) -> float | None:
    wish = data.get("timeout")
    return float(wish) if isinstance(wish, int) and not isinstance(wish, bool) and wish > 0 else None
