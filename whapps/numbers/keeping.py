"""Making, assigning and releasing numbers: the one place where documents of numbers are written. Kazoo: knm_number.

A number's document lies in `numbers/+1415…` and says whose it is; that is what routes calls (`ownership.py`). The
account that has it has a copy in its own database, by which its numbers are listed. The document is written first:
where the copy is not, `mend` (or making the change again) brings it up to date. Two who take a number at once meet at
the document's revision, and one gets it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from mirliton.actors.store import Conflict, Document, NotFound, Store, update
from mirliton.actors.store.documents import is_deleted, is_private, replace_public, stamp
from mirliton.actors.store.names import account_db
from mirliton.whapps.numbers.ownership import PREFIX
from mirliton.whapps.numbers.states import FREE, TRANSITIONS, Deed, State

LOCAL: Final = "knm_local"
"""The carrier module of numbers that are our own: released, they are gone."""
INVENTORY: Final = "knm_inventory"
"""The carrier module of numbers that are kept in stock: released, they are available again."""
FEATURES: Final = ("cnam", "failover", "force_outbound", "prepend", "ringback")
"""What a number may have, each a public field of this name. E911 needs a provider, which there is none for."""
_E164: Final = re.compile(r"\+[0-9]{5,20}")

MayTake = Callable[[str], Awaitable[bool]]
"""Whether who asks may take a number from this account."""


class NumberRefused(Exception):
    """Something that cannot be done with `number`; `name` is Kazoo's word for why, `status` what HTTP calls it."""

    def __init__(self, number: str, name: str, status: int, message: str) -> None:
        super().__init__(f"{number}: {message}")
        self.number = number
        self.name = name
        self.status = status
        self.message = message


async def _nobody_else(holder: str) -> bool:
    return False


class Numbers:
    """Changes numbers. `clock` gives unix seconds."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def get(self, number: str) -> Document:
        """The number's document. Raises NumberRefused where there is none, StoreError."""
        try:
            doc = await self._store.get(_database(number), number)
        except NotFound:
            raise _missing(number) from None
        if is_deleted(doc) or doc.get("pvt_state") == "deleted":
            raise _missing(number)
        return doc

    async def create(self, number: str, account_id: str, public: Document, *, state: State = "in_service") -> Document:
        """Make a number that is not there, for this account. Raises NumberRefused, StoreError."""
        if not _E164.fullmatch(number):
            raise NumberRefused(number, "not_reconcilable", 400, f"{number[:32]} is no number in E.164")
        database = _database(number)
        await self._store.create_database(database)
        module = INVENTORY if state in FREE else LOCAL
        doc = self._assigned({"_id": number, "pvt_module_name": module}, account_id, state)
        doc = self._stamped(_with_public(doc, public))
        try:
            made = {**doc, "_rev": await self._store.put(database, doc)}
        except Conflict:
            made = await self._over_deleted(number, doc)
        await self._copy(made)
        return made

    async def change(
        self,
        number: str,
        account_id: str,
        deed: Deed,
        *,
        public: Document | None = None,
        may_take: MayTake = _nobody_else,
    ) -> Document:
        """Do something with a number for this account: one it has, that is free, or that it may take.

        Raises NumberRefused, StoreError.
        """
        before = await self.get(number)
        holder = _holder(before)
        if holder not in (account_id, None) and not await may_take(str(holder)):
            raise NumberRefused(number, "forbidden", 403, "the number is another account's")

        def changed(doc: Document) -> Document:
            if _holder(doc) != holder or is_deleted(doc):
                raise NumberRefused(number, "number_exists", 409, "somebody else has just taken the number")
            state = TRANSITIONS[deed].get(str(doc.get("pvt_state")))
            if state is None:
                message = f"a number that is {doc.get('pvt_state')} cannot be changed so: {deed}"
                raise NumberRefused(number, "invalid_state_transition", 400, message)
            if deed in ("release", "delete"):
                return self._stamped(_given_back(doc, account_id, deed))
            made = self._assigned(doc, account_id, state)
            return self._stamped(_with_public(made, public) if public is not None else made)

        after = await update(self._store, _database(number), number, changed)
        await self._copy(after)
        if holder is not None and holder != _holder(after):
            await self._uncopy(str(holder), number)
        return after

    async def write(self, number: str, account_id: str, change: Callable[[Document], Document]) -> Document:
        """Change the public fields of a number that the account has. Raises NumberRefused, StoreError."""
        await self._own(number, account_id)

        def changed(doc: Document) -> Document:
            if _holder(doc) != account_id:
                raise _missing(number)
            return self._stamped(_with_public(doc, change(doc)))

        after = await update(self._store, _database(number), number, changed)
        await self._copy(after)
        return after

    async def give_back_all(self, account_id: str, limit: int) -> None:
        """Release the numbers of an account, `limit` at most. Raises StoreError."""
        await self.mend_account(account_id, limit)
        for row in (await self._store.view(account_db(account_id), "numbers/list_by_number", limit=limit)).rows:
            await self.change(str(row.id), account_id, "release")

    async def mend(self, number: str) -> None:
        """Have the copies of a number say what its document says. Raises NumberRefused, StoreError."""
        await self._copy(await self.get(number))

    async def mend_account(self, account_id: str, limit: int) -> list[str]:
        """Take away an account's copies of numbers that it does not have, and bring the others up to date."""
        mended = []
        rows = (await self._store.view(account_db(account_id), "numbers/list_by_number", limit=limit)).rows
        for row in rows:
            number = str(row.id)
            try:
                doc = await self.get(number)
            except NumberRefused:
                doc = {}
            if _holder(doc) == account_id:
                await self._copy(doc)
            else:
                await self._uncopy(account_id, number)
            mended.append(number)
        return mended

    async def _own(self, number: str, account_id: str) -> Document:
        doc = await self.get(number)
        if _holder(doc) != account_id:
            raise _missing(number)
        return doc

    async def _over_deleted(self, number: str, doc: Document) -> Document:
        """Where the document is of a number that was deleted, it is made anew."""
        old = await self._store.get(_database(number), number)
        if not is_deleted(old) and old.get("pvt_state") != "deleted":
            raise NumberRefused(number, "number_exists", 409, f"number {number} already exists")
        try:
            return {**doc, "_rev": await self._store.put(_database(number), {**doc, "_rev": old["_rev"]})}
        except Conflict:
            raise NumberRefused(number, "number_exists", 409, f"number {number} already exists") from None

    def _assigned(self, doc: Document, account_id: str, state: State) -> Document:
        """The number in this state, and whose it is in it."""
        made = {**doc, "pvt_state": state}
        if state in FREE:
            return made
        history = [id for id in doc.get("pvt_reserve_history", []) if id != account_id]
        if state == "reserved":
            history = [account_id, *history]
        return {
            **made,
            "pvt_assigned_to": account_id,
            "pvt_previously_assigned_to": doc.get("pvt_assigned_to"),
            "pvt_reserve_history": history if state == "reserved" else doc.get("pvt_reserve_history", []),
        }

    def _stamped(self, doc: Document) -> Document:
        database = _database(str(doc["_id"]))
        made = {**doc, "pvt_features": {name: doc[name] for name in FEATURES if name in doc}}
        return stamp(made, type="number", db=database, now=self._clock())

    async def _copy(self, doc: Document) -> None:
        holder = _holder(doc)
        if holder is None:
            return
        fields = {key: value for key, value in doc.items() if key not in ("_rev", "_attachments")}
        await update(self._store, account_db(holder), str(doc["_id"]), lambda _: dict(fields), create=True)

    async def _uncopy(self, account_id: str, number: str) -> None:
        try:
            doc = await self._store.get(account_db(account_id), number)
            await self._store.delete(account_db(account_id), number, str(doc["_rev"]))
        except NotFound:
            return


def _given_back(doc: Document, account_id: str, deed: Deed) -> Document:
    """The number without the account: back to who reserved it before, else free, or gone."""
    history = [id for id in doc.get("pvt_reserve_history", []) if id != account_id]
    bare = {key: value for key, value in doc.items() if is_private(key)}
    bare |= {"pvt_reserve_history": history, "pvt_previously_assigned_to": doc.get("pvt_assigned_to")}
    bare.pop("pvt_assigned_to", None)
    bare.pop("pvt_used_by", None)
    if deed == "delete":
        return {**bare, "pvt_state": "deleted"}
    if history:
        return {**bare, "pvt_state": "reserved", "pvt_assigned_to": history[0]}
    return {**bare, "pvt_state": "deleted" if doc.get("pvt_module_name") == LOCAL else "available"}


def _with_public(doc: Document, public: Document) -> Document:
    """The document with these public fields. Raises NumberRefused where a feature is not allowed."""
    denied = doc.get("pvt_features_denied", [])
    allowed = doc.get("pvt_features_allowed", FEATURES)
    for name in FEATURES:
        if name in public and (name in denied or name not in allowed):
            raise NumberRefused(str(doc["_id"]), "forbidden", 403, f"the number may not have {name}")
    if "e911" in public and public["e911"] != doc.get("e911"):
        raise NumberRefused(str(doc["_id"]), "no_change_required", 400, "there is no provider for e911")
    return replace_public(doc, public)


def _holder(doc: Document) -> str | None:
    holder = doc.get("pvt_assigned_to")
    return holder if isinstance(holder, str) and doc.get("pvt_state") not in FREE else None


def _missing(number: str) -> NumberRefused:
    return NumberRefused(number, "not_found", 404, "the number could not be found")


def _database(number: str) -> str:
    return f"numbers/{number[:PREFIX]}"


def facts(doc: Document) -> dict[str, Any]:
    """A number as the API shows it."""
    shown: dict[str, Any] = {key: value for key, value in doc.items() if not is_private(key)}
    return shown | {
        "id": doc["_id"],
        "assigned_to": _holder(doc),
        "state": doc.get("pvt_state"),
        "used_by": doc.get("pvt_used_by", ""),
        "features": doc.get("pvt_features", {}),
        "created": doc.get("pvt_created"),
        "updated": doc.get("pvt_modified"),
    }
