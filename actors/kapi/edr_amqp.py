"""Event records: what somebody might want to know later. Exchange kapps. Kazoo: kapi_edr_amqp."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything, Vars


@kapi("edr_amqp.event", "edr", "kapps", "edr.{severity}.{verbosity}.{account_id|system}")
class Event:
    """Something happened."""

    body: Vars
    id: str
    severity: str
    timestamp: str
    gregorian_time: int
    verbosity: str
    node: str
    account_id: str | None = None
    account_tree: Anything = None
