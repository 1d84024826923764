"""Names of databases, documents and attachments: which are allowed, and how Kazoo composes them.

Databases have CouchDB's alphabet, so the same names work on every backend. Kazoo keeps an account in
`account/XX/YY/REST`, and what belongs to one month of it (CDRs, voicemail messages) in a month database
`account/XX/YY/REST-YYYYMM` ("MODB"), whose documents have ids `YYYYMM-…`: the id tells the database. Months are UTC.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote, unquote

from mirliton.actors.store.errors import InvalidName

DATABASE_LENGTH = 238
"""CouchDB's limit, in characters."""
DOCUMENT_LENGTH = 1024
"""Bytes of UTF-8; CouchDB has no limit, but a document's id becomes part of an URL there."""
ATTACHMENT_LENGTH = 512
"""Bytes of UTF-8."""

_DATABASE = re.compile(r"[a-z][a-z0-9_$()+/-]*")
_ACCOUNT = re.compile(r"[0-9a-f]{32}")
_ACCOUNT_DB = re.compile(r"account/([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{28})(?:-([0-9]{4})(0[1-9]|1[0-2]))?")
_MONTH_PREFIX = re.compile(r"([0-9]{4})(0[1-9]|1[0-2])-.")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Month(NamedTuple):
    """A calendar month in UTC; months order as time does."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04d}{self.month:02d}"

    @property
    def next(self) -> Month:
        """The month after this one."""
        return Month(self.year + 1, 1) if self.month == 12 else Month(self.year, self.month + 1)

    @property
    def previous(self) -> Month:
        """The month before this one."""
        return Month(self.year - 1, 12) if self.month == 1 else Month(self.year, self.month - 1)

    @classmethod
    def at(cls, unix: float) -> Month:
        """The month that holds this moment (unix seconds)."""
        moment = datetime.fromtimestamp(unix, UTC)
        return cls(moment.year, moment.month)


def months_between(first: Month, last: Month) -> list[Month]:
    """All months from `first` to `last`, both included; empty when `last` is the earlier one."""
    months = []
    while first <= last:
        months.append(first)
        first = first.next
    return months


def check_database(name: object) -> str:
    """The name, if a database may have it. Raises InvalidName."""
    if not isinstance(name, str):
        raise InvalidName("database", name, "it must be a string")
    if not name:
        raise InvalidName("database", name, "it is empty")
    if len(name) > DATABASE_LENGTH:
        raise InvalidName("database", name, f"it is longer than {DATABASE_LENGTH} characters")
    if not _DATABASE.fullmatch(name):
        raise InvalidName(
            "database", name, "it must begin with a small letter and hold only a-z, 0-9 and _ $ ( ) + - /"
        )
    return name


def check_document(id: object) -> str:
    """The id, if a document may have it. Raises InvalidName.

    Refused are ids that some backend would take for something else: those that begin with an underscore
    (CouchDB's own), "." and ".." (which a path would swallow), and control characters.
    """
    text = _text("document", id, DOCUMENT_LENGTH)
    if text in (".", ".."):
        raise InvalidName("document", text, "a path would swallow it")
    return text


def check_attachment(name: object) -> str:
    """The name, if an attachment may have it (the rules are those for documents). Raises InvalidName."""
    text = _text("attachment", name, ATTACHMENT_LENGTH)
    if text in (".", ".."):
        raise InvalidName("attachment", text, "a path would swallow it")
    return text


def _text(kind: str, value: object, limit: int) -> str:
    if not isinstance(value, str):
        raise InvalidName(kind, value, "it must be a string")
    if not value:
        raise InvalidName(kind, value, "it is empty")
    if len(value) > limit:
        raise InvalidName(kind, value, f"it is longer than {limit} bytes")
    if value.startswith("_"):
        raise InvalidName(kind, value, "names that begin with _ are reserved")
    if control := _CONTROL.search(value):
        raise InvalidName(kind, value, f"it holds the control character {control.group()!a}")
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        raise InvalidName(
            kind, value, f"character {error.start} is half of a surrogate pair and has no UTF-8"
        ) from None
    if size > limit:
        raise InvalidName(kind, value, f"it is longer than {limit} bytes")
    return value


def check_account(account_id: object) -> str:
    """The account id, if it is one (32 hexadecimal digits, small letters). Raises InvalidName."""
    if not isinstance(account_id, str) or not _ACCOUNT.fullmatch(account_id):
        raise InvalidName("account", account_id, "an account id is 32 digits of 0-9 a-f")
    return account_id


def account_db(account_id: str) -> str:
    """The account's database, `account/4f/3a/rest`. Raises InvalidName."""
    check_account(account_id)
    return f"account/{account_id[:2]}/{account_id[2:4]}/{account_id[4:]}"


def modb(account_id: str, year: int, month: int) -> str:
    """The account's database of one month, `account/4f/3a/rest-202611`. Raises InvalidName."""
    if not (1 <= month <= 12 and 0 <= year <= 9999):
        raise InvalidName("month", f"{year}-{month}", "there is no such month")
    return f"{account_db(account_id)}-{Month(year, month)}"


def account_id_of(db: str) -> str | None:
    """The account whose own or month database this is; None for any other database."""
    found = _ACCOUNT_DB.fullmatch(db)
    return "".join(found.group(1, 2, 3)) if found else None


def month_of_db(db: str) -> Month | None:
    """The month of a month database; None for any other database."""
    found = _ACCOUNT_DB.fullmatch(db)
    return Month(int(found[4]), int(found[5])) if found and found[4] else None


def month_of_id(id: str) -> Month | None:
    """The month that a document's id `YYYYMM-…` names; None where it names none."""
    found = _MONTH_PREFIX.match(id)
    return Month(int(found[1]), int(found[2])) if found else None


def month_id(month: Month, rest: str | None = None) -> str:
    """An id for a month database: `YYYYMM-` and `rest`, or 32 random hexadecimal digits."""
    return f"{month}-{rest or new_id()}"


def new_id() -> str:
    """A fresh document id in CouchDB's form, 32 random hexadecimal digits."""
    return secrets.token_hex(16)


def classify(db: str) -> str:
    """The class that a view is declared for: "account", "modb", "numbers", "entities", or the database's own name."""
    found = _ACCOUNT_DB.fullmatch(db)
    if found:
        return "modb" if found[4] else "account"
    first, slash, _ = db.partition("/")
    return first if slash and first in ("numbers", "entities") else db


def encoded(db: str) -> str:
    """The name as Kazoo writes it into pvt_account_db: slashes and plus signs as %XX."""
    return quote(db, safe="")


def decoded(name: str) -> str:
    """A database's name from the form in pvt_account_db; one that is not encoded stays as it is."""
    return unquote(name)
