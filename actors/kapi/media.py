"""Where to get a prompt or a recording. Exchange kapps. Kazoo: kapi_media."""

from __future__ import annotations

from typing import Literal

from mirliton.actors.kapi._family import kapi


@kapi("media.media_req", "media", "kapps", "media_req")
class MediaReq:
    """Where is this medium?"""

    media_name: str
    stream_type: Literal["new", "extant"] | None = None
    call_id: str | None = None
    text: str | None = None
    voice: Literal["male", "female"] | None = None
    language: str | None = None
    format: Literal["mp3", "wav"] | None = None
    account_id: str | None = None
    protocol: Literal["http", "https", "shout", "vlc"] | None = None
    engine: str | None = None


@kapi("media.media_resp", "media")
class MediaResp:
    """At this URL."""

    media_name: str
    stream_url: str


@kapi("media.media_error", "media")
class MediaError:
    """Nowhere."""

    media_name: str
    error_code: Literal["not_found", "no_data", "other"]
    error_msg: str | None = None
