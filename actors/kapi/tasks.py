"""Long jobs over many documents. Exchange tasks. Kazoo: kapi_tasks."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything


@kapi("tasks.lookup_req", "tasks", "tasks", "tasks.lookup")
class LookupReq:
    """Which tasks are there?"""

    category: str | None = None
    action: str | None = None


@kapi("tasks.lookup_resp", "tasks")
class LookupResp:
    """These."""

    help: Anything


@kapi("tasks.start_req", "tasks", "tasks", "tasks.start")
class StartReq:
    """Start this task."""

    task_id: str


@kapi("tasks.start_resp", "tasks")
class StartResp:
    """What came of it."""

    reply: Anything


@kapi("tasks.stop_req", "tasks", "tasks", "tasks.stop")
class StopReq:
    """Stop this task."""

    task_id: str


@kapi("tasks.stop_resp", "tasks")
class StopResp:
    """What came of it."""

    reply: Anything


@kapi("tasks.remove_req", "tasks", "tasks", "tasks.remove")
class RemoveReq:
    """Remove this task."""

    task_id: str


@kapi("tasks.remove_resp", "tasks")
class RemoveResp:
    """What came of it."""

    reply: Anything
