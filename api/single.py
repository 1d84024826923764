"""A document of which an account has one, under a fixed id: read, replace, merge, delete.

    Single("token_restrictions", type="token_restrictions", schema="token_restrictions")

POST makes it where there is none. DELETE takes it away with its content, as Kazoo does with these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mirliton.actors.store import Document, NotFound
from mirliton.actors.store.documents import is_deleted, replace_public, stamp
from mirliton.actors.store.names import account_db
from mirliton.api.context import Context
from mirliton.api.documents import check_precondition
from mirliton.api.errors import BadIdentifier, InvalidData
from mirliton.config import ValidationError

Check = Callable[[Context, Document], Awaitable[list[ValidationError]]]


@dataclass(frozen=True, slots=True)
class Single:
    """Such a document; `check` says what is wrong with one beyond its schema."""

    id: str
    type: str
    schema: str
    check: Check | None = None

    async def find(self, context: Context) -> Document | None:
        """The document; None where the account has none. Raises StoreError."""
        stored = await self._stored(context)
        return None if stored is None or is_deleted(stored) else stored

    async def load(self, context: Context) -> Document:
        """The document. Raises BadIdentifier, StoreError."""
        found = await self.find(context)
        if found is None:
            raise BadIdentifier(self.id)
        return found

    async def write(self, context: Context, change: Callable[[Document], Any]) -> Document:
        """Store what `change` makes of the document, or of an empty one. Raises InvalidData, StoreError."""
        services = context.services
        async with services.locks.hold(f"{context.account_id}/{self.id}"):
            stored = await self._stored(context) or {}
            current = {} if is_deleted(stored) else stored
            if current:
                check_precondition(context, current)
            data = {key: value for key, value in change(current).items() if key != "id"}
            conformed = await context.conform(self.schema, data)
            errors = list(conformed.errors)
            if self.check is not None:
                errors += await self.check(context, conformed.document)
            if errors:
                raise InvalidData(errors)
            kept = current or ({"_rev": stored["_rev"]} if stored else {})
            doc = stamp(
                {**replace_public(kept, conformed.document), "_id": self.id},
                type=self.type,
                account_id=context.account_id,
                now=services.now(),
                node=services.node.name,
            )
            return {**doc, "_rev": await context.store.put(account_db(context.account_id), doc)}

    async def delete(self, context: Context) -> Document:
        """Take the document away; returns what it was. Raises BadIdentifier, StoreError."""
        stored = await self.load(context)
        check_precondition(context, stored)
        await context.store.delete(account_db(context.account_id), self.id, stored["_rev"])
        return stored

    async def _stored(self, context: Context) -> Document | None:
        try:
            return await context.store.get(account_db(context.account_id), self.id)
        except NotFound:
            return None
