"""What callers in a queue, the queue and its agents say to one another.

    executor → queue      JoinQueue (answered Joined or NotJoined), LeaveQueue
    queue → executor      Offered, TurnedOut
    queue → agent         Reserve (answered Granted), Release, TellQueue
    agent → queue         AgentIs
    anybody → agent       kapi's Login, Logout, Pause, Resume, EndWrapup, LoginQueue, LogoutQueue (answered AgentIs)

Queues and agents are entities: whoever sends them something has them started. All of it may be said twice. A caller is
a *member*; an *offer* is one try to have some agents take one member.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from mirliton.runtime import Address, GenServer, Name, message

AGENTS: Final = "agents of queues"
"""The group of the agents that run."""

QUEUE_VAR: Final = "Queue-ID"
"""Custom-Channel-Var of a member's leg: the queue that it waits in. Also of an agent's that is rung for a member."""
MEMBER_VAR: Final = "Member-Call-ID"
"""Custom-Channel-Var of an agent's leg: the member it is rung for."""
AGENT_VAR: Final = "Agent-ID"
WRAPUP_VAR: Final = "Agent-Wrapup-Time"
"""Custom-Channel-Var of an agent's leg: the seconds after the call in which the agent is left alone."""

Status = Literal["logged_out", "ready", "ringing", "answered", "wrapup", "paused", "outbound"]
"""What an agent is doing (Kazoo's states of an agent)."""


def queue_name(account_id: str, queue_id: str) -> Name:
    """The actor of a queue. Tenants choose ids, so the account is part of the name."""
    return Name("queue", f"{account_id}/{queue_id}")


def agent_name(account_id: str, agent_id: str) -> Name:
    """The actor of an agent, who is a user of the account."""
    return Name("agent", f"{account_id}/{agent_id}")


def ids_of(key: str) -> tuple[str, str]:
    """Of the key of such a name: the account, and the queue or agent."""
    account_id, _, own = key.partition("/")
    return account_id, own


def cast_if_there(process: GenServer, name: Name, request: Any) -> None:
    """Cast to one that runs, or is being restarted. Another is not started for it: when it starts, it asks itself."""
    if process.whereis(name) is not None or process.node.registry.reserved(name):
        process.cast(name, request)


def vars_of_a_call_for(agent_id: str, queue_id: str, call_id: str, wrapup: int) -> Mapping[str, Any]:
    """Custom-Channel-Vars of a leg by which an agent is rung for a member; `wrapup` in seconds."""
    return {AGENT_VAR: agent_id, QUEUE_VAR: queue_id, MEMBER_VAR: call_id, WRAPUP_VAR: str(wrapup)}


@message("queue.join")
class JoinQueue:
    """A member waits. Said on entering, after an offer that came to nothing (`offer`, and for which `cause`), whenever
    the queue is new, and now and then.

    `entered` is the unix time of its first coming, None then. `member` is who is told of offers.
    """

    call_id: str
    member: Address
    entered: float | None = None
    priority: int = 0
    offer: str = ""
    agents: tuple[str, ...] = ()
    cause: str = ""


@message("queue.joined")
class Joined:
    """The member is in the queue since `entered`; `position` counts from 1."""

    entered: float
    position: int


@message("queue.not_joined")
class NotJoined:
    """The queue takes no more members, or has no agents."""

    reason: Literal["full", "empty"]


@message("queue.leave")
class LeaveQueue:
    """The member is out: served, gone, or going on in its callflow. `agents` are those of the offer it had taken."""

    call_id: str
    reason: Literal["served", "member_hungup", "member_exit", "member_timeout", "member_exit_empty"]
    offer: str = ""
    agents: tuple[str, ...] = ()


@message("queue.offered")
class Offered:
    """These agents are kept free for the member: ring them. Said again until the member says what came of it."""

    queue_id: str
    offer: str
    agents: tuple[str, ...]


@message("queue.turned_out")
class TurnedOut:
    """No agents are left, and the queue does not let callers wait for them."""

    queue_id: str


@message("queue.reserve")
class Reserve:
    """Will the agent take this member? Kept for `patience` seconds, in which a phone of the agent must ring."""

    queue: Address
    queue_id: str
    call_id: str
    offer: str
    patience: float


@message("queue.granted")
class Granted:
    """Whether the agent is kept free for the member."""

    agent_id: str
    granted: bool


@message("queue.release")
class Release:
    """The offer is over for this agent; `missed`: because it did not answer."""

    call_id: str
    offer: str
    missed: bool
    cause: str = ""


@message("queue.tell")
class TellQueue:
    """This queue wants to know how the agent is."""

    queue: Address
    queue_id: str


@message("agent.is")
class AgentIs:
    """An agent, now. `idle_since` is the unix time of the end of its last call or of its login, `offered_at` that of
    the last offer; `call_id` is the member that it is kept free for (by `offer`), rung for or talks with; `until` the
    unix time when a pause or a wrap-up ends, if ever."""

    agent_id: str
    status: Status
    idle_since: float = 0.0
    offered_at: float = 0.0
    call_id: str = ""
    until: float | None = None
    queues: tuple[str, ...] = ()
    offer: str = ""


@message("agent.ask")
class AskAgent:
    """How is the agent? Answered with AgentIs."""


@message("agent.reload")
class ReloadAgent:
    """The agent's user document has changed: its queues, perhaps."""


@message("agent.recheck")
class RecheckLegs:
    """What happened to the agent's legs may have been missed: ask the channel table."""


@message("agent.leg")
class AgentLeg:
    """Something happened to a leg of the agent's phones (`event` is a kapi call event)."""

    event: Any


@message("queue.reload")
class ReloadQueue:
    """The queue's document has changed."""


@message("queue.ask")
class AskQueue:
    """How is the queue? Answered with QueueIs."""


@message("queue.is")
class QueueIs:
    """The members that wait, the next one first, those that are being offered, and how the agents are."""

    waiting: tuple[str, ...]
    offered: Mapping[str, tuple[str, ...]]
    agents: Mapping[str, Status]
