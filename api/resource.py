"""How a resource is declared: a schema, a kind of document, a listing, and what is particular about it.

    MENUS = Resource("menus", id_name="menu_id", type="menu")
    RATES = Resource("rates", id_name="rate_id", type="rate", database="ratedeck")

`documents.py` serves it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mirliton.actors.store import Document
from mirliton.api.taking import Things
from mirliton.config import ValidationError

if TYPE_CHECKING:
    from mirliton.api.context import Context

Check = Callable[["Context", Document, "Document | None"], Awaitable[list[ValidationError]]]
"""A rule beyond the schema: what is wrong with a document that is to replace the stored one (None: it is new)."""

Prepare = Callable[["Context", Document, "Document | None"], list[ValidationError]]
"""Turns the data of a request into what is stored, in place: fills in, hashes, sets private fields."""

Finish = Callable[["Context", Document, "Document | None"], Awaitable[Document]]
"""The document as it is stored, made of one that nothing is wrong with: for what costs too much before that."""

IdOf = Callable[[Document], str | None]
"""The id of a document, by what it says of itself."""

Changed = Callable[["Context", Document], Awaitable[None]]
"""What follows from a stored change. When it fails the client is told so, and making the change again mends it."""

Facts = Callable[[Document], dict[str, Any]]
"""What is shown of the private fields, under `_read_only`, besides when the document was made and changed."""


def _nothing(context: Context, doc: Document, stored: Document | None) -> list[ValidationError]:
    return []


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource whose documents lie in an account's database, or in one of the whole system."""

    name: str
    """In URLs; the listing is the view `{name}/crossbar_listing`, the schema has this name unless told otherwise."""
    id_name: str
    """Of the parameter in URLs."""
    type: str
    """The documents' pvt_type."""
    schema: str = ""
    listed_by: str = ""
    database: str | None = None
    """The system's database where they lie, which is the master account's to change; None: the account's own."""
    parent: Resource | None = None
    """Whose documents these belong to; they name it in `parent_field`, by which `listed_by` finds them."""
    parent_field: str = ""
    prepare: Prepare = _nothing
    checks: tuple[Check, ...] = ()
    finish: Finish | None = None
    changed: Changed | None = None
    id_of: IdOf | None = None
    """The id of a new document that says itself what it is; None for one that gets a random one."""
    facts: Facts | None = None
    things: Things | None = None
    """What a document has and no other of the account may have, for what is written on several nodes (`taking.py`)."""
    everywhere: bool = False
    """Whether its checks look beyond the account, so that one change is made at a time in all accounts."""
    owned: bool = False
    """Whether documents have an owner (`owner_id`), and lists also stand under `users/{user_id}`."""
    plain_fields: frozenset[str] = field(default_factory=frozenset)
    """Fields of their own documents that a user who is no administrator may change; without any, they change none."""

    @property
    def view(self) -> str:
        """The view of its list."""
        return self.listed_by or f"{self.name}/crossbar_listing"

    @property
    def schema_name(self) -> str:
        """The schema of its documents."""
        return self.schema or self.name
