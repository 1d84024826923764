"""What queues and agents tell the world, as Kazoo's acdc does: kapi messages, published where somebody wants them."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.edge import EDGE, Publish
from mirliton.actors.kapi import acdc_stats as stats
from mirliton.actors.kapi.acdc_queue import AgentChange
from mirliton.actors.queueing import AgentIs, Status
from mirliton.actors.store.documents import gregorian
from mirliton.runtime import Process

_STATS: Final[dict[Status, type[stats.StatusStat]]] = {
    "logged_out": stats.StatusLoggedOut,
    "ready": stats.StatusReady,
    "ringing": stats.StatusConnecting,
    "answered": stats.StatusConnected,
    "wrapup": stats.StatusWrapup,
    "paused": stats.StatusPaused,
    "outbound": stats.StatusOutbound,
}
_CHANGES: Final[dict[Status, Any]] = {"ready": "available", "ringing": "ringing", "logged_out": "unavailable"}


def publish(process: Process, message: object) -> None:
    """Tell the world, where there is a way to it."""
    if process.whereis(EDGE) is not None:
        cast = getattr(process, "cast", None) or process.node.cast
        cast(EDGE, Publish(message))


def agent_changed(process: Process, account_id: str, agent: AgentIs, now: float) -> None:
    """An agent is doing something else than before."""
    until = max(0, int(agent.until - now)) if agent.until is not None else None
    publish(
        process,
        _STATS[agent.status](
            account_id,
            agent.agent_id,
            gregorian(now),
            call_id=agent.call_id or None,
            pause_time=until if agent.status == "paused" else None,
            wait_time=until if agent.status == "wrapup" else None,
        ),
    )
    for queue_id in agent.queues:
        publish(process, AgentChange(account_id, agent.agent_id, queue_id, _CHANGES.get(agent.status, "busy")))
