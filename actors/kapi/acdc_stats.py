"""Figures of the queues: what happened to each caller and agent, and questions about it. Exchange kapps.

Kazoo: kapi_acdc_stats.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything, Gregorian, Number, Seconds


@dataclass(frozen=True, slots=True)
class CallStat:
    """The call and the queue that a figure is about."""

    call_id: str
    account_id: str
    queue_id: str


@dataclass(frozen=True, slots=True)
class StatusStat:
    """When an agent came into a state, and what belongs to that state."""

    account_id: str
    agent_id: str
    timestamp: Gregorian
    call_id: str | None = None
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    pause_time: Seconds | None = None
    queue_id: str | None = None
    wait_time: Seconds | None = None


T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def _call(name: str) -> Callable[[type[T]], type[T]]:
    """What happened to one call in a queue."""
    key = "acdc_stats.call.{account_id}.{queue_id}"
    return kapi(f"acdc_stats.call_{name}", "acdc_call_stat", "kapps", key, name=name)


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def _status(name: str) -> Callable[[type[T]], type[T]]:
    """The state that one agent is in."""
    key = "acdc_stats.status.{account_id}.{agent_id}"
    return kapi(f"acdc_stats.status_{name}", "acdc_status_stat", "kapps", key, name=name)


@_call("waiting")
class CallWaiting(CallStat):
    """A caller began to wait."""

    caller_id_name: str | None = None
    caller_id_number: str | None = None
    entered_timestamp: Gregorian | None = None
    caller_priority: Number | None = None


@_call("missed")
class CallMissed(CallStat):
    """An agent did not take a caller."""

    agent_id: str | None = None
    miss_reason: str | None = None
    miss_timestamp: Gregorian | None = None


@_call("abandoned")
class CallAbandoned(CallStat):
    """A caller gave up."""

    abandon_reason: str | None = None
    abandon_timestamp: Gregorian | None = None


@_call("handled")
class CallHandled(CallStat):
    """A caller got an agent."""

    agent_id: str | None = None
    handled_timestamp: Gregorian | None = None


@_call("processed")
class CallProcessed(CallStat):
    """A caller and its agent are done."""

    agent_id: str | None = None
    processed_timestamp: Gregorian | None = None
    hung_up_by: str | None = None


@_call("flush")
class CallFlush(CallStat):
    """Forget this call."""


@kapi("acdc_stats.current_calls_req", "acdc_stat", "kapps", "acdc_stats.query_call.{account_id}.{queue_id|all}")
class CurrentCallsReq:
    """Which calls are there, or were?"""

    account_id: str
    queue_id: str | None = None
    agent_id: str | None = None
    status: str | None = None
    start_range: Gregorian | None = None
    end_range: Gregorian | None = None


@kapi("acdc_stats.current_calls_err", "acdc_stat")
class CurrentCallsErr:
    """The question about calls cannot be answered."""

    error_reason: str


@kapi("acdc_stats.current_calls_resp", "acdc_stat")
class CurrentCallsResp:
    """Calls by what became of them."""

    query_time: int
    waiting: Anything = None
    handled: Anything = None
    abandoned: Anything = None
    processed: Anything = None


@kapi("acdc_stats.average_wait_time_req", "acdc_stat", "kapps", "acdc_stats.query_call.{account_id}.{queue_id}")
class AverageWaitTimeReq:
    """How long did callers wait in the last `window` seconds?"""

    account_id: str
    queue_id: str
    window: Seconds | None = None


@kapi("acdc_stats.average_wait_time_err", "acdc_stat")
class AverageWaitTimeErr:
    """The question about waiting cannot be answered."""

    error_reason: str


@kapi("acdc_stats.average_wait_time_resp", "acdc_stat")
class AverageWaitTimeResp:
    """Seconds that callers waited."""

    average_wait_time: Seconds


@kapi("acdc_stats.status_req", "acdc_stat", "kapps", "acdc_stats.query_status.{account_id}.{agent_id|all}")
class StatusReq:
    """Which states are the agents in, or were?"""

    account_id: str
    agent_id: str | None = None
    start_range: Gregorian | None = None
    end_range: Gregorian | None = None
    status: str | None = None
    limit: Number | None = None


@kapi("acdc_stats.status_err", "acdc_stat")
class StatusErr:
    """The question about agents cannot be answered."""

    error_reason: str


@kapi("acdc_stats.status_resp", "acdc_stat")
class StatusResp:
    """States by agent."""

    agents: Anything


@_status("logged_in")
class StatusLoggedIn(StatusStat):
    """The agent works."""


@_status("logged_out")
class StatusLoggedOut(StatusStat):
    """The agent does not work."""


@_status("pending_logged_out")
class StatusPendingLoggedOut(StatusStat):
    """The agent stops after its call."""


@_status("ready")
class StatusReady(StatusStat):
    """The agent is free."""


@_status("connecting")
class StatusConnecting(StatusStat):
    """The agent's phone rings."""


@_status("connected")
class StatusConnected(StatusStat):
    """The agent talks."""


@_status("wrapup")
class StatusWrapup(StatusStat):
    """The agent finishes what comes after a call."""


@_status("paused")
class StatusPaused(StatusStat):
    """The agent rests."""


@_status("outbound")
class StatusOutbound(StatusStat):
    """The agent is in a call of its own."""
