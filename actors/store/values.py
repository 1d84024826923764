"""Which documents can be stored, and the bytes they are stored as.

A document is a JSON object: null, booleans, integers of 64 bits, finite floats, strings that have UTF-8, arrays
(lists or tuples) and objects with string names, in bounded depth and size. Everything else is refused with its
place in the document, before anything is written. The rules are the narrowest of all backends, so a document that
one takes the other takes too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import orjson

from mirliton.actors.store import names
from mirliton.actors.store.documents import Document
from mirliton.actors.store.errors import InvalidDocument, InvalidName, TooLarge, abridged

SPECIAL_FIELDS = frozenset({"_id", "_rev", "_attachments", "_deleted"})
"""The top-level fields beginning with _ that a document may carry, as in CouchDB."""

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Limits:
    """What the store takes at most. Sizes in bytes."""

    document: int = 8_000_000
    """One document's JSON without attachments; CouchDB's own default."""
    depth: int = 200
    """Arrays and objects inside one another; a callflow of 50 branches needs about 100."""
    attachment: int = 64 * 1024 * 1024
    bulk_rows: int = 2000
    """Documents or ids in one call; Kazoo's own bound."""
    bulk: int = 64 * 1024 * 1024
    """All documents of one bulk call together."""
    view_rows: int = 100_000
    """Rows of one answer; whoever wants more reads in pages."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked document, taken apart: from here on nothing depends on the caller's object."""

    id: str
    rev: str | None
    deleted: bool
    body: bytes
    """JSON of everything but the special fields."""
    attachments: tuple[str, ...]
    """The names of the attachments that the document keeps."""


class _Wrong(Exception):
    """Something in a document; the path is put together from the inside while it unwinds."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.path: list[str | int] = []


class TooMuchForNow(Exception):
    """The document is larger than the caller wanted to check at once."""


def prepare(doc: object, limits: Limits, *, budget: int | None = None) -> Prepared:
    """Check a document and take it apart.

    `budget` bounds the work done in this call, in values looked at and kilobytes of text; past it the call ends
    with TooMuchForNow, so that an event loop can leave large documents to a thread.
    Raises InvalidDocument, InvalidName (for its `_id`) and TooLarge.
    """
    if not isinstance(doc, dict):
        raise InvalidDocument(None, "", f"it must be an object, not a {type(doc).__name__}")
    id = doc.get("_id")
    if id is None:
        raise InvalidDocument(None, "_id", "it has no id")
    id = names.check_document(id)
    check = _Check(limits.depth, budget)
    fields: Document = {}
    try:
        for name, value in doc.items():
            if type(name) is not str:
                raise _Wrong(f"the name of a member is a {type(name).__name__}, not a string")
            if name.startswith("_"):
                if name not in SPECIAL_FIELDS:
                    raise InvalidDocument(id, name, "top-level fields that begin with _ are reserved")
                continue
            _check_name(name)
            _check_member(name, value, check)
            fields[name] = value
    except _Wrong as wrong:
        raise InvalidDocument(id, _dotted(wrong.path), wrong.reason) from None
    body = orjson.dumps(fields)
    if len(body) > limits.document:
        raise TooLarge(f"document {abridged(id)}", len(body), limits.document)
    return Prepared(id, _revision(doc), _deleted(doc), body, _attachments(doc))


class _Check:
    """How deep we may still go, and how much may still be looked at."""

    __slots__ = ("budget", "depth", "limit")

    def __init__(self, depth: int, budget: int | None) -> None:
        self.depth = self.limit = depth
        self.budget = math.inf if budget is None else budget


def _check_member(name: str | int, value: Any, check: _Check) -> None:
    try:
        _check_value(value, check)
    except _Wrong as wrong:
        wrong.path.append(name)
        raise


def _check_value(value: Any, check: _Check) -> None:
    check.budget -= 1
    if check.budget < 0:
        raise TooMuchForNow
    kind = type(value)
    if kind is str:
        _check_text(value, check)
    elif value is None or kind is bool:
        return
    elif kind is int:
        if not _SMALLEST <= value <= _LARGEST:
            raise _Wrong("an integer beyond 64 bits")
    elif kind is float:
        if not math.isfinite(value):
            raise _Wrong(f"{value} is not a JSON number")
    elif kind is dict:
        _enter(check)
        for name, member in value.items():
            if type(name) is not str:
                raise _Wrong(f"the name of a member is a {type(name).__name__}, not a string")
            _check_name(name)
            _check_member(name, member, check)
        check.depth += 1
    elif kind is list or kind is tuple:
        _enter(check)
        for index, member in enumerate(value):
            _check_member(index, member, check)
        check.depth += 1
    else:
        raise _Wrong(f"a {kind.__name__} is not a JSON value")


def _enter(check: _Check) -> None:
    check.depth -= 1
    if check.depth <= 0:
        raise _Wrong(f"more than {check.limit} arrays and objects inside one another")


def _check_text(value: str, check: _Check) -> None:
    check.budget -= len(value) >> 10
    if check.budget < 0:
        raise TooMuchForNow
    if not value.isascii():
        _check_surrogates(value, "the string")


def _check_name(name: str) -> None:
    if not name.isascii():
        _check_surrogates(name, "the name of a member")


def _check_surrogates(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _Wrong(f"character {error.start} of {what} is half of a surrogate pair and has no UTF-8") from None


def _dotted(path: list[str | int]) -> str:
    """`flow.children._[3]`, from the inside out."""
    text = ""
    for step in reversed(path):
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _revision(doc: Document) -> str | None:
    rev = doc.get("_rev")
    if rev is None or isinstance(rev, str):
        return rev
    raise InvalidDocument(doc["_id"], "_rev", f"a revision is a string, not a {type(rev).__name__}")


def _deleted(doc: Document) -> bool:
    deleted = doc.get("_deleted", False)
    if isinstance(deleted, bool):
        return deleted
    raise InvalidDocument(doc["_id"], "_deleted", f"it must be true or false, not a {type(deleted).__name__}")


def _attachments(doc: Document) -> tuple[str, ...]:
    """The names under `_attachments`. Only stubs may stand there: what an earlier read gave."""
    stubs = doc.get("_attachments")
    if stubs is None:
        return ()
    if not isinstance(stubs, dict):
        raise InvalidDocument(doc["_id"], "_attachments", "it must be an object")
    for name, stub in stubs.items():
        try:
            names.check_attachment(name)
        except InvalidName as error:
            raise InvalidDocument(doc["_id"], "_attachments", error.reason) from None
        if not isinstance(stub, dict) or stub.get("stub") is not True:
            raise InvalidDocument(
                doc["_id"], f"_attachments.{name}", "only stubs are taken here; data goes to put_attachment"
            )
    return tuple(stubs)
