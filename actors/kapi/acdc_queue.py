"""Callers in a queue and the agents they are offered to. Exchanges callmgr and kapps; most go from process to process.

A caller is a *member*. The queue asks its agents (`MemberConnectReq`), each that is free answers, one wins, rings its
phone and accepts or sends the caller back (`MemberConnectRetry`). Kazoo: kapi_acdc_queue.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything, Header, Seconds, Vars


@kapi("acdc_queue.member_call", "member", "callmgr", "acdc.member.call.{account_id}.{queue_id}", name="call")
class MemberCall:
    """A caller wants into the queue; `call` is the whole of it."""

    account_id: str
    queue_id: str
    call: Vars
    member_priority: int | None = None


@kapi(
    "acdc_queue.member_call_failure",
    "member",
    "callmgr",
    "acdc.member.call_result.{account_id}.{queue_id}.{call_id}",
    name="call_fail",
)
class MemberCallFailure:
    """The caller leaves the queue unserved."""

    account_id: str
    queue_id: str
    call_id: str
    failure_reason: str | None = None
    process_id: str | None = None
    agent_id: str | None = None


@kapi(
    "acdc_queue.member_call_success",
    "member",
    "callmgr",
    "acdc.member.call_result.{account_id}.{queue_id}.{call_id|*}",
    name="call_success",
)
class MemberCallSuccess:
    """The caller was served."""

    account_id: str
    queue_id: str
    process_id: str | None = None
    agent_id: str | None = None
    call_id: str | None = None


@kapi(
    "acdc_queue.member_call_cancel",
    "member",
    "callmgr",
    "acdc.member.call_result.{account_id}.{queue_id}.{call_id}",
    name="call_cancel",
)
class MemberCallCancel:
    """The caller is to leave the queue."""

    call_id: str
    account_id: str
    queue_id: str
    reason: str | None = None


@kapi(
    "acdc_queue.member_connect_req",
    "member",
    "callmgr",
    "acdc.member.connect_req.{account_id}.{queue_id}",
    name="connect_req",
)
class MemberConnectReq:
    """Which agents are free for this caller?"""

    account_id: str
    queue_id: str
    call_id: str
    process_id: str | None = None


@kapi("acdc_queue.member_connect_resp", "member", name="connect_resp")
class MemberConnectResp:
    """This agent is, and has been for `idle_time` seconds."""

    agent_id: str
    idle_time: Seconds | None = None
    process_id: str | None = None


@kapi("acdc_queue.member_connect_win", "member", name="connect_win")
class MemberConnectWin:
    """The caller is yours: ring for `ring_timeout` seconds."""

    queue_id: str
    call: Vars
    ring_timeout: Seconds | None = None
    caller_exit_key: str | None = None
    wrapup_timeout: Seconds | None = None
    cdr_url: Annotated[str | None, Header("CDR-Url")] = None
    process_id: str | None = None
    agent_process_ids: tuple[str, ...] = ()
    record_caller: bool | None = None
    recording_url: str | None = None
    notifications: Vars = field(default_factory=dict)


@kapi("acdc_queue.member_connect_satisfied", "member", name="connect_satisfied")
class MemberConnectSatisfied:
    """The caller went to another."""

    queue_id: str
    call: Vars
    process_id: str | None = None
    agent_process_ids: tuple[str, ...] = ()


@kapi("acdc_queue.agent_timeout", "agent", name="connect_timeout")
class AgentTimeout:
    """The agent did not answer in time."""

    queue_id: str
    call_id: str
    agent_process_ids: tuple[str, ...] = ()


@kapi("acdc_queue.member_connect_accepted", "member", name="connect_accepted")
class MemberConnectAccepted:
    """The agent has the caller."""

    call_id: str
    account_id: str | None = None
    agent_id: str | None = None
    process_id: str | None = None


@kapi("acdc_queue.member_connect_retry", "member", name="connect_retry")
class MemberConnectRetry:
    """The agent does not take the caller: offer it again."""

    call_id: str
    process_id: str | None = None
    agent_id: str | None = None


@kapi("acdc_queue.member_hungup", "member", name="hungup")
class MemberHungup:
    """The caller hung up."""

    call_id: str
    process_id: str | None = None


@kapi("acdc_queue.sync_req", "queue", "kapps", "acdc.queue.sync_req.{account_id}.{queue_id}")
class SyncReq:
    """Another process of this queue: what do you know?"""

    account_id: str
    queue_id: str
    process_id: str | None = None


@kapi("acdc_queue.sync_resp", "queue")
class SyncResp:
    """Its strategy and the state of that."""

    account_id: str
    queue_id: str
    current_strategy: str
    process_id: str | None = None
    strategy_state: Anything = None


@kapi("acdc_queue.agent_change", "queue", "kapps", "acdc.queue.agent_change.{account_id}.{queue_id}")
class AgentChange:
    """An agent of the queue is free, or is not."""

    account_id: str
    agent_id: str
    queue_id: str
    change: Literal["available", "ringing", "busy", "unavailable"]
    process_id: str | None = None


@kapi("acdc_queue.queue_member_add", "queue", "kapps", "acdc.queue.position.{account_id}.{queue_id}", name="member_add")
class QueueMemberAdd:
    """A caller has entered the queue."""

    account_id: str
    queue_id: str
    call: Vars


@kapi(
    "acdc_queue.queue_member_remove",
    "queue",
    "kapps",
    "acdc.queue.position.{account_id}.{queue_id}",
    name="member_remove",
)
class QueueMemberRemove:
    """A caller has left the queue."""

    account_id: str
    queue_id: str
    call_id: str
