"""What a document calls a medium, as a name that a switch can play."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.store import DocumentNotFound, InvalidName
from mirliton.actors.store.documents import is_deleted
from mirliton.config.prompts import DEFAULT, spoken_language
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.script import Script

LANGUAGE: Final = DEFAULT
SPOKEN: Final = "language"
"""Kept by the action `language`."""
_DIRECT: Final = ("tone_stream://", "silence_stream://", "local_stream://", "http://", "https://", "prompt://")


def prompt(call: Script, prompt_id: str) -> str:
    """One of the platform's own announcements, in the call's language: what its flow has chosen, else its caller's."""
    language = str(call.kept(SPOKEN) or call.vars.get("Default-Language") or LANGUAGE)
    spoken = spoken_language(prompt_id, language)
    if spoken is None:
        call.log.warning("prompt_missing", prompt=prompt_id)
    elif spoken != language:
        call.log.info("prompt_in_other_language", prompt=prompt_id, wanted=language, spoken=spoken)
    return f"prompt://{call.account_id}/{prompt_id}/{language}"


async def media_name(call: Script, medium: str) -> str:
    """The name of a medium: a stream or prompt as it is, a media document by the URL of its audio.

    Files of the switch have no name here: a tenant could name those of another. Raises InvalidFlow where there is no
    such document, or no audio.
    """
    if medium.startswith(_DIRECT):
        return medium
    try:
        doc = await call.document(medium)
    except (DocumentNotFound, InvalidName) as error:
        raise InvalidFlow(f"media {medium[:64]!r}", "there is no such document") from error
    attachments: dict[str, Any] = doc.get("_attachments") or {}
    if is_deleted(doc) or not attachments:
        raise InvalidFlow(f"media {medium}", "it has no audio")
    return call.media.url("GET", call.account_db, medium, next(iter(attachments)))
