"""What every backend refuses before it begins, besides names (`names.py`), values (`values.py`) and queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mirliton.actors.store import names
from mirliton.actors.store.documents import Document
from mirliton.actors.store.errors import BadQuery, InvalidDocument, InvalidName, TooLarge, abridged
from mirliton.actors.store.values import Limits, Prepared, prepare

LONGEST_WAIT: Final = 60.0
"""Seconds that a call may wait for a change."""
MOST_CHANGES: Final = 10_000


def ids(given: Sequence[str], limits: Limits) -> list[str]:
    """The ids, if they are a list of ids. Raises InvalidName, TooLarge."""
    if isinstance(given, str | bytes):
        raise InvalidName("document", given, "a list of ids is wanted here")
    if len(given) > limits.bulk_rows:
        raise TooLarge("the list of ids", len(given), limits.bulk_rows, "ids")
    return [names.check_document(id) for id in given]


def documents(docs: Sequence[Document], limits: Limits) -> list[Prepared]:
    """Many documents, checked and taken apart. Raises InvalidDocument, TooLarge."""
    prepared = []
    size = 0
    for doc in docs:
        prepared.append(prepare(doc, limits))
        size += len(prepared[-1].body)
        if size > limits.bulk:
            raise TooLarge("the bulk call", size, limits.bulk)
    return prepared


def how_many(docs: Sequence[Document], limits: Limits) -> None:
    """Raises TooLarge for more documents than one call may have."""
    if len(docs) > limits.bulk_rows:
        raise TooLarge("the bulk call", len(docs), limits.bulk_rows, "documents")


def id_range(keys: Sequence[str] | None, startkey: object, endkey: object) -> None:
    """Raises BadQuery where all_docs is asked what is no range of ids."""
    if keys is not None and (startkey is not None or endkey is not None):
        raise BadQuery("_all_docs", "keys and startkey/endkey exclude one another")
    for bound in (startkey, endkey):
        if bound is not None and not _is_text(bound):
            raise BadQuery("_all_docs", f"{abridged(bound)} is not an id")


def changes(since: object, wait: object, limit: object) -> None:
    """Raises BadQuery for what is no place, time or number of changes."""
    if not _is_text(since) or not since:
        raise BadQuery("_changes", f"{abridged(since)} is no place")
    if isinstance(wait, bool) or not isinstance(wait, int | float) or not 0 <= wait <= LONGEST_WAIT:
        raise BadQuery("_changes", f"it can be waited for 0 to {LONGEST_WAIT:g} s, not {str(wait)[:40]}")
    if type(limit) is not int or not 1 <= limit <= MOST_CHANGES:
        raise BadQuery("_changes", f"limit must be a whole number from 1 to {MOST_CHANGES}, not {str(limit)[:40]}")


def upload(id: str, name: str, content_type: object, data: object, limits: Limits) -> None:
    """Raises InvalidName, InvalidDocument, TooLarge for what cannot be an attachment."""
    names.check_document(id)
    names.check_attachment(name)
    if (
        not isinstance(content_type, str)
        or not 0 < len(content_type) <= 255
        or not content_type.isascii()
        or not content_type.isprintable()
    ):
        raise InvalidName("content type", content_type, "it must be 1 to 255 printable ASCII characters")
    if not isinstance(data, bytes | bytearray):
        raise InvalidDocument(id, f"_attachments.{name}", f"its data must be bytes, not a {type(data).__name__}")
    if len(data) > limits.attachment:
        raise TooLarge(f"attachment {abridged(name)}", len(data), limits.attachment)


def _is_text(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
