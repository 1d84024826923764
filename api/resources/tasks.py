"""`tasks`: what is done in the background, row by row, with a table in and a table out. Kazoo: cb_tasks.

GET    tasks[?category=…]                       what there is to do (also without an account)
GET    accounts/{id}/tasks                      the account's tasks
PUT    accounts/{id}/tasks?category=…&action=…  make one; the input as CSV (text/csv) or `records` of the data
GET    …/tasks/{task_id}                        how far it is; as a table (Accept: text/csv) its output, or
                                                with csv_name=in.csv its input
PATCH  …/tasks/{task_id}                        start it; one that was stopped goes on
PATCH  …/tasks/{task_id}/stop                   stop it after the row that is being done
DELETE …/tasks/{task_id}                        one that is not being carried out
GET    …/tasks/{task_id}/input, …/output        the tables; what there is of the output so far
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

from mirliton.actors.store import Conflict, DatabaseNotFound, Document, NotFound
from mirliton.api import audit
from mirliton.api.body import read_envelope, read_raw
from mirliton.api.context import Answer, Context, Raw, parameter
from mirliton.api.errors import BadIdentifier, DatastoreConflict, Forbidden, InvalidData
from mirliton.api.filters import filters_of
from mirliton.api.paging import Listing, page, wanted
from mirliton.api.rights import is_master
from mirliton.api.routing import Route
from mirliton.api.tables import wants_csv
from mirliton.whapps.tasks import record, table
from mirliton.whapps.tasks.action import Action
from mirliton.whapps.tasks.catalogue import action_of, offered
from mirliton.whapps.tasks.record import DATABASE, INPUT, OUTPUT, TASKS, LookForTasks

MOST_TASKS: Final = 1000
"""Tasks of an account that are kept; whoever wants more deletes some."""
_CSV: Final = frozenset({"text/csv", "text/comma-separated-values"})
_CONTENT: Final = "text/csv; charset=utf-8"


async def _help(context: Context) -> Answer:
    category = context.query.get("category")
    found = offered(category)
    if category is not None and not found:
        raise InvalidData.of("category", "enum", "there is no such category", target=sorted(offered()))
    return Answer({"tasks": found} if category is None else found[category])


async def _list(context: Context) -> Answer:
    tests = filters_of(context.query.items())
    asked = wanted(context.query, context.services.settings.page_size, newest_first=True)
    source = Listing((DATABASE,), "tasks/listing_by_account", [context.account_id], [context.account_id, {}])

    def keep(row: Any) -> bool:
        return all(test(row.value) for test in tests)

    rows, place = await page(context.store, source, asked, keep=keep if tests else None)
    return Answer([{key: value for key, value in row.value.items() if value is not None} for row in rows], page=place)


async def _create(context: Context) -> Answer:
    action = action_of(context.query.get("category"), context.query.get("action"))
    if action is None:
        category = context.query.get("category")
        known = offered(category)
        if category is not None and known:
            raise InvalidData.of("action", "enum", "there is no such action", target=sorted(known[category]))
        raise InvalidData.of("category", "enum", "there is no such category", target=sorted(offered()))
    if action.masters and not await is_master(context.who, context.store):
        raise Forbidden
    data, file_name = await _input(context, action)
    total = await _judged(action, data) if data is not None else None
    store = context.store
    await store.create_database(DATABASE)
    kept = await store.view(
        DATABASE,
        "tasks/listing_by_account",
        startkey=[context.account_id],
        endkey=[context.account_id, {}],
        limit=MOST_TASKS,
    )
    if len(kept.rows) >= MOST_TASKS:
        raise InvalidData.of("data", "maxItems", f"the account has {MOST_TASKS} tasks; delete some", target=MOST_TASKS)
    doc = record.made(
        action.category,
        action.name,
        context.account_id,
        context.who.account_id,
        total=total,
        file_name=file_name,
        now=context.services.now(),
    )
    await audit.note(context, "task_created", task=doc["_id"], what=f"{action.category}/{action.name}")
    if data is not None:  # first: a task without its input could be started
        await store.put_attachment(DATABASE, doc["_id"], INPUT, "text/csv", data)
        there = await store.get(DATABASE, doc["_id"])
        doc = {**doc, "_rev": there["_rev"], "_attachments": there["_attachments"]}
    doc = {**doc, "_rev": await store.put(DATABASE, doc)}
    return _shown(doc, 201)


async def _input(context: Context, action: Action) -> tuple[bytes | None, str | None]:
    """The input as CSV, and what its file is called."""
    limit = context.services.settings.max_body
    name = context.query.get("file_name") or context.request.headers.get("X-File-Name")
    file_name = re.sub(r"[^A-Za-z0-9._ -]", "_", name[:128]) if name else None
    if context.request.content_type in _CSV:
        data: bytes | None = await read_raw(context.request, limit)
    else:
        data, file_name = await _records(context, limit, file_name)
    if action.row is None:
        if data:
            raise InvalidData.of("data", "unknown", "this action takes no input")
        return None, file_name
    if not data:
        raise InvalidData.of("data", "required", "this action needs rows: as text/csv, or as records")
    return data, file_name


async def _records(context: Context, limit: int, file_name: str | None) -> tuple[bytes | None, str | None]:
    """The rows of a JSON request as CSV."""
    envelope = await read_envelope(context.request, limit)
    context.size = envelope.size
    given = envelope.data if envelope.data is not None else {}
    conformed = await context.conform("tasks", given)
    if not conformed.ok:
        raise InvalidData(conformed.errors)
    records = conformed.document.get("records")
    if not records:
        return None, file_name
    headings = list(dict.fromkeys(str(key) for row in records for key in row))
    named = conformed.document.get("file_name")
    text = await asyncio.to_thread(table.write, headings, records)
    return text.encode(), named[:128] if isinstance(named, str) else file_name


async def _judged(action: Action, data: bytes) -> int:
    """How many rows an input has. Raises InvalidData."""
    try:
        headings, rows = await asyncio.to_thread(table.read, data)
    except table.BadTable as error:
        raise InvalidData.of("csv", "invalid", str(error)) from None
    if problems := action.problems(headings):
        field, names = next(iter(problems.items()))
        raise InvalidData.of("csv", field, f"{field.replace('_', ' ')}: {', '.join(names)[:300]}", value=names[:50])
    if not rows:
        raise InvalidData.of("csv", "minItems", "it has no rows", target=1)
    return len(rows)


async def _read(context: Context) -> Answer | Raw:
    doc = await _task(context)
    if not wants_csv(context):
        return _shown(doc)
    return await (_given(context, doc) if context.query.get("csv_name", OUTPUT) == INPUT else _came(context, doc))


async def _read_input(context: Context) -> Raw:
    return await _given(context, await _task(context))


async def _read_output(context: Context) -> Raw:
    return await _came(context, await _task(context))


async def _given(context: Context, doc: Document) -> Raw:
    if INPUT not in (doc.get("_attachments") or {}):
        raise BadIdentifier(INPUT)
    found = await context.store.get_attachment(DATABASE, doc["_id"], INPUT)
    return Raw(found.data, _CONTENT, INPUT)


async def _came(context: Context, doc: Document) -> Raw:
    text = await record.output(context.store, doc["_id"])
    if not text:
        raise BadIdentifier(OUTPUT)
    return Raw(text.encode(), _CONTENT, OUTPUT)


async def _start(context: Context) -> Answer:
    now = context.services.now()

    def change(doc: Document) -> Document:
        if doc.get("pvt_status") == "executing":
            raise InvalidData.of("task", "invalid", "is being carried out already")
        if doc.get("pvt_status") in record.ENDED:
            raise InvalidData.of("task", "invalid", "has ended; make another")
        return record.started(doc, now)

    return await _change(context, "task_started", change)


async def _stop(context: Context) -> Answer:
    now = context.services.now()

    def change(doc: Document) -> Document:
        if doc.get("pvt_status") != "executing":
            raise InvalidData.of("task", "invalid", "is not being carried out")
        return record.stopping(doc, now)

    return await _change(context, "task_stopped", change)


async def _change(context: Context, deed: str, change: Callable[[Document], Document]) -> Answer:
    for attempt in range(8):
        doc = change(await _task(context))
        try:
            doc = {**doc, "_rev": await context.store.put(DATABASE, doc)}
            break
        except Conflict:
            if attempt == 7:
                raise DatastoreConflict from None
    await audit.note(context, deed, task=doc["_id"])
    context.services.node.send(TASKS, LookForTasks())
    return _shown(doc)


async def _delete(context: Context) -> Answer:
    doc = await _task(context)
    if doc.get("pvt_status") == "executing":
        raise InvalidData.of("task", "invalid", "is being carried out; stop it first")
    try:
        await record.remove(context.store, doc)
    except (Conflict, NotFound):
        raise DatastoreConflict from None
    await audit.note(context, "task_deleted", task=doc["_id"])
    return _shown(doc)


async def _task(context: Context) -> Document:
    id = parameter(context, "task_id")
    try:
        doc = await context.store.get(DATABASE, id)
    except (NotFound, DatabaseNotFound):
        raise BadIdentifier(id) from None
    if doc.get("pvt_type") != "task" or doc.get("pvt_account_id") != context.account_id:
        raise BadIdentifier(id)
    return doc


def _shown(doc: Document, status: int = 200) -> Answer:
    return Answer({"_read_only": record.facts(doc), "id": doc["_id"]}, status, revision=doc["_rev"])


_TASKS: Final = "accounts/{account_id}/tasks"
_ONE: Final = f"{_TASKS}/{{task_id}}"

ROUTES: Final = (
    Route("tasks", "tasks", {"GET": _help}, "token"),
    Route(_TASKS, "tasks", {"GET": _list, "PUT": _create}, raw=frozenset({"PUT"})),
    Route(_ONE, "tasks", {"GET": _read, "PATCH": _start, "DELETE": _delete}),
    Route(f"{_ONE}/stop", "tasks", {"PATCH": _stop}),
    Route(f"{_ONE}/input", "tasks", {"GET": _read_input}),
    Route(f"{_ONE}/output", "tasks", {"GET": _read_output}),
)
