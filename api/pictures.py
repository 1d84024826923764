"""A picture and a business card of documents: `…/photo` (GET, POST, DELETE) and `…/vcard` (GET).

A photo is the document's attachment `photo`: its bytes as the body, with their Content-Type. The card is a vCard (RFC
2426, version 3.0), as Kazoo makes it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Final

from mirliton.actors.store import AttachmentNotFound, Document
from mirliton.actors.store.names import account_db
from mirliton.api.body import read_raw
from mirliton.api.context import Answer, Context, Raw
from mirliton.api.documents import Documents, check_precondition
from mirliton.api.errors import BadIdentifier, InvalidData, UnsupportedMedia
from mirliton.api.routing import Handler, PlainUser, Route

NAME: Final = "photo"
TYPES: Final = {"image/jpeg": "JPEG", "image/jpg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP"}
"""What a photo may be; anything else, as SVG, might run in the browser of whoever looks at it."""
MAX_PHOTO: Final = 2 * 1024 * 1024
_LINE: Final = 75
"""Bytes of a line of a card, without what ends it."""


def photo_routes(shape: str, documents: Documents, plain: Mapping[str, PlainUser], methods: Iterable[str]) -> Route:
    """The route of the photos of the documents at `shape`."""

    async def read(context: Context) -> Raw:
        photo = await _photo(context, await _theirs(context, documents))
        if photo is None:
            raise BadIdentifier("there is no photo")
        return Raw(photo[1], photo[0])

    async def write(context: Context) -> Answer:
        kind = context.request.content_type
        if kind not in TYPES:
            raise UnsupportedMedia(kind)
        doc = await _theirs(context, documents)
        data = await read_raw(context.request, min(MAX_PHOTO, context.services.settings.max_body))
        if not data:
            raise InvalidData.of(NAME, "required", "the body holds no picture")
        check_precondition(context, doc)
        await context.store.put_attachment(account_db(context.account_id), doc["_id"], NAME, kind, data, doc["_rev"])
        return documents.answer(await documents.load(context))

    async def remove(context: Context) -> Answer:
        doc = await _theirs(context, documents)
        check_precondition(context, doc)
        try:
            await context.store.delete_attachment(account_db(context.account_id), doc["_id"], NAME, doc["_rev"])
        except AttachmentNotFound:
            raise BadIdentifier("there is no photo") from None
        return documents.answer(await documents.load(context))

    handlers: dict[str, Handler] = {"GET": read, "POST": write, "DELETE": remove}
    chosen = {method: handlers[method] for method in methods}
    return Route(
        f"{shape}/{NAME}", documents.resource.name, chosen, plain=plain, raw=frozenset({"POST"} & chosen.keys())
    )


def card_route(shape: str, documents: Documents, plain: Mapping[str, PlainUser]) -> Route:
    """The route of the cards of the documents at `shape`."""

    async def read(context: Context) -> Raw:
        doc = await _theirs(context, documents)
        organisation = str((context.account or {}).get("name") or "")
        return Raw(card(doc, organisation, await _photo(context, doc)), "text/x-vcard", f"{doc['_id']}.vcf")

    return Route(f"{shape}/vcard", documents.resource.name, {"GET": read}, plain=plain)


def card(doc: Document, organisation: str, photo: tuple[str, bytes] | None) -> bytes:
    """The business card of a user or of an entry of a list."""
    first, last = (_text(doc, f"{which}_name") or _text(doc, f"{which}name") for which in ("first", "last"))
    whole = _text(doc, "displayname") or _text(doc, "name") or f"{first} {last}".strip()
    profile: Any = doc.get("profile")
    profile = profile if isinstance(profile, Mapping) else {}
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"FN:{_quoted(whole)}", f"N:{_quoted(last)};{_quoted(first)};;;"]
    for name, value in (
        ("ORG", organisation),
        ("TITLE", _text(profile, "title")),
        ("ROLE", _text(profile, "role")),
        ("NICKNAME", _text(profile, "nicknames") or _text(profile, "nickname")),
        ("BDAY", _text(profile, "birthday")),
        ("NOTE", _text(profile, "note")),
        ("EMAIL;TYPE=INTERNET", _text(doc, "email")),
        ("TEL", _text(doc, "number")),
    ):
        lines += [f"{name}:{_quoted(value)}"] if value else []
    addresses = profile.get("addresses")
    for entry in addresses if isinstance(addresses, list) else ():
        address = _text(entry, "address") if isinstance(entry, Mapping) else ""
        lines += [f"ADR:;;{_quoted(address)};;;;"] if address else []
    if photo is not None:
        lines.append(f"PHOTO;ENCODING=b;TYPE={TYPES.get(photo[0], 'JPEG')}:{base64.b64encode(photo[1]).decode()}")
    return b"".join(_folded(line) for line in [*lines, "END:VCARD"])


async def _theirs(context: Context, documents: Documents) -> Document:
    doc = await documents.load(context)
    context.must_own(doc)
    return doc


async def _photo(context: Context, doc: Document) -> tuple[str, bytes] | None:
    if NAME not in (doc.get("_attachments") or {}):
        return None
    found = await context.store.get_attachment(account_db(context.account_id), doc["_id"], NAME)
    return found.content_type, found.data


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if isinstance(value, list):
        return ",".join(each for each in value if isinstance(each, str))
    return value if isinstance(value, str) else ""


def _quoted(text: str) -> str:
    """Text as a value: what would end it is quoted (RFC 2426, 4)."""
    quoted = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return "\\n".join(quoted.splitlines())


def _folded(line: str) -> bytes:
    """A line, broken where it is too long, never within a character (RFC 2426, 2.6)."""
    parts, current = [], b""
    for character in line:
        encoded = character.encode(errors="replace")
        if len(current) + len(encoded) > _LINE:
            parts.append(current)
            current = b" "
        current += encoded
    return b"\r\n".join([*parts, current]) + b"\r\n"
