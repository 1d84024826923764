"""How often calls end for a cause. Exchange kapps. Kazoo: kapi_hangups."""

from __future__ import annotations

from typing import Annotated

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything, Header


@kapi("hangups.query_req", "hangups", "kapps", "hangups.query")
class QueryReq:
    """How often is this cause seen?"""

    hangup_cause: str
    account_id: str | None = None
    raw_data: bool | None = None


@kapi("hangups.query_resp", "hangups")
class QueryResp:
    """As often as this, per period of minutes."""

    mean: Annotated[Anything, Header("mean")] = None
    one_to_five: Annotated[Anything, Header("one_to_five")] = None
    five_to_fifteen: Annotated[Anything, Header("five_to_fifteen")] = None
    one_to_fifteen: Annotated[Anything, Header("one_to_fifteen")] = None
    start_time: Annotated[int | None, Header("start_time")] = None
    account_id: Annotated[str | None, Header("account_id")] = None
    hangup_cause: Annotated[str | None, Header("hangup_cause")] = None
    one: Annotated[Anything, Header("one")] = None
    five: Annotated[Anything, Header("five")] = None
    fifteen: Annotated[Anything, Header("fifteen")] = None
    day: Annotated[Anything, Header("day")] = None
    count: Annotated[Anything, Header("count")] = None
    meters: Annotated[Anything, Header("meters")] = None
