"""Secrets at rest: what must stay readable for us is encrypted where it is kept.

SIP passwords cannot be kept as hashes: a proxy needs them, or the HA1 made of them. So the store's actor (`server.py`)
encrypts the fields named by `SECRETS` before a document is written and decrypts them when one is read; everybody above
sees plain documents, and the disk, its backups and exports hold

    "sip": {"username": "u1", "password": "sealed:1:k1:…"}

A keyring holds several keys by id. The first seals, all open: to change keys the new one is put before the old, on all
nodes, and `mirliton db reencrypt` seals anew what the old one has sealed. What is plain, as in documents that came from
a Kazoo, is read as it is and sealed when it is written next.

The cipher is AES-SIV (RFC 5297) with 512-bit keys that HKDF makes of the configured text. It needs no nonce and seals
the same text the same way, so that writing a document unchanged does not change what is kept. Database and document are
authenticated with it: a sealed text that is moved to another document does not open there. What does not open is left
as it is, told once for each key in the log, and is never taken for a password.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mirliton.actors.store.documents import Document
from mirliton.actors.store.interface import ViewResult

log = structlog.get_logger()

SECRETS: Final[Mapping[str, tuple[str, ...]]] = {
    "device": ("sip.password",),
    "resource": ("gateways.*.password",),
    "sys_info": ("servers.*.auth.auth_password",),
    "user": ("pvt_totp.secret", "pvt_totp_offered.secret"),
    "vmbox": ("pin",),
}
"""The secret fields of each kind of document; `*` stands for each item of a list."""
VIEWS: Final = frozenset({"devices/sip_credentials"})
"""Views whose rows hold such fields."""
PREFIX: Final = "sealed:1:"
SHORTEST_KEY: Final = 32
"""Characters."""

_KEY: Final = re.compile(rf"([a-z0-9]{{1,16}}):(\S{{{SHORTEST_KEY},}})")


class Keyring:
    """Keys by id, the one that seals first. `text` is `id:key`, or several with spaces between. Raises ValueError."""

    def __init__(self, text: str) -> None:
        self._ciphers: dict[str, AESSIV] = {}
        self._missed: set[str] = set()
        for item in text.split():
            found = _KEY.fullmatch(item)
            if found is None or found[1] in self._ciphers:
                raise ValueError(
                    f"each key must be id:key, with ids of their own and {SHORTEST_KEY} characters or more"
                )
            derive = HKDF(SHA512(), 64, salt=None, info=b"mirliton store secrets")
            self._ciphers[found[1]] = AESSIV(derive.derive(found[2].encode()))
        if not self._ciphers:
            raise ValueError("there must be a key")
        self._first = next(iter(self._ciphers))

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._ciphers)})"

    def seal(self, text: str, db: str, id: str) -> str:
        """The text, sealed with the first key; what is sealed already is returned as it is."""
        if is_sealed(text):
            return text
        made = self._ciphers[self._first].encrypt(b"\0" + text.encode(), [db.encode(), id.encode()])
        return f"{PREFIX}{self._first}:{base64.urlsafe_b64encode(made).decode().rstrip('=')}"

    def open(self, text: str, db: str, id: str) -> str:
        """The text that was sealed; what is plain, or does not open, is returned as it is."""
        if not is_sealed(text):
            return text
        key, _, made = text.removeprefix(PREFIX).partition(":")
        cipher = self._ciphers.get(key)
        try:
            if cipher is not None:
                raw = base64.b64decode(made + "=" * (-len(made) % 4), altchars=b"-_", validate=True)
                return cipher.decrypt(raw, [db.encode(), id.encode()])[1:].decode()
        except (InvalidTag, binascii.Error, ValueError):
            pass  # Told below, as is a key that is not there.
        if key not in self._missed and len(self._missed) < 100:
            self._missed.add(key)
            log.error("secret_does_not_open", key=key[:16], db=db, id=id, known=list(self._ciphers))
        return text

    def is_current(self, text: str) -> bool:
        """Whether this was sealed with the first key."""
        return text.startswith(f"{PREFIX}{self._first}:")

    def sealed(self, db: str, doc: Document) -> Document:
        """The document as it is to be kept; it is not changed itself."""
        return _changed(doc, lambda text: self.seal(text, db, str(doc.get("_id"))))

    def opened(self, db: str, doc: Document) -> Document:
        """The document as it was given; it is not changed itself."""
        return _changed(doc, lambda text: self.open(text, db, str(doc.get("_id"))))

    def sealed_request(self, operation: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of an operation of a store, as they are to be carried out."""
        if operation == "put":
            db, doc, *rest = args
            return (db, self.sealed(db, doc), *rest)
        if operation == "bulk":
            db, docs, *rest = args
            return (db, [self.sealed(db, doc) for doc in docs], *rest)
        return args

    def opened_answer(self, operation: str, args: tuple[Any, ...], answer: Any) -> Any:
        """What an operation of a store has answered, as it is to be seen."""
        if operation == "get":
            return self.opened(args[0], answer)
        if operation == "get_many":
            return [None if doc is None else self.opened(args[0], doc) for doc in answer]
        if operation in ("view", "all_docs") and isinstance(answer, ViewResult):
            db = args[0]
            emits = operation == "view" and args[1] in VIEWS
            return ViewResult([self._row(db, row, emits) for row in answer.rows], answer.total_rows, answer.offset)
        return answer

    def _row(self, db: str, row: Any, emits: bool) -> Any:
        value = row.value
        if emits and isinstance(value, dict) and row.id is not None:
            value = {name: self.open(part, db, row.id) if _is_text(part) else part for name, part in value.items()}
        doc = row.doc if row.doc is None else self.opened(db, row.doc)
        return row if value is row.value and doc is row.doc else type(row)(row.id, row.key, value, doc, row.error)


def is_sealed(text: object) -> bool:
    """Whether this is a sealed text, which is nobody's password."""
    return isinstance(text, str) and text.startswith(PREFIX)


def secrets_of(doc: Document) -> list[str]:
    """What stands in the secret fields of a document."""
    found: list[str] = []

    def note(text: str) -> str:
        found.append(text)
        return text

    _changed(doc, note)
    return found


def _changed(doc: Document, change: Callable[[str], str]) -> Document:
    """A document with its secret fields changed; what is on the way to them is copied, the rest is shared."""
    kind = doc.get("pvt_type")
    made: Any = doc
    for path in SECRETS.get(kind, ()) if isinstance(kind, str) else ():
        made = _at(made, path.split("."), change)
    return made  # type: ignore[no-any-return] # _at returns what kind of thing it was given


def _at(value: Any, steps: list[str], change: Callable[[str], str]) -> Any:
    if not steps:
        return change(value) if _is_text(value) else value
    step, rest = steps[0], steps[1:]
    if step == "*":
        if not isinstance(value, list):
            return value
        items = [_at(item, rest, change) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    if not isinstance(value, dict) or step not in value:
        return value
    changed = _at(value[step], rest, change)
    return value if changed is value[step] else {**value, step: changed}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
