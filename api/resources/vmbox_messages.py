"""The messages of voicemail boxes. Kazoo: cb_vmboxes.

    vmboxes/messages                          GET, of all boxes of the account
    vmboxes/{id}/messages                     GET   POST {"messages": [ids], "folder"}   DELETE [{"messages": [ids]}]
    vmboxes/{id}/messages/{message}           GET   POST {"folder"}   DELETE
    vmboxes/{id}/messages/{message}/raw       GET   the recording

A message is a document of the month it was left in, which its id names; the recording is an attachment of it. Folders
are new, saved and deleted; what is moved to deleted is hidden as well, as a deleted message is.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.presence import MAILBOX_NEWS, MailboxChanged
from mirliton.actors.store import (
    Document,
    DocumentNotFound,
    InvalidName,
    Months,
    NotFound,
    Row,
    StoreUnavailable,
    update,
)
from mirliton.actors.store.documents import is_deleted, soft_deleted
from mirliton.actors.store.names import account_db
from mirliton.api.context import Answer, Context, Raw, parameter
from mirliton.api.documents import load_document
from mirliton.api.errors import BadIdentifier, InvalidData, RangeTooLarge
from mirliton.api.filters import filters_of
from mirliton.api.paging import MAX_UNPAGED, Listing, page, wanted
from mirliton.api.resources.vmboxes import VMBOXES
from mirliton.api.routing import PlainUser, Route

MESSAGE: Final = "mailbox_message"
FOLDERS: Final = ("new", "saved", "deleted")
VIEW: Final = "mailbox_messages/listing_by_mailbox"
MAX_AT_ONCE: Final = 500
"""Messages that one request may change."""
_EXTENSIONS: Final = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/x-wav": "wav",
    "audio/wav": "wav",
    "audio/mp4": "mp4",
}


async def _box(context: Context) -> Document:
    box = await load_document(context, parameter(context, VMBOXES.id_name), VMBOXES.type)
    context.must_own(box)
    return box


async def _messages(context: Context) -> Answer:
    box = await _box(context)
    tests = filters_of(context.query.items(), skip=frozenset({"created_from", "created_to"}))
    asked = wanted(context.query, context.services.settings.page_size, newest_first=True)
    months = await _months(context)
    source = Listing(months if asked.descending else months[::-1], VIEW, [box["_id"]], [box["_id"], {}])
    rows, place = await page(
        context.store, source, asked, keep=lambda row: _complete(row.value) and all(test(row.value) for test in tests)
    )
    return Answer([row.value for row in rows], page=place)


async def _all_messages(context: Context) -> Answer:
    """The messages of all boxes, the newest first, always whole: by box and month they have no order to page by."""
    rows: list[Row] = []
    for month in await _months(context):
        rows += (await context.store.view(month, VIEW, limit=MAX_UNPAGED + 1 - len(rows))).rows
        if len(rows) > MAX_UNPAGED:
            raise RangeTooLarge(MAX_UNPAGED)
    rows.sort(key=lambda row: row.key[1], reverse=True)
    return Answer([{str(row.key[0]): row.value} for row in rows if _complete(row.value)])


async def _months(context: Context) -> list[str]:
    """The account's month databases that there are, the newest first."""
    return sorted(await context.store.databases(f"{account_db(context.account_id)}-"), reverse=True)


async def _message(context: Context) -> Answer:
    doc = await _load(context, (await _box(context))["_id"], parameter(context, "message_id"))
    return Answer(_shown(doc), revision=doc["_rev"])


async def _change_message(context: Context) -> Answer:
    box = await _box(context)
    doc = await _load(context, box["_id"], parameter(context, "message_id"))
    changed = await _moved(context, box["_id"], doc["_id"], _folder(context))
    return Answer(_shown(changed), revision=changed["_rev"])


async def _delete_message(context: Context) -> Answer:
    box = await _box(context)
    doc = await _load(context, box["_id"], parameter(context, "message_id"))
    gone = await _moved(context, box["_id"], doc["_id"], "deleted")
    return Answer(_shown(gone), revision=gone["_rev"])


async def _recording(context: Context) -> Raw:
    doc = await _load(context, (await _box(context))["_id"], parameter(context, "message_id"))
    stubs = doc.get("_attachments") or {}
    if not stubs:
        raise BadIdentifier("the message has no recording")
    months = Months(context.store, context.account_id, clock=context.services.now)
    found = await months.get_attachment(doc["_id"], min(stubs))
    extension = _EXTENSIONS.get(found.content_type, "bin")
    return Raw(found.data, found.content_type, f"{doc['_id']}.{extension}")


async def _change_messages(context: Context) -> Answer:
    box = await _box(context)
    return await _each(context, box["_id"], _named(context), _folder(context))


async def _delete_messages(context: Context) -> Answer:
    """Those that are named, else those of a folder, else all; at most MAX_AT_ONCE, the newest first."""
    box = await _box(context)
    if "messages" in context.fields():
        ids = _named(context)
    else:
        folder = _given_folder(context)
        asked = wanted({"page_size": str(MAX_AT_ONCE)}, MAX_AT_ONCE, newest_first=True)
        source = Listing(await _months(context), VIEW, [box["_id"]], [box["_id"], {}])
        rows, _ = await page(context.store, source, asked)
        ids = [str(row.id) for row in rows if _complete(row.value) and folder in (None, row.value.get("folder"))]
    return await _each(context, box["_id"], ids, "deleted")


async def _each(context: Context, box_id: str, ids: list[str], folder: str) -> Answer:
    succeeded: list[str] = []
    failed: list[dict[str, str]] = []
    for id in ids:
        try:
            await _moved(context, box_id, id, folder)
        except (NotFound, InvalidName, BadIdentifier):
            failed.append({id: "not_found"})
        except StoreUnavailable as error:
            failed.append({id: error.reason[:128]})
        else:
            succeeded.append(id)
    return Answer({"succeeded": succeeded, "failed": failed})


async def _load(context: Context, box_id: str, id: str) -> Document:
    months = Months(context.store, context.account_id, clock=context.services.now)
    try:
        doc = await months.get(id)
    except (DocumentNotFound, InvalidName):
        raise BadIdentifier(id) from None
    _must_be_of(doc, box_id)
    return doc


async def _moved(context: Context, box_id: str, id: str, folder: str) -> Document:
    def change(doc: Document) -> Document:
        _must_be_of(doc, box_id)
        metadata = doc.get("metadata")
        moved = {**doc, "metadata": {**(metadata if isinstance(metadata, dict) else {}), "folder": folder}}
        now = context.services.now()
        return soft_deleted(moved, now=now) if folder == "deleted" else moved

    months = Months(context.store, context.account_id, clock=context.services.now)
    doc = await update(context.store, months.db_of(id), id, change)
    node = context.services.node
    for watcher in node.groups.members(MAILBOX_NEWS):
        node.send(watcher, MailboxChanged(context.account_id, box_id))
    return doc


def _must_be_of(doc: Document, box_id: str) -> None:
    metadata = doc.get("metadata")
    mine = doc.get("pvt_type") == MESSAGE and doc.get("source_id") == box_id and not is_deleted(doc)
    if not mine or not isinstance(metadata, dict) or not _complete(metadata):
        raise BadIdentifier(str(doc.get("_id")))


def _complete(metadata: Any) -> bool:
    """Whether it is a message: its folder is set last, when the recording is there."""
    return isinstance(metadata, dict) and bool(metadata.get("folder"))


def _shown(doc: Document) -> dict[str, Any]:
    metadata = doc.get("metadata")
    shown = dict(metadata) if isinstance(metadata, dict) else {}
    shown.setdefault("media_id", doc["_id"])
    return shown


def _given_folder(context: Context) -> str | None:
    folder = context.query.get("folder", context.fields().get("folder"))
    if folder is not None and folder not in FOLDERS:
        raise InvalidData.of("folder", "enum", "must be one of the listed values", target=list(FOLDERS))
    return folder


def _folder(context: Context) -> str:
    folder = _given_folder(context)
    if folder is None:
        raise InvalidData.of("folder", "required", "is required", value="folder")
    return folder


def _named(context: Context) -> list[str]:
    ids = context.fields().get("messages")
    if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
        raise InvalidData.of("messages", "type", "must be a list of message ids", target="array")
    if len(ids) > MAX_AT_ONCE:
        raise InvalidData.of("messages", "maxItems", f"must have at most {MAX_AT_ONCE} items", target=MAX_AT_ONCE)
    return list(dict.fromkeys(ids))


_BOX: Final = "accounts/{account_id}/vmboxes/{vmbox_id}/messages"
_OWN: Final[dict[str, PlainUser]] = {"GET": "own", "POST": "own", "DELETE": "own"}

ROUTES: Final = (
    Route("accounts/{account_id}/vmboxes/messages", "vmboxes", {"GET": _all_messages}),
    Route(_BOX, "vmboxes", {"GET": _messages, "POST": _change_messages, "DELETE": _delete_messages}, plain=_OWN),
    Route(
        f"{_BOX}/{{message_id}}",
        "vmboxes",
        {"GET": _message, "POST": _change_message, "DELETE": _delete_message},
        plain=_OWN,
    ),
    Route(f"{_BOX}/{{message_id}}/raw", "vmboxes", {"GET": _recording}, plain={"GET": "own"}),
)
