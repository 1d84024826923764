"""What a document calls a medium, as a name that a switch can play."""

from __future__ import annotations

from typing import Any, Final

from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.script import Script

LANGUAGE: Final = "en-us"
_DIRECT: Final = ("tone_stream://", "silence_stream://", "local_stream://", "http://", "https://", "prompt://", "/")


def prompt(call: Script, prompt_id: str) -> str:
    """One of the platform's own announcements."""
    return f"prompt://{call.account_id}/{prompt_id}/{LANGUAGE}"


async def media_name(call: Script, medium: str) -> str:
    """The name of a medium: a stream or prompt as it is, a media document by the URL of its audio.

    Raises InvalidFlow for a document without audio, DocumentNotFound where there is none.
    """
    if medium.startswith(_DIRECT):
        return medium
    doc = await call.document(medium)
    attachments: dict[str, Any] = doc.get("_attachments") or {}
    if not attachments:
        raise InvalidFlow(f"media {medium}", "it has no audio")
    return call.media.url("GET", call.account_db, medium, next(iter(attachments)))
