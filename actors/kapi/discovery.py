"""Telephone numbers that can be bought. Exchange discovery. Kazoo: kapi_discovery."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything


@kapi("discovery.flush", "discovery", "discovery", "discovery.flush")
class Flush:
    """Forget the results of this search."""

    query_id: str


@kapi("discovery.req", "discovery", "discovery", "discovery.request", name="request")
class Req:
    """Which numbers begin with this prefix?"""

    query_id: str
    prefix: str
    offset: int
    quantity: int


@kapi("discovery.number_req", "discovery", "discovery", "discovery.number", name="number")
class NumberReq:
    """Is this number to be had?"""

    number: str


@kapi("discovery.resp", "discovery", name="response")
class Resp:
    """Numbers that are to be had."""

    results: Anything
    query_id: str | None = None
