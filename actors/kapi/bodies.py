"""JSON as it travels in an AMQP message: bytes, maybe compressed, never more than is asked for."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Final

import orjson

from mirliton.actors.kapi.errors import BadBody

MAX_BODY: Final = 1_048_576
"""Bytes, after decompression. Kazoo's largest are queries' answers with all channels of a large account."""
CONTENT_TYPE: Final = "application/json"
_GZIP: Final = 16 + zlib.MAX_WBITS


def packed(headers: Mapping[str, Any]) -> bytes:
    """The body of a message that `to_headers` made."""
    return orjson.dumps(headers)


def unpacked(
    body: bytes, content_type: str | None = None, content_encoding: str | None = None, limit: int = MAX_BODY
) -> Any:
    """The JSON value in a body of at most `limit` bytes. Raises BadBody.

    Kazoo also knows `application/erlang`, Erlang's own terms: refused, as nobody has to send them.
    """
    if content_type not in (None, "", CONTENT_TYPE):
        raise BadBody(f"its type is {content_type[:40]!r}, not {CONTENT_TYPE}", len(body))
    if content_encoding == "gzip":
        plain = _inflated(body, limit)
    elif content_encoding in (None, "", "identity", "utf-8", "UTF-8"):
        plain = body
    else:
        raise BadBody(f"nobody knows its encoding, {content_encoding[:40]!r}", len(body))
    if len(plain) > limit:
        raise BadBody(f"more than {limit} are not read", len(body))
    try:
        return orjson.loads(plain)
    except orjson.JSONDecodeError as error:
        raise BadBody(f"no JSON: {error}", len(body)) from None


def _inflated(body: bytes, limit: int) -> bytes:
    inflate = zlib.decompressobj(_GZIP)
    try:
        return inflate.decompress(body, limit + 1)
    except zlib.error as error:
        raise BadBody(f"it cannot be decompressed: {error}", len(body)) from None
