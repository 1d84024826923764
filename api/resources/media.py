"""`media`: recordings that callflows play, and an account's own announcements. Kazoo: cb_media, without text to speech.

    GET media/languages                 how many there are in each language
    GET media/languages/{language}      which are in this one (`missing`: in none)
    GET media/prompts                   how many there are of each prompt
    GET media/prompts/{prompt_id}       which are of this one
    media/{id}/raw                      GET the recording, POST another (its bytes as the body, with their Content-Type)

A medium with a `prompt_id` is heard in place of the platform's own announcement, in its language. Its id is
`{language}/{prompt_id}`, so that there is one of each, and it stays what it is. A recording can be read in part
(Range).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from mirliton.actors.store import Document, NotFound
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.api.body import read_raw
from mirliton.api.context import Answer, Context, Raw, parameter
from mirliton.api.documents import Documents, check_precondition
from mirliton.api.errors import BadIdentifier, InvalidData, UnsupportedMedia
from mirliton.api.raw_files import raw_file
from mirliton.api.resource import Resource
from mirliton.api.routing import Route
from mirliton.config import ValidationError

TYPES: Final = {
    "audio/mp3": "mp3",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
}
MISSING: Final = "missing"
"""Kazoo's word for media without a language."""
MOST: Final = 10_000
"""Media that are gone through to count them."""
_PROMPT: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,4})?")


def _id_of(doc: Document) -> str | None:
    prompt_id = doc.get("prompt_id")
    return None if prompt_id is None else f"{_language(doc)}/{prompt_id}"


def _language(doc: Document) -> str:
    language = doc.get("language")
    return language.lower() if isinstance(language, str) and language else ""


def _judged(_: Context, doc: Document, stored: Document | None) -> list[ValidationError]:
    """What is wrong with a prompt."""
    if stored is not None and _id_of(stored) != _id_of(doc) and (stored.get("prompt_id") or doc.get("prompt_id")):
        return [ValidationError(("prompt_id",), "invalid", "a prompt keeps its prompt_id and its language", {})]
    prompt_id = doc.get("prompt_id")
    if prompt_id is None:
        return []
    errors = []
    if not isinstance(prompt_id, str) or not _PROMPT.fullmatch(prompt_id):
        errors.append(ValidationError(("prompt_id",), "pattern", "must be letters, digits, '_' and '-'", {}))
    if not _LANGUAGE.fullmatch(_language(doc)):
        errors.append(ValidationError(("language",), "pattern", "must be a language like en-us", {}))
    return errors


async def _finished(context: Context, doc: Document, stored: Document | None) -> Document:
    """A prompt that was deleted may be made again."""
    id = _id_of(doc)
    if stored is not None or id is None:
        return doc
    try:
        before = await context.store.get(account_db(context.account_id), id)
    except NotFound:
        return doc
    return {**doc, "_rev": before["_rev"]} if is_deleted(before) else doc


MEDIA: Final = Resource("media", id_name="media_id", type="media", prepare=_judged, finish=_finished, id_of=_id_of)
DOCUMENTS: Final = Documents(MEDIA)


async def _recording(context: Context) -> Raw:
    doc = await DOCUMENTS.load(context)
    stubs = doc.get("_attachments") or {}
    if not stubs:
        raise BadIdentifier("the media has no recording")
    return await raw_file(context, account_db(context.account_id), doc["_id"], min(stubs))


async def _upload(context: Context) -> Answer:
    kind = context.request.content_type
    if kind not in TYPES:
        raise UnsupportedMedia(kind)
    data = await read_raw(context.request, context.services.settings.max_body)
    if not data:
        raise InvalidData.of("media", "required", "the body holds no recording")
    doc = await DOCUMENTS.load(context)
    check_precondition(context, doc)
    database, name = account_db(context.account_id), f"{doc['_id'].replace('/', '_')}.{TYPES[kind]}"
    rev = doc["_rev"]
    for old in doc.get("_attachments") or ():
        if old != name:
            rev = await context.store.delete_attachment(database, doc["_id"], old, rev)
    await context.store.put_attachment(database, doc["_id"], name, kind, data, rev)
    return DOCUMENTS.answer(await DOCUMENTS.load(context))


async def _counted(context: Context, of: Callable[[Document], str | None]) -> Answer:
    counts = Counter(key for key, _ in await _keyed(context, of))
    return Answer([dict(counts)] if counts else [])


async def _of_key(context: Context, of: Callable[[Document], str | None], wanted: str) -> Answer:
    found: list[Any] = [id for key, id in await _keyed(context, of) if key == wanted]
    return Answer(found)


async def _keyed(context: Context, of: Callable[[Document], str | None]) -> list[tuple[str, str]]:
    view = "media/crossbar_listing"
    rows = (await context.store.view(account_db(context.account_id), view, include_docs=True, limit=MOST)).rows
    pairs = [(of(row.doc), str(row.id)) for row in rows if row.doc is not None and not is_deleted(row.doc)]
    return [(key, id) for key, id in pairs if key is not None]


def _in_language(doc: Document) -> str:
    return _language(doc) or MISSING


def _of_prompt(doc: Document) -> str | None:
    return doc.get("prompt_id")


async def _languages(context: Context) -> Answer:
    return await _counted(context, _in_language)


async def _of_language(context: Context) -> Answer:
    return await _of_key(context, _in_language, parameter(context, "language").lower())


async def _prompts(context: Context) -> Answer:
    return await _counted(context, _of_prompt)


async def _of_one_prompt(context: Context) -> Answer:
    return await _of_key(context, _of_prompt, parameter(context, "prompt_id"))


ROUTES: Final = (
    Route(
        "accounts/{account_id}/media",
        "media",
        {"GET": DOCUMENTS.listing, "PUT": DOCUMENTS.create},
        plain={"GET": "any"},
    ),
    Route("accounts/{account_id}/media/languages", "media", {"GET": _languages}),
    Route("accounts/{account_id}/media/languages/{language}", "media", {"GET": _of_language}),
    Route("accounts/{account_id}/media/prompts", "media", {"GET": _prompts}),
    Route("accounts/{account_id}/media/prompts/{prompt_id}", "media", {"GET": _of_one_prompt}),
    Route(
        "accounts/{account_id}/media/{media_id}",
        "media",
        {"GET": DOCUMENTS.read, "POST": DOCUMENTS.replace, "DELETE": DOCUMENTS.delete},
    ),
    Route(
        "accounts/{account_id}/media/{media_id}/raw",
        "media",
        {"GET": _recording, "POST": _upload},
        raw=frozenset({"POST"}),
    ),
)
