"""`media`: recordings that callflows play. Kazoo: cb_media, without prompts, languages and text to speech.

media/{id}/raw    GET the recording, POST another (its bytes as the body, with their Content-Type)
"""

from __future__ import annotations

from typing import Final

from mirliton.actors.store.names import account_db
from mirliton.api.body import read_raw
from mirliton.api.context import Answer, Context, Raw
from mirliton.api.documents import Documents, check_precondition
from mirliton.api.errors import BadIdentifier, InvalidData, UnsupportedMedia
from mirliton.api.resource import Resource
from mirliton.api.routing import Route

TYPES: Final = {
    "audio/mp3": "mp3",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
}

MEDIA: Final = Resource("media", id_name="media_id", type="media")
DOCUMENTS: Final = Documents(MEDIA)


async def _recording(context: Context) -> Raw:
    doc = await DOCUMENTS.load(context)
    stubs = doc.get("_attachments") or {}
    if not stubs:
        raise BadIdentifier("the media has no recording")
    found = await context.store.get_attachment(account_db(context.account_id), doc["_id"], min(stubs))
    return Raw(found.data, found.content_type, found.name)


async def _upload(context: Context) -> Answer:
    kind = context.request.content_type
    if kind not in TYPES:
        raise UnsupportedMedia(kind)
    data = await read_raw(context.request, context.services.settings.max_body)
    if not data:
        raise InvalidData.of("media", "required", "the body holds no recording")
    doc = await DOCUMENTS.load(context)
    check_precondition(context, doc)
    database, name = account_db(context.account_id), f"{doc['_id']}.{TYPES[kind]}"
    rev = doc["_rev"]
    for old in doc.get("_attachments") or ():
        if old != name:
            rev = await context.store.delete_attachment(database, doc["_id"], old, rev)
    await context.store.put_attachment(database, doc["_id"], name, kind, data, rev)
    return DOCUMENTS.answer(await DOCUMENTS.load(context))


ROUTES: Final = (
    Route(
        "accounts/{account_id}/media",
        "media",
        {"GET": DOCUMENTS.listing, "PUT": DOCUMENTS.create},
        plain={"GET": "any"},
    ),
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
