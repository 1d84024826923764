"""Messages from outside: read, or else logged with what is wrong, counted and dropped. Nothing else reads a body."""

from __future__ import annotations

from typing import Any, Final

import structlog

from mirliton.actors.kapi.bodies import MAX_BODY, unpacked
from mirliton.actors.kapi.edge import COUNTS, UNKNOWN, read
from mirliton.actors.kapi.envelope import Envelope
from mirliton.actors.kapi.errors import BadBody, InvalidMessage, UnknownMessage
from mirliton.runtime import message

log = structlog.get_logger()
SHOWN: Final = 80


@message("kapi.received")
class Received:
    """A message that came from outside."""

    message: object
    envelope: Envelope
    exchange: str | None = None


def received(
    body: bytes,
    *,
    exchange: str | None = None,
    routing_key: str | None = None,
    content_type: str | None = None,
    content_encoding: str | None = None,
    limit: int = MAX_BODY,
) -> Received | None:
    """The message in a body of at most `limit` bytes, or None: then the log says why, and COUNTS counts it.

    Never raises, whatever the bytes are.
    """
    try:
        headers = unpacked(body, content_type, content_encoding, limit)
    except BadBody as error:
        COUNTS.refused[UNKNOWN] += 1
        _refused(UNKNOWN, str(error), {}, exchange, routing_key)
        return None
    try:
        found, envelope = read(headers, exchange)
    except InvalidMessage as error:
        _refused(error.message, str(error), headers, exchange, routing_key)
        return None
    except UnknownMessage as error:
        _refused(UNKNOWN, str(error), headers, exchange, routing_key)
        return None
    return Received(found, envelope, exchange)


def _refused(tag: str, problem: str, headers: Any, exchange: str | None, routing_key: str | None) -> None:
    sender = headers if isinstance(headers, dict) else {}
    log.warning(
        "kapi.refused",
        message=tag,
        problem=problem,
        exchange=exchange,
        routing_key=routing_key and routing_key[:SHOWN],
        **{field: _shown(sender.get(header)) for field, header in _SENDER},
    )


_SENDER: Final = (("app", "App-Name"), ("node", "Node"), ("msg_id", "Msg-ID"), ("call_id", "Call-ID"))


def _shown(value: object) -> str | None:
    return value[:SHOWN] if isinstance(value, str) else None
