"""What the edge's process is told and asked."""

from __future__ import annotations

from dataclasses import field

from mirliton.actors.kapi.envelope import Envelope
from mirliton.actors.kapi.inbox import Received
from mirliton.actors.kapi.requests import CALL_TIMEOUT
from mirliton.runtime import message


@message("edge.publish")
class Publish:
    """Cast: publish a Kazoo message, if its family goes out. `to` is the queue where the message has no key.

    With `answers_here` those who answer do so to the edge's own queue: what comes there goes to whoever listens for it.
    """

    message: object
    to: str | None = None
    envelope: Envelope | None = None
    answers_here: bool = False


@message("edge.answer")
class Answer:
    """Cast: answer a request. It goes to the request's Server-ID, with its Msg-ID.

    `deferred` says: take it only if nobody else answers. `delay` is in seconds: stock Kamailio loses answers that come
    within two milliseconds of its question.
    """

    message: object
    request: Envelope
    deferred: bool = False
    delay: float = 0.0
    envelope: Envelope | None = None


@message("edge.ask")
class Ask:
    """Call: publish a request, whoever listens, and wait for answers. Answered with Answers.

    With `wanted` None the first answer ends it, or a deferred one when `timeout` (seconds) is up; with a number, that
    many answers do. Give the call itself a longer timeout.
    """

    message: object
    timeout: float = CALL_TIMEOUT
    wanted: int | None = None
    to: str | None = None
    envelope: Envelope | None = None


@message("edge.answers")
class Answers:
    """What came of an Ask."""

    answers: tuple[Received, ...]
    complete: bool
    """False: the time was up before all came. False with no answers, too, when the broker is away."""


@message("edge.broker_up")
class BrokerUp:
    """A broker is there, or is there again; what was bound before is bound."""

    broker: str


@message("edge.status")
class EdgeStatus:
    """Call: how is the edge? Answered with an EdgeIs."""


@message("edge.is")
class EdgeIs:
    """The edge, now."""

    connected: bool
    """Whether any broker is there."""
    queue: str
    waiting: int
    """Requests that wait for answers."""
    published: int
    dropped: int
    """Messages that were to go out while the broker was away or could not keep up."""
    unwanted: int
    """Messages of families that nobody listens to."""
    unmatched: int
    """Answers that nobody waited for, and messages for processes that never gave their address out."""
    brokers: dict[str, bool] = field(default_factory=dict)
    """Each broker, and whether it is there."""
