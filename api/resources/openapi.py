"""`openapi.json`: the description of this API; `docs`: a page to read it and to try it in.

The page is Swagger UI, from the package swagger-ui-py: nothing is fetched from anywhere else, and the page may fetch
nothing but from here.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

import orjson

from mirliton.api.context import Context, Raw, parameter
from mirliton.api.errors import BadIdentifier
from mirliton.api.openapi import describe
from mirliton.api.routing import Route

_ASSETS: Final = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
_SECURE: Final = {
    # Swagger UI writes styles and draws its icons from data.
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Mirliton API</title><link rel="stylesheet" href="docs/swagger-ui.css"></head>
<body><div id="page"></div><script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script></body>
</html>
"""
_START: Final = """SwaggerUIBundle({url: "openapi.json", dom_id: "#page", docExpansion: "none", validatorUrl: null})
"""


async def _description(context: Context) -> Raw:
    return Raw(_described(), "application/json")


async def _page(context: Context) -> Raw:
    return Raw(_PAGE.encode(), "text/html; charset=utf-8", headers=_SECURE)


async def _asset(context: Context) -> Raw:
    name = parameter(context, "asset")
    if name == "start.js":
        return Raw(_START.encode(), "text/javascript")
    if name not in _ASSETS:
        raise BadIdentifier(name)
    return Raw(_content(name), _ASSETS[name])


@cache
def _described() -> bytes:
    # Not at the top: the routes name this module's.
    from mirliton.api.routes import all_routes

    return orjson.dumps(describe(all_routes()))


@cache
def _content(name: str) -> bytes:
    return (files("swagger_ui") / "static" / name).read_bytes()


ROUTES: Final = (
    Route("openapi.json", "openapi", {"GET": _description}, "public"),
    Route("docs", "openapi", {"GET": _page}, "public"),
    Route("docs/{asset}", "openapi", {"GET": _asset}, "public"),
)
