"""What a request says: its body, read within bounds, and the envelope in it.

Whoever has shown no token yet may send only a small body: enough to log in, or to bring a token in the envelope.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiohttp import ClientPayloadError, web

from mirliton.api.errors import InvalidData, ParseError, RequestTimeout, TooLarge, UnsupportedMedia
from mirliton.config import ValidationError
from mirliton.config.guard import unusable

ANONYMOUS_BODY: Final = 64 * 1024
"""Bytes that may be sent without a token."""
READ_TIMEOUT: Final = 20.0
"""Seconds a body may take to arrive."""
VERBS: Final = frozenset({"GET", "PUT", "POST", "PATCH", "DELETE"})
# What `curl -d` says unless it is told otherwise, as in most of Kazoo's examples, is x-www-form-urlencoded.
_JSON_TYPES: Final = frozenset(
    {
        "application/json",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "text/json",
        "text/plain",
    }
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request's envelope: `data` (None where there is none), and what else it may carry."""

    data: Any = None
    auth_token: str | None = None
    verb: str | None = None
    size: int = 0
    action: str | None = None


async def read_raw(request: web.Request, limit: int) -> bytes:
    """The body, `limit` bytes at most. Raises TooLarge, RequestTimeout, ParseError."""
    if (request.content_length or 0) > limit:
        raise TooLarge(limit)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(READ_TIMEOUT):
            async for part in request.content.iter_any():
                size += len(part)
                if size > limit:
                    raise TooLarge(limit)
                parts.append(part)
    except TimeoutError:
        raise RequestTimeout from None
    except (ClientPayloadError, web.RequestPayloadError) as error:
        raise ParseError(f"the body is broken: {type(error).__name__}") from None
    return b"".join(parts)


async def read_envelope(request: web.Request, limit: int) -> Envelope:
    """The envelope of a JSON request; an empty body is an empty envelope.

    Raises what `read_raw` raises, UnsupportedMedia, InvalidData (what is no object).
    """
    if not request.can_read_body:
        return Envelope()
    body = await read_raw(request, limit)
    if not body.strip():
        return Envelope(size=len(body))
    if request.content_type not in _JSON_TYPES:
        raise UnsupportedMedia(request.content_type)
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ParseError(str(error)) from None
    if not isinstance(parsed, dict):
        raise InvalidData([ValidationError((), "type", "must be of type object", {"target": "object"})])
    problems = unusable(parsed.get("data"))
    if problems:
        # Too deep or too much: nothing behind this needs to be afraid of what a client sends.
        raise InvalidData(problems)
    token, verb, action = parsed.get("auth_token"), parsed.get("verb"), parsed.get("action")
    return Envelope(
        parsed.get("data"),
        token if isinstance(token, str) else None,
        verb.upper() if isinstance(verb, str) and verb.upper() in VERBS else None,
        len(body),
        action if isinstance(action, str) else None,
    )


def tunnelled(request: web.Request, envelope: Envelope) -> str:
    """The method that is meant: only a POST may stand for another (Kazoo reference 5.1)."""
    method = request.method.upper()
    if method == "HEAD":
        return "GET"
    if method != "POST":
        return method
    for given in (
        request.headers.get("X-HTTP-Method-Override"),
        request.query.get("verb"),
        envelope.verb,
    ):
        if given is not None and given.upper() in VERBS:
            return given.upper()
    return method
