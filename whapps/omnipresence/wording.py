"""Values as a proxy can take them.

Stock Kamailio's kazoo module prints what it is told into XML unescaped, and into buffers of a fixed size unchecked.
What comes from phones (tags, Call-IDs, names) must be short and plain before it goes there.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

_ODD: Final = re.compile(r"[^A-Za-z0-9_.+*#~=!%@:-]")
LONGEST: Final = 64
"""Characters of a username, a realm or a tag; Kamailio's tables have no more for the first two."""
LONGEST_CALL: Final = 100
"""Characters of a Call-ID: it becomes an etag of at most 128."""


def plain(text: str | None, longest: int = LONGEST) -> str:
    """The text without what XML, JSON or SIP could stumble over, and cut off."""
    return _ODD.sub("_", text or "")[:longest]


def call(call_id: str) -> str:
    """A Call-ID that is short and plain; another for each."""
    if len(call_id) <= LONGEST_CALL and not _ODD.search(call_id):
        return call_id
    return hashlib.sha256(call_id.encode(errors="surrogatepass")).hexdigest()


def address(text: str | None) -> tuple[str, str] | None:
    """User and realm of `user@realm`, with or without `sip:`; None for what is none."""
    bare = (text or "").removeprefix("sips:").removeprefix("sip:")
    user, at, realm = bare.rpartition("@")
    realm = realm.partition(":")[0].partition(";")[0]
    return (plain(user), plain(realm).lower()) if at and user and realm else None
