"""What an answer looks like: Crossbar's envelope (Kazoo reference 5.1), its headers, and 304 for the unchanged."""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final
from urllib.parse import quote

import orjson
from aiohttp import web

from mirliton.api.context import Answer, Context, Raw
from mirliton.api.errors import ApiFault

PRETTY: Final = orjson.OPT_INDENT_2
_TRUE: Final = frozenset({"true", "1", "yes"})

ALLOWED_HEADERS: Final = "Content-Type, Depth, User-Agent, X-Http-Method-Override, X-File-Size, X-Requested-With, \
If-Modified-Since, If-Match, If-None-Match, X-File-Name, Cache-Control, X-Auth-Token, Authorization, X-Request-ID, \
X-Pretty-Print"
_CORS: Final = {
    # No cookie is ever looked at, so a foreign page can do nothing but what its user gave it a token for.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Content-Type, X-Auth-Token, X-Request-ID, Location, ETag, Retry-After",
}


def _version() -> str:
    try:
        return version("mirliton")
    except PackageNotFoundError:
        return "unknown"


VERSION: Final = _version()


def preflight() -> web.Response:
    """The answer to OPTIONS: any page may ask, with any method and our headers."""
    return web.Response(
        status=200,
        headers={
            **_CORS,
            "Access-Control-Allow-Methods": "GET, PUT, POST, PATCH, DELETE, OPTIONS",
            "Access-Control-Allow-Headers": ALLOWED_HEADERS,
            "Access-Control-Max-Age": "86400",
        },
    )


def wants_pretty(request: web.Request) -> bool:
    """Whether the JSON is for human eyes."""
    asked = request.headers.get("X-Pretty-Print") or request.query.get("pretty_print") or ""
    return asked.lower() in _TRUE


def success(context: Context, answer: Answer | Raw) -> web.Response:
    """The answer to a request that was carried out."""
    headers = {**_CORS, "X-Request-ID": context.request_id}
    if isinstance(answer, Raw):
        return _raw(answer, headers)
    data = _dump(answer.data, 0)
    revision = answer.revision or hashlib.blake2s(data, digest_size=12).hexdigest()
    headers["ETag"] = f'"{revision}"'
    if context.method == "GET" and matches(context.request.headers.get("If-None-Match"), revision):
        return web.Response(status=304, headers=headers)
    body: dict[str, Any] = {}
    if answer.page is not None:
        body["page_size"] = answer.page.size
        body |= {"start_key": answer.page.start_key} if answer.page.start_key is not None else {}
        body |= {"next_start_key": answer.page.next_start_key} if answer.page.next_start_key is not None else {}
    body["data"] = answer.data if wants_pretty(context.request) else orjson.Fragment(data)
    body["revision"] = revision
    token = answer.auth_token or (context.identity.token if context.identity is not None else None)
    if token is not None:
        body["auth_token"] = token
    if context.spent is not None:
        body["tokens"] = {"consumed": context.spent.consumed, "remaining": context.spent.remaining}
    if answer.location is not None:
        headers["Location"] = answer.location
    return _json(
        body | _about(context.request_id, context.services.node.name, "success"),
        answer.status,
        headers,
        context.request,
    )


def failure(request: web.Request, request_id: str, node: str, fault: ApiFault) -> web.Response:
    """The answer to a request that was refused."""
    body = {
        "data": fault.data,
        "error": str(fault.status),
        "message": fault.name,
        **_about(request_id, node, "fatal" if fault.status == 500 else "error"),
    }
    headers = {**_CORS, "X-Request-ID": request_id, **fault.headers}
    return _json(body, fault.status, headers, request)


def matches(header: str | None, revision: str) -> bool:
    """Whether an If-Match or If-None-Match names this revision (RFC 9110, 13.1)."""
    if header is None:
        return False
    named = [re.sub(r'^(W/)?"?|"?$', "", tag.strip()) for tag in header.split(",")]
    return revision in named or "*" in named


def _about(request_id: str, node: str, status: str) -> dict[str, Any]:
    return {
        "status": status,
        "request_id": request_id,
        "node": node,
        "timestamp": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "version": VERSION,
    }


def _json(body: Mapping[str, Any], status: int, headers: dict[str, str], request: web.Request) -> web.Response:
    text = _dump(body, PRETTY if wants_pretty(request) else 0)
    return web.Response(body=text, status=status, headers=headers, content_type="application/json")


def _dump(value: Any, option: int) -> bytes:
    return orjson.dumps(value, default=str, option=option | orjson.OPT_NON_STR_KEYS)


def _raw(answer: Raw, headers: dict[str, str]) -> web.Response:
    headers |= {**answer.headers, "Content-Type": answer.content_type}
    headers["X-Content-Type-Options"] = "nosniff"
    if answer.filename is not None:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(answer.filename, safe='')}"
    return web.Response(body=answer.body, status=answer.status, headers=headers)
