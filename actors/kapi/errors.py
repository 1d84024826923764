"""What can be wrong with a Kazoo message.

KapiError
├── UnknownMessage      no definition has this category and name
├── InvalidMessage      it has one and breaks it; lists every problem, each with its header
├── BadBody             what arrived is no JSON, or too much
├── NoRoutingKey        a field that the routing key is made of is empty
├── DestinationNeeded   the message goes to one queue, and nobody said which
├── BadAddress          a Server-ID that leads nowhere
└── TooManyRequests     as many requests wait for answers as may
"""

from __future__ import annotations

from dataclasses import dataclass


class KapiError(Exception):
    """A Kazoo message that cannot be read, written or addressed."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one header; `header` is a path such as `Endpoints[1].Endpoint-Timeout`."""

    header: str
    text: str

    def __str__(self) -> str:
        return f"{self.header}: {self.text}"


class UnknownMessage(KapiError):
    """No definition has this Event-Category and Event-Name (for a command: this Application-Name)."""

    def __init__(self, category: str, name: str, application: str | None = None) -> None:
        self.category = category
        self.name = name
        self.application = application
        command = "" if application is None else f" with Application-Name {application[:80]!r}"
        super().__init__(f"no message {category[:80]!r}/{name[:80]!r}{command} is defined")


class InvalidMessage(KapiError):
    """A message breaks its definition.

    `message` is its tag (`kapi.dialplan.bridge`), `problems` are all that were found: at most
    `MAX_PROBLEMS`, so that a hostile message does not buy an endless answer.
    """

    MAX_PROBLEMS = 50

    def __init__(self, message: str, problems: tuple[Problem, ...]) -> None:
        self.message = message
        self.problems = problems
        super().__init__(f"{message}: " + "; ".join(str(problem) for problem in problems))


class NoRoutingKey(KapiError):
    """A field that the routing key is made of is empty."""

    def __init__(self, message: str, field: str) -> None:
        self.message = message
        self.field = field
        super().__init__(f"{message} has no routing key: its {field} is empty")


class DestinationNeeded(KapiError):
    """The exchange is direct: its routing key is the receiver's queue, which the caller has to name."""

    def __init__(self, message: str, exchange: str) -> None:
        self.message = message
        self.exchange = exchange
        super().__init__(f"{message} goes to one queue on exchange {exchange!r}: name the queue")


class BadBody(KapiError):
    """What arrived is no JSON in a form that Kazoo sends, or more of it than is read."""

    def __init__(self, reason: str, size: int) -> None:
        self.reason = reason
        self.size = size
        super().__init__(f"a body of {size} bytes is refused: {reason}")


class BadAddress(KapiError):
    """A Server-ID that leads nowhere."""

    def __init__(self, server_id: str) -> None:
        self.server_id = server_id
        super().__init__(f"{server_id[:80]!r} is neither a queue nor pid://process/queue")


class TooManyRequests(KapiError):
    """As many requests wait for answers as may."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"{limit} requests wait for answers: no more may")
