"""A task's document: what is to be done, how far it is, and what came of it. Kazoo: kz_tasks.

It lies in the database `tasks`, with its input as the attachment `in.csv`; the output lies beside it in parts, a
document for the rows of each checkpoint, so that what is written does not grow with what is done. Every change is made
from the revision that was read: who loses learns that somebody else has the task, or that it is to stop.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from mirliton.actors.store import Document, NotFound, Store
from mirliton.actors.store.documents import gregorian, stamp
from mirliton.actors.store.names import new_id
from mirliton.runtime import Name, message

DATABASE: Final = "tasks"
INPUT: Final = "in.csv"
OUTPUT: Final = "out.csv"
TASKS: Final = Name("service", "tasks")

Status = Literal["pending", "executing", "success", "failure", "partial", "stopped", "internal_error"]
ENDED: Final = frozenset({"success", "failure", "partial", "internal_error"})
_PAGE: Final = 100


@message("tasks.look")
class LookForTasks:
    """A task may have been started or stopped."""


def made(
    category: str,
    action: str,
    account_id: str,
    auth_account_id: str,
    *,
    total: int | None,
    file_name: str | None,
    now: float,
) -> Document:
    """A new task, not yet started. `total`: how many rows it is given."""
    doc = {
        "_id": new_id(),
        "pvt_category": category,
        "pvt_action": action,
        "pvt_auth_account_id": auth_account_id,
        "pvt_submitted_at": gregorian(now),
        "pvt_status": "pending",
        "pvt_total_rows_failed": 0,
        "pvt_total_rows_succeeded": 0,
    }
    if total is not None:
        doc["pvt_total_rows"] = total
    if file_name:
        doc["file_name"] = file_name
    return stamp(doc, type="task", account_id=account_id, db=DATABASE, now=now)


def facts(doc: Document) -> dict[str, Any]:
    """What the API tells of it, with Kazoo's names."""
    given = {
        "id": doc["_id"],
        "account_id": doc.get("pvt_account_id"),
        "auth_account_id": doc.get("pvt_auth_account_id"),
        "category": doc.get("pvt_category"),
        "action": doc.get("pvt_action"),
        "created": doc.get("pvt_created"),
        "submit_timestamp": doc.get("pvt_submitted_at"),
        "start_timestamp": doc.get("pvt_started_at"),
        "end_timestamp": doc.get("pvt_finished_at"),
        "node": doc.get("pvt_worker_node"),
        "status": doc.get("pvt_status"),
        "total_count": doc.get("pvt_total_rows"),
        "success_count": doc.get("pvt_total_rows_succeeded"),
        "failure_count": doc.get("pvt_total_rows_failed"),
        "file_name": doc.get("file_name"),
        "reason": doc.get("pvt_reason"),
    }
    csvs = [*([INPUT] if INPUT in (doc.get("_attachments") or {}) else []), *([OUTPUT] if _has_output(doc) else [])]
    return {**{key: value for key, value in given.items() if value is not None}, "csvs": csvs}


def started(doc: Document, now: float) -> Document:
    """The task, to be carried out as soon as there is room; one that was stopped goes on where it stopped."""
    return {
        **doc,
        "pvt_status": "executing",
        "pvt_started_at": doc.get("pvt_started_at") or gregorian(now),
        "pvt_finished_at": None,
        "pvt_stop": False,
        "pvt_modified": gregorian(now),
    }


def stopping(doc: Document, now: float) -> Document:
    """The task, to be stopped after the row that is being done."""
    return {**doc, "pvt_stop": True, "pvt_modified": gregorian(now)}


def finished(doc: Document, status: Status, now: float, reason: str | None = None) -> Document:
    """The task, at its end."""
    ended = {**doc, "pvt_status": status, "pvt_finished_at": gregorian(now), "pvt_modified": gregorian(now)}
    ended.pop("pvt_worker", None)
    return {**ended, "pvt_reason": reason} if reason is not None else ended


def outcome(doc: Document) -> Status:
    """Of a task that has gone through all its rows."""
    failed, succeeded = int(doc.get("pvt_total_rows_failed") or 0), int(doc.get("pvt_total_rows_succeeded") or 0)
    return "success" if not failed else "partial" if succeeded else "failure"


def part_id(task_id: str, number: int) -> str:
    """The id of a part of the output."""
    return f"{task_id}-{number:08d}"


async def parts(store: Store, task_id: str) -> list[Document]:
    """The parts of the output so far, in order. Raises StoreError."""
    found: list[Document] = []
    last = f"{task_id}-"
    while True:
        rows = (
            await store.all_docs(DATABASE, startkey=last, endkey=f"{task_id}-\uffff", limit=_PAGE, include_docs=True)
        ).rows
        docs = [row.doc for row in rows if row.doc is not None and row.id != last]
        found += docs
        if len(rows) < _PAGE:
            return found
        last = str(rows[-1].id)


async def output(store: Store, task_id: str) -> str:
    """The output so far, as CSV. Raises StoreError."""
    return "".join([str(part.get("csv", "")) for part in await parts(store, task_id)])


async def remove(store: Store, doc: Document) -> None:
    """Delete a task with its output. Raises Conflict where it has just changed, StoreError."""
    await store.delete(DATABASE, doc["_id"], doc["_rev"])
    for part in await parts(store, doc["_id"]):
        try:
            await store.delete(DATABASE, part["_id"], part["_rev"])
        except NotFound:
            continue


def _has_output(doc: Document) -> bool:
    return doc.get("pvt_status") in (*ENDED, "stopped")
