"""Agents of the queues: what they do, and what nodes ask one another about them. Exchange kapps.

Kazoo: kapi_acdc_agent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar, dataclass_transform

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.routing import needed, segment
from mirliton.actors.kapi.wire import Anything, Seconds


@dataclass(frozen=True, slots=True)
class Action:
    """What is done to an agent, for one queue or all of them; how its presence is shown meanwhile."""

    account_id: str
    agent_id: str
    presence_id: str | None = None
    presence_state: Literal["confirmed", "early", "offline", "online", "terminated", "trying"] | None = None
    queue_id: str | None = None
    time_limit: Seconds | None = None


T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def _action(name: str) -> Callable[[type[T]], type[T]]:
    """What is done to one agent."""
    return kapi(f"acdc_agent.{name}", "agent", "kapps", f"acdc.agent.action.{name}.{{account_id}}.{{agent_id}}")


@kapi("acdc_agent.sync_req", "agent", "kapps", "agent.sync_req.{account_id}.{agent_id}")
class SyncReq:
    """Another process of this agent: what state are you in?"""

    account_id: str
    agent_id: str
    process_id: str | None = None


@kapi("acdc_agent.sync_resp", "agent")
class SyncResp:
    """The state that this process of the agent is in."""

    account_id: str
    agent_id: str
    status: Literal["init", "sync", "ready", "waiting", "ringing", "answered", "wrapup", "paused"]
    call_id: str | None = None
    time_left: Seconds | None = None
    process_id: str | None = None


def _stats_key(request: StatsReq) -> str:
    account = f"acdc.agent.stats_req.{segment(needed(request, 'account_id'))}"
    return f"{account}.{segment(request.agent_id)}" if request.agent_id else account


@kapi("acdc_agent.stats_req", "agent", "kapps", _stats_key, binding="acdc.agent.stats_req.#")
class StatsReq:
    """How are the agents doing? Without an agent: all of the account."""

    account_id: str
    agent_id: str | None = None


@kapi("acdc_agent.stats_resp", "agent")
class StatsResp:
    """Calls and states of the agents."""

    account_id: str
    current_calls: Anything = None
    current_stats: Anything = None
    current_statuses: Anything = None


@_action("login")
class Login(Action):
    """The agent starts to work."""


@_action("logout")
class Logout(Action):
    """The agent stops working."""


@_action("pause")
class Pause(Action):
    """The agent takes no calls for `time_limit` seconds, or until it resumes."""


@_action("resume")
class Resume(Action):
    """The agent takes calls again."""


@_action("end_wrapup")
class EndWrapup(Action):
    """The agent is done with what comes after a call."""


@_action("login_queue")
class LoginQueue(Action):
    """The agent takes calls of this queue."""


@_action("logout_queue")
class LogoutQueue(Action):
    """The agent no longer takes calls of this queue."""


@kapi("acdc_agent.login_resp", "agent")
class LoginResp:
    """What came of a login."""

    status: Literal["init", "sync", "ready", "waiting", "ringing", "answered", "wrapup", "paused"]
