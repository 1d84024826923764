"""An account's own announcements, and the system's: documents `{language}/{prompt id}` with a recording.

    the account's in the wanted language, or in the language as such (`en` for `en-us`)
    the system's (database `system_media`), likewise
    none: the switch plays the platform's own file

Kazoo: kz_media_map.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.store import DatabaseNotFound, InvalidName, Store
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.ecallmgr.switch_http import Media

SYSTEM: Final = "system_media"


def parts_of(name: str) -> tuple[str, str, str] | None:
    """Account, prompt and language of `prompt://…`; None for what is no such name."""
    parts = name.removeprefix("prompt://").split("/")
    if not name.startswith("prompt://") or len(parts) != 3 or not all(parts):
        return None
    return parts[0], parts[1], parts[2].lower()


async def own_prompt(store: Store, media: Media, account: str, prompt_id: str, language: str) -> str:
    """The URL of what is to be heard for a prompt; empty where nobody has recorded one. Raises StoreError."""
    languages = dict.fromkeys((language, language.partition("-")[0]))
    for db in dict.fromkeys((_database(account), SYSTEM)):
        if db is None:
            continue
        ids = [f"{each}/{prompt_id}" for each in languages]
        try:
            docs = await store.get_many(db, ids)
        except (DatabaseNotFound, InvalidName):
            continue
        for doc in docs:
            found = _recording(doc)
            if doc is not None and found is not None:
                return media.url("GET", db, str(doc["_id"]), *found)
    return ""


def _database(account: str) -> str | None:
    try:
        return account_db(account)
    except InvalidName:
        return None  # `system_media`, say


def _recording(doc: dict[str, Any] | None) -> tuple[str, str] | None:
    """Name and digest of a prompt's recording."""
    if doc is None or is_deleted(doc) or doc.get("pvt_type") != "media" or doc.get("enabled") is False:
        return None
    attachments = doc.get("_attachments") or {}
    name = min(attachments, default=None)
    return None if name is None else (name, str(attachments[name].get("digest")))
