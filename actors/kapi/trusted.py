"""Addresses that the SIP proxy need not challenge. Exchange trusted. Kazoo: kapi_trusted."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything


@kapi("trusted.query", "trusted", "trusted", "trusted.query")
class Query:
    """Who is trusted?"""

    server_id: str


@kapi("trusted.reply", "trusted")
class Reply:
    """These, each with its networks and token."""

    trusted: Anything


@kapi("trusted.reload", "trusted", "trusted", "trusted.reload")
class Reload:
    """The list has changed."""
