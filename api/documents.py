"""The documents of a declared resource (Kazoo reference 5.5): list, create, read, replace, merge, delete.

PUT creates, POST replaces, PATCH merges (null removes), DELETE hides. Private fields are never shown and never taken;
the stored ones win. Every write is judged by the resource's schema and by its own checks, all errors at once. What is
there only once is claimed before the write (`taking.py`); where a resource has checks and no claims, check and write
happen under one lock per account and resource.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from mirliton.actors.store import UNSET, BadQuery, Conflict, Document, NotFound, Row
from mirliton.actors.store.documents import is_deleted, public, replace_public, soft_deleted, stamp
from mirliton.actors.store.names import account_db, new_id
from mirliton.api.context import Answer, Context, Page, Raw, parameter
from mirliton.api.envelope import matches
from mirliton.api.errors import BadIdentifier, Forbidden, InvalidData, PreconditionFailed
from mirliton.api.filters import filters_of
from mirliton.api.merging import merged
from mirliton.api.paging import Listing, page, wanted
from mirliton.api.resource import Resource
from mirliton.api.routing import Handler, PlainUser, Route, Scope
from mirliton.api.tables import listed
from mirliton.api.taking import give_up, lost, take
from mirliton.config import public_fields, with_defaults


class Documents:
    """Serves one resource."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource

    def routes(
        self,
        *,
        lists: Mapping[str, PlainUser] | None = None,
        plain: Mapping[str, PlainUser] | None = None,
        listing: Handler | None = None,
        listing_of_user: Handler | None = None,
        read: Handler | None = None,
        clear: Handler | None = None,
    ) -> list[Route]:
        """The routes of the collection and of one document.

        `lists` and `plain` say what a user who is no administrator may do with either; `listing` and `listing_of_user`
        take the place of the lists, `read` of reading one; `clear` deletes all.
        """
        name = self.resource.name
        systems = self.resource.database is not None
        collection = name if systems else f"accounts/{{account_id}}/{self._above()}{name}"
        scope: Scope = "master" if systems else "account"
        found = [
            Route(
                collection,
                name,
                {"GET": listing or self.listing, "PUT": self.create, **({"DELETE": clear} if clear else {})},
                scope,
                plain=lists or {},
                documents=self.resource,
            ),
            Route(
                f"{collection}/{{{self.resource.id_name}}}",
                name,
                {"GET": read or self.read, "POST": self.replace, "PATCH": self.merge, "DELETE": self.delete},
                scope,
                plain=plain or {},
                documents=self.resource,
            ),
        ]
        if self.resource.owned:
            of_user = f"accounts/{{account_id}}/users/{{user_id}}/{name}"
            handlers = {"GET": listing_of_user or self.listing_of_user}
            found.append(Route(of_user, name, handlers, plain={"GET": "own"}, documents=self.resource))
        return found

    # Handlers

    async def listing(self, context: Context) -> Answer | Raw:
        return listed(context, *await self.rows(context), self.resource.name)

    async def listing_of_user(self, context: Context) -> Answer | Raw:
        rows, place = await self.rows(context, parameter(context, "user_id"))
        return listed(context, rows, place, self.resource.name)

    async def read(self, context: Context) -> Answer:
        stored = await self.load(context)
        context.must_own(stored)
        return self.answer(stored)

    async def create(self, context: Context) -> Answer:
        resource = self.resource
        above = await self._parents_id(context)
        belongs = {resource.parent_field: above} if above is not None else {}
        doc, errors = await self.judged(context, self.given(context) | belongs, {})
        errors += resource.prepare(context, doc, None)
        id = (resource.id_of(doc) if resource.id_of is not None and not errors else None) or new_id()
        async with context.services.locks.hold(self._lock(context, id)):
            for check in resource.checks:
                errors += await check(context, doc, None)
            if errors:
                raise InvalidData(errors)
            doc = {**await self._finished(context, doc, None), "_id": id}
            stored = await self._put(context, doc, None)
        await self._changed(context, stored)
        return self.answer(stored, status=201, location=_below(context, stored["_id"]))

    async def replace(self, context: Context) -> Answer:
        given = self.given(context)
        return await self.change(context, lambda stored: given)

    async def merge(self, context: Context) -> Answer:
        given = self.given(context)
        return await self.change(context, lambda stored: merged(public_fields(stored), given))

    async def delete(self, context: Context) -> Answer:
        resource, stored = self.resource, await self.load(context)
        context.must_own(stored)
        check_precondition(context, stored)
        gone = soft_deleted(stored, now=context.services.now())
        gone["_rev"] = await context.store.put(self.database(context), gone)
        if resource.things is not None:
            await give_up(context.store, self.database(context), gone["_id"], lost(stored, gone, resource.things))
        await self._changed(context, gone)
        return self.answer(gone)

    # Parts that resources with ways of their own use too

    def database(self, context: Context) -> str:
        """Where the documents lie."""
        return self.resource.database or account_db(context.account_id)

    async def rows(self, context: Context, owner: str | None = None) -> tuple[list[Document], Page]:
        """A page of the list, of one owner's where that is given."""
        tests = filters_of(context.query.items())
        asked = wanted(context.query, context.services.settings.page_size)
        # Whoever may not read the documents may filter by what the list shows of them, and by nothing else.
        whole = bool(tests) and not context.plain

        def keep(row: Row) -> bool:
            doc = row.doc if whole else row.value
            if owner is not None and row.value.get("owner_id") != owner:
                return False
            return isinstance(doc, dict) and all(test(doc) for test in tests)

        above = await self._parents_id(context)
        bound = UNSET if above is None else above
        source = Listing((self.database(context),), self.resource.view, bound, bound)
        filtering = keep if tests or owner is not None else None
        try:
            rows, place = await page(context.store, source, asked, keep=filtering, include_docs=whole)
        except BadQuery:
            raise InvalidData.of("start_key", "invalid", "must be a start_key of an earlier answer") from None
        return [row.value for row in rows], place

    async def load(self, context: Context) -> Document:
        """The document in the URL. Raises BadIdentifier."""
        id = parameter(context, self.resource.id_name)
        above = await self._parents_id(context)
        doc = await load_document(context, id, self.resource.type, self.database(context))
        if above is not None and doc.get(self.resource.parent_field) != above:
            raise BadIdentifier(id)
        return doc

    def given(self, context: Context) -> dict[str, Any]:
        """The data of the request, which must be an object. Raises InvalidData."""
        return required_object(context)

    async def judged(self, context: Context, data: dict[str, Any], stored: Document) -> tuple[Document, list[Any]]:
        """What is to be stored if the data is as its schema wants it, and what is wrong with it."""
        conformed = await context.conform(self.resource.schema_name, {key: data[key] for key in data if key != "id"})
        return replace_public(stored, conformed.document), list(conformed.errors)

    def answer(self, stored: Document, *, status: int = 200, location: str | None = None) -> Answer:
        facts = self.resource.facts(stored) if self.resource.facts is not None else {}
        return Answer(shown(stored, facts), status, revision=stored["_rev"], location=location)

    async def change(self, context: Context, change: Callable[[Document], Any]) -> Answer:
        """Write what `change` makes of the stored document: its public fields as they are to be."""
        resource = self.resource
        id = parameter(context, resource.id_name)
        async with context.services.locks.hold(self._lock(context, id)):
            stored = await self.load(context)
            context.must_own(stored)
            check_precondition(context, stored)
            data = change(stored)
            if resource.parent is not None:
                data = {**data, resource.parent_field: stored[resource.parent_field]}
            doc, errors = await self.judged(context, data, stored)
            if context.plain:
                self._only_plain_fields(stored, doc)
            errors += resource.prepare(context, doc, stored)
            for check in resource.checks:
                errors += await check(context, doc, stored)
            if errors:
                raise InvalidData(errors)
            written = await self._put(context, await self._finished(context, doc, stored), stored)
        await self._changed(context, written)
        return self.answer(written)

    def _above(self) -> str:
        parent = self.resource.parent
        return "" if parent is None else f"{parent.name}/{{{parent.id_name}}}/"

    async def _parents_id(self, context: Context) -> str | None:
        """The id of the document in the URL that these belong to. Raises BadIdentifier."""
        parent = self.resource.parent
        if parent is None:
            return None
        return str((await load_document(context, parameter(context, parent.id_name), parent.type))["_id"])

    async def _finished(self, context: Context, doc: Document, stored: Document | None) -> Document:
        finish = self.resource.finish
        return doc if finish is None else await finish(context, doc, stored)

    async def _put(self, context: Context, doc: Document, before: Document | None) -> Document:
        """Write a document with nothing wrong with it; on this node nobody has what it is to have."""
        store, things, database = context.store, self.resource.things, self.database(context)
        if things is None:
            return await self._write(context, doc)
        taken = await take(store, database, doc, before, things, context.services.now())
        try:
            written = await self._write(context, doc)
        except Conflict:
            await give_up(store, database, doc["_id"], taken)
            raise
        await give_up(store, database, doc["_id"], lost(before, written, things))
        return written

    async def _write(self, context: Context, doc: Document) -> Document:
        services, resource = context.services, self.resource
        stamped = stamp(
            doc,
            type=resource.type,
            account_id=None if resource.database is not None else context.account_id,
            db=resource.database,
            now=services.now(),
            node=services.node.name,
        )
        if resource.database is not None:
            await context.store.create_database(resource.database)
        return {**stamped, "_rev": await context.store.put(self.database(context), stamped)}

    async def _changed(self, context: Context, doc: Document) -> None:
        if self.resource.changed is not None:
            await self.resource.changed(context, doc)

    def _only_plain_fields(self, stored: Document, doc: Document) -> None:
        # A document of before a field got its default is not changed by having it filled in.
        before, after = with_defaults(self.resource.schema_name, public_fields(stored)), public_fields(doc)
        touched = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        forbidden = sorted(touched - self.resource.plain_fields)
        if forbidden:
            raise Forbidden(forbidden)

    def _lock(self, context: Context, id: str) -> str:
        """What else waits meanwhile: changes of the document; those of all where only a lock keeps them apart."""
        resource = self.resource
        one_for_all = resource.everywhere or resource.database is not None
        all = resource.name if one_for_all else f"{context.account_id}/{resource.name}"
        return all if resource.checks and resource.things is None else f"{all}/{id}"


def shown(doc: Document, facts: Mapping[str, Any] | None = None) -> Document:
    """A document as the API shows it: no private fields, but `_read_only` facts about it."""
    read_only = {"created": doc.get("pvt_created"), "modified": doc.get("pvt_modified"), **(facts or {})}
    read_only |= {"deleted": True} if is_deleted(doc) else {}
    return {**public(doc), "_read_only": read_only}


def required_object(context: Context) -> dict[str, Any]:
    """The envelope's data, which must be there and be an object. Raises InvalidData."""
    if context.data is None:
        raise InvalidData.of("data", "required", "is required", value="data")
    if not isinstance(context.data, dict):
        raise InvalidData.of("data", "type", "must be of type object", target="object")
    return context.data


async def load_document(context: Context, id: str, type: str, database: str | None = None) -> Document:
    """A document of the account in the URL (or of another database), of this type and not deleted.

    Raises BadIdentifier, StoreError.
    """
    try:
        doc = await context.store.get(database or account_db(context.account_id), id)
    except NotFound:
        raise BadIdentifier(id) from None
    if doc.get("pvt_type") != type or is_deleted(doc):
        raise BadIdentifier(id)
    return doc


def check_precondition(context: Context, stored: Document) -> None:
    """Refuse a change that was made from another revision than the current one. Raises PreconditionFailed."""
    header = context.request.headers.get("If-Match")
    if header is not None and not matches(header, stored["_rev"]):
        raise PreconditionFailed


def _below(context: Context, id: str) -> str:
    return f"{context.request.path.rstrip('/')}/{quote(id, safe='')}"
