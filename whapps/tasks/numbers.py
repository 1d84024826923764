"""Phone numbers row by row, and as tables. Kazoo: kt_numbers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, cast

from mirliton.actors.store import DatabaseNotFound, Document, InvalidName, NotFound
from mirliton.actors.store.names import account_db, check_account
from mirliton.config import conform, public_fields
from mirliton.whapps.numbers.keeping import NumberRefused, Numbers, facts
from mirliton.whapps.numbers.rules import number_rules
from mirliton.whapps.numbers.states import CREATED, STATES, Deed, State
from mirliton.whapps.services.quantities import descendants
from mirliton.whapps.tasks.action import Action, OutRow, RowFailed, Run
from mirliton.whapps.tasks.table import Row

PAGE: Final = 200
COLUMNS: Final = (
    "e164",
    "account_id",
    "previously_assigned_to",
    "state",
    "created",
    "modified",
    "used_by",
    "ported_in",
    "carrier_module",
    "cnam.inbound",
    "cnam.outbound",
)
FEATURES: Final = ("cnam.inbound", "cnam.outbound")
_NUMBER: Final = "e164"


async def _import(run: Run, number: int, row: Row) -> OutRow:
    """A number made for an account, with a state and features; one that is there already, so, is left as it is."""
    e164 = await _number(run, row)
    account_id = await _account(run, row)
    if not run.master and not await _may_add(run):
        raise RowFailed("forbidden: the account may not add numbers")
    state = row.get("state", "").strip() or "in_service"
    if state not in CREATED:
        raise RowFailed(f"state: a number is made {', '.join(sorted(CREATED))}, not {state[:40]!a}")
    store = Numbers(run.store, run.clock)
    try:
        doc = await store.create(e164, account_id, _features(row), state=cast(State, state))
    except NumberRefused as refused:
        there = await _there(store, e164)
        if there is None or facts(there)["assigned_to"] != account_id:
            raise _failed(refused) from None
        doc = there  # it is this account's already; perhaps this very row made it before its task was interrupted
        await store.mend(e164)
    return _out(doc)


def _deed(deed: Deed) -> Callable[[Run, int, Row], Awaitable[OutRow]]:
    async def do(run: Run, number: int, row: Row) -> OutRow:
        e164 = await _number(run, row)
        store = Numbers(run.store, run.clock)
        account_id = await _account(run, row) if "account_id" in row else run.account_id
        before = await _there(store, e164)
        holder = facts(before)["assigned_to"] if before is not None else None
        if deed in ("release", "delete") and holder is None:
            # Given back already: by this row, before its task was interrupted, or by others.
            if before is None and deed == "release":
                raise RowFailed("not_found: there is no such number")
            if before is None or deed == "release":
                return {_NUMBER: e164, "state": "deleted" if before is None else facts(before)["state"]}
        if holder is not None and not await run.reaches(holder):
            raise RowFailed("forbidden: the number is another account's")
        actor = str(holder) if deed in ("release", "delete") and holder is not None else account_id
        try:
            return _out(await store.change(e164, actor, deed, may_take=run.reaches))
        except NumberRefused as refused:
            raise _failed(refused) from None

    return do


def _update(*, merge: bool) -> Callable[[Run, int, Row], Awaitable[OutRow]]:
    async def do(run: Run, number: int, row: Row) -> OutRow:
        e164 = await _number(run, row)
        store = Numbers(run.store, run.clock)
        there = await _there(store, e164)
        holder = facts(there)["assigned_to"] if there is not None else None
        if holder is None:
            raise RowFailed("not_found: there is no such number, or it is nobody's")
        if not await run.reaches(str(holder)):
            raise RowFailed("forbidden: the number is another account's")
        given = _features(row)

        def changed(doc: Document) -> Document:
            public = public_fields(doc)
            if not merge:
                return {key: value for key, value in public.items() if key != "cnam"} | given
            return public | ({"cnam": {**(public.get("cnam") or {}), **given["cnam"]}} if "cnam" in given else {})

        try:
            return _out(await store.write(e164, str(holder), changed))
        except NumberRefused as refused:
            raise _failed(refused) from None

    return do


async def _find(run: Run, number: int, row: Row) -> OutRow:
    e164 = await _number(run, row)
    doc = await _there(Numbers(run.store, run.clock), e164)
    holder = facts(doc)["assigned_to"] if doc is not None else None
    if doc is None or holder is None or not await run.reaches(str(holder)):
        raise RowFailed("not_found: there is no such number")
    return _out(doc)


async def _list(run: Run, place: Any, *, below: bool) -> AsyncIterator[tuple[Sequence[OutRow], Any]]:
    """The account's own, and those of all below it: in the order of accounts, then of numbers."""
    accounts = sorted([run.account_id, *(await descendants(run.store, run.account_id) if below else [])])
    begun = place if isinstance(place, list) and len(place) == 2 else ["", ""]
    for account_id in accounts:
        if account_id < begun[0]:
            continue
        after = str(begun[1]) if account_id == begun[0] else ""
        while True:
            try:
                view = await run.store.view(
                    account_db(account_id), "numbers/list_by_number", startkey=after, limit=PAGE, include_docs=True
                )
            except DatabaseNotFound:
                break
            docs = [row.doc for row in view.rows if row.doc is not None and row.id != after]
            if docs:
                after = str(docs[-1]["_id"])
                yield [_out(doc) for doc in docs], [account_id, after]
            if len(view.rows) < PAGE:
                break


async def _dump(run: Run, place: Any, *, states: tuple[str, ...]) -> AsyncIterator[tuple[Sequence[OutRow], Any]]:
    """All numbers of the system that are in some states."""
    begun = place if isinstance(place, list) and len(place) == 3 else ["", "", ""]
    for db in await run.store.databases("numbers/"):
        for state in states:
            if [db, state] < begun[:2]:
                continue
            after = str(begun[2]) if [db, state] == begun[:2] else ""
            while True:
                try:
                    view = await run.store.view(
                        db,
                        "numbers/status",
                        startkey=[state, after],
                        endkey=[state, {}],
                        limit=PAGE,
                        include_docs=True,
                    )
                except DatabaseNotFound:
                    break
                docs = [row.doc for row in view.rows if row.doc is not None and row.id != after]
                if docs:
                    after = str(docs[-1]["_id"])
                    yield [_out(doc) for doc in docs], [db, state, after]
                if len(view.rows) < PAGE:
                    break


async def _number(run: Run, row: Row) -> str:
    given = row[_NUMBER].strip()
    if not given:
        raise RowFailed("e164: a number is needed")
    return (await number_rules(run.store, run.account_id)).e164(given)


async def _account(run: Run, row: Row) -> str:
    given = row.get("account_id", "").strip()
    if not given:
        return run.account_id
    try:
        check_account(given)
    except InvalidName:
        raise RowFailed("account_id: it is no account's id") from None
    if not await run.reaches(given):
        raise RowFailed("account_id: forbidden")
    try:
        await run.store.get(account_db(given), given)
    except NotFound:
        raise RowFailed("account_id: there is no such account") from None
    return given


async def _may_add(run: Run) -> bool:
    try:
        account = await run.store.get(account_db(run.auth_account_id), run.auth_account_id)
    except NotFound:
        return False
    return account.get("pvt_wnm_allow_additions") is True


async def _there(store: Numbers, e164: str) -> Document | None:
    try:
        return await store.get(e164)
    except (NumberRefused, InvalidName):
        return None


def _features(row: Row) -> dict[str, Any]:
    """What a row says of features. Raises RowFailed."""
    cnam: dict[str, Any] = {}
    if inbound := row.get("cnam.inbound", "").strip().lower():
        if inbound not in ("true", "false"):
            raise RowFailed("cnam.inbound: it must be true or false")
        cnam["inbound_lookup"] = inbound == "true"
    if outbound := row.get("cnam.outbound", "").strip():
        cnam["display_name"] = outbound
    given = {"cnam": cnam} if cnam else {}
    judged = conform("phone_numbers", given)
    if not judged.ok:
        raise RowFailed("; ".join(f"{'.'.join(map(str, error.path))}: {error.message}" for error in judged.errors))
    return dict(judged.document)


def _failed(refused: NumberRefused) -> RowFailed:
    return RowFailed(f"{refused.name}: {refused.message}")


def _out(doc: Document) -> OutRow:
    given = doc.get("cnam")
    cnam: dict[str, Any] = given if isinstance(given, dict) else {}
    return {
        _NUMBER: doc["_id"],
        "account_id": doc.get("pvt_assigned_to"),
        "previously_assigned_to": doc.get("pvt_previously_assigned_to"),
        "state": doc.get("pvt_state"),
        "created": doc.get("pvt_created"),
        "modified": doc.get("pvt_modified"),
        "used_by": doc.get("pvt_used_by"),
        "ported_in": bool(doc.get("pvt_ported_in")),
        "carrier_module": doc.get("pvt_module_name"),
        "cnam.inbound": cnam.get("inbound_lookup"),
        "cnam.outbound": cnam.get("display_name"),
    }


_EACH: Final = {
    "import": Action(
        "numbers",
        "import",
        "Bulk-import numbers using superadmin privileges",
        mandatory=(_NUMBER,),
        optional=("account_id", "state", *FEATURES),
        output=COLUMNS,
        row=_import,
    ),
    "assign_to": Action(
        "numbers",
        "assign_to",
        "Bulk-assign numbers to the provided account",
        mandatory=(_NUMBER, "account_id"),
        output=COLUMNS,
        row=_deed("activate"),
    ),
    "update_merge": Action(
        "numbers",
        "update_merge",
        "Bulk-update numbers, changing what is given",
        mandatory=(_NUMBER,),
        optional=FEATURES,
        output=COLUMNS,
        row=_update(merge=True),
    ),
    "update_overwrite": Action(
        "numbers",
        "update_overwrite",
        "Bulk-update numbers, to have what is given and no more",
        mandatory=(_NUMBER,),
        optional=FEATURES,
        output=COLUMNS,
        row=_update(merge=False),
    ),
    "find": Action("numbers", "find", "Look up numbers", mandatory=(_NUMBER,), output=COLUMNS, row=_find),
    "release": Action(
        "numbers",
        "release",
        "Release numbers (removing from account)",
        mandatory=(_NUMBER,),
        output=COLUMNS,
        row=_deed("release"),
    ),
    "reserve": Action(
        "numbers",
        "reserve",
        "Bulk-move numbers to reserved (adding if missing)",
        mandatory=(_NUMBER, "account_id"),
        output=COLUMNS,
        row=_deed("reserve"),
    ),
    "delete": Action(
        "numbers",
        "delete",
        "Bulk-remove numbers from the system",
        mandatory=(_NUMBER,),
        output=COLUMNS,
        row=_deed("delete"),
        masters=True,
    ),
}
ACTIONS: Final = (
    *_EACH.values(),
    Action(
        "numbers",
        "list",
        "List all numbers assigned to the account starting the task",
        output=COLUMNS,
        listing=partial(_list, below=False),
    ),
    Action(
        "numbers",
        "list_all",
        "List all numbers assigned to the account starting the task & its subaccounts",
        output=COLUMNS,
        listing=partial(_list, below=True),
    ),
    Action(
        "numbers",
        "dump",
        "List all numbers that exist in the system",
        output=COLUMNS,
        listing=partial(_dump, states=tuple(sorted(STATES))),
        masters=True,
    ),
    *(
        Action(
            "numbers",
            f"dump_{state}",
            f"List all {state} numbers that exist in the system",
            output=COLUMNS,
            listing=partial(_dump, states=(state,)),
            masters=True,
        )
        for state in sorted(STATES)
    ),
)
