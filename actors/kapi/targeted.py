"""Answers: to the queue in the request's Server-ID, over the exchange `targeted`, with the request's Msg-ID.

Thousands of processes share one queue. A Server-ID of theirs is `pid://process/queue`: an answer to it goes to the
queue with the process in the AMQP header Deliver-To-PID, and whoever owns the queue hands it on. `consumer://…` is
the same for an answer that has to go back through a connection to another broker, which the process holds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from mirliton.actors.kapi.envelope import Envelope
from mirliton.actors.kapi.errors import BadAddress

EXCHANGE: Final = "targeted"
DELIVER_TO: Final = "Deliver-To-PID"
"""The AMQP header (not one of the message's) that names the process."""
MAX_QUEUE: Final = 255
"""Bytes of a routing key, by AMQP."""


class Target(NamedTuple):
    """Where an answer goes."""

    queue: str
    process: str | None = None
    """For Deliver-To-PID."""
    through: str | None = None
    """The process whose connection leads there; None: any."""


def target_of(server_id: str) -> Target:
    """What a Server-ID says. Raises BadAddress for one that leads nowhere."""
    scheme, separator, rest = server_id.partition("://")
    if not separator:
        return Target(_queue(server_id, server_id))
    process, _, queue = rest.rpartition("/")
    if not process or scheme not in ("pid", "consumer"):
        raise BadAddress(server_id)
    found = _queue(queue, server_id)
    return Target(found, process=process) if scheme == "pid" else Target(found, through=process)


def server_id(process: str, queue: str) -> str:
    """The Server-ID of a process that is reached through a queue. Raises BadAddress for a queue with a slash."""
    made = f"pid://{process}/{queue}"
    if "/" in queue or not process:
        raise BadAddress(made)
    return made


def answering(request: Envelope, answer: Envelope | None = None) -> Envelope:
    """The envelope of an answer (`answer`, or a new one), with what tells the asker that it is one."""
    return replace(answer or Envelope(), msg_id=request.msg_id)


def _queue(name: str, server_id: str) -> str:
    if not name or len(name.encode()) > MAX_QUEUE:
        raise BadAddress(server_id)
    return name
