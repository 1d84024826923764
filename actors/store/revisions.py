"""Revisions: `N-hash`, where N counts the edits and the hash is an MD5 of the edit itself, as in CouchDB.

The hash depends on the revision before, the body and the attachments only: the same edit of the same revision has
the same name wherever it is made. (CouchDB hashes Erlang terms, so its names for the same edit are others.)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

_FORM = re.compile(r"([1-9][0-9]{0,9})-([0-9a-f]{32})")


class Revision(NamedTuple):
    """One state of a document."""

    generation: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.generation}-{self.digest.hex()}"


def parse(text: str) -> Revision | None:
    """The revision that a text names; None where it names none (and so can match no document)."""
    found = _FORM.fullmatch(text)
    return Revision(int(found[1]), bytes.fromhex(found[2])) if found else None


def successor(
    before: Revision | None, body: bytes, *, deleted: bool, attachments: Iterable[tuple[str, str, str]] = ()
) -> Revision:
    """The revision that an edit makes. `attachments` are (name, content type, digest)."""
    digest = hashlib.md5(b"deleted" if deleted else b"", usedforsecurity=False)
    digest.update(str(before).encode() if before else b"")
    for parts in attachments:
        digest.update("\0".join(parts).encode() + b"\n")
    digest.update(body)
    return Revision(before.generation + 1 if before else 1, digest.digest())
