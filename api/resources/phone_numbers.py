"""`phone_numbers`: an account's numbers, in their states. Kazoo: cb_phone_numbers.

    phone_numbers                      GET: the account's; with ?prefix=415&quantity=5 those that are free
    phone_numbers/{number}             GET   PUT: make it   POST, PATCH: its features   DELETE: give it back
    …/{number}/activate, reserve       PUT: have it in service, keep it
    …/{number}/port                    PUT: make it in the state port_in
    …/{number}/identify                GET: whose it is
    phone_numbers/collection           PUT, POST, PATCH, DELETE {"numbers": […], …}, and …/collection/activate
    phone_numbers/check                POST {"numbers": […]}: which of them are free
    phone_numbers/fix, fix/{number}    POST: have the account's list say what the numbers' documents say
    phone_numbers/classifiers[/{n}]    GET: kinds of numbers, or of what kind one is; also without an account
    phone_numbers/carriers_info        GET

To make numbers an account needs `wnm_allow_additions`, or the master account makes them. The carriers are our own:
knm_local, and knm_inventory for what is made `available`. `?hard=true` deletes a number for good, for the master.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, cast

from mirliton.actors.store import DatabaseNotFound, Document
from mirliton.actors.store.names import account_db
from mirliton.api import audit
from mirliton.api.context import Answer, Context, parameter
from mirliton.api.documents import required_object
from mirliton.api.errors import ApiFault, Forbidden, InvalidData, RangeTooLarge
from mirliton.api.filters import filters_of
from mirliton.api.identity import load_account, tree_of
from mirliton.api.merging import merged
from mirliton.api.rights import is_master
from mirliton.api.routing import Route
from mirliton.config import public_fields
from mirliton.whapps.numbers.keeping import INVENTORY, LOCAL, NumberRefused, Numbers, facts
from mirliton.whapps.numbers.rules import number_rules
from mirliton.whapps.numbers.states import CREATED, FREE, Deed, State

MAX_NUMBERS: Final = 5000
"""Numbers of an account that one answer lists."""
MAX_COLLECTION: Final = 100
MAX_FOUND: Final = 100

Made = TypeVar("Made")
One = Callable[[Context, str, dict[str, Any]], Awaitable[Document]]


class NumberFault(ApiFault):
    """What cannot be done with a number."""

    def __init__(self, refused: NumberRefused) -> None:
        self.status = refused.status
        self.name = refused.name
        self.message = refused.message
        super().__init__({"cause": refused.number[:32], "code": refused.status, "error": refused.name})


def _numbers(context: Context) -> Numbers:
    return Numbers(context.store, context.services.now)


async def _list(context: Context) -> Answer:
    if "prefix" in context.query:
        return await _search(context)
    view = "numbers/list_by_number"
    rows = (
        await context.store.view(account_db(context.account_id), view, include_docs=True, limit=MAX_NUMBERS + 1)
    ).rows
    if len(rows) > MAX_NUMBERS:
        raise RangeTooLarge(MAX_NUMBERS)
    tests = filters_of(context.query.items(), skip=frozenset({"created_from", "created_to"}))
    shown = [facts(row.doc) for row in rows if row.doc is not None]
    found = {fact["id"]: fact for fact in shown if all(test(fact) for test in tests)}
    return Answer({"casquade_quantity": 0, "numbers": found})


async def _search(context: Context) -> Answer:
    """Numbers that are free and begin so."""
    prefix, quantity = context.query["prefix"], context.query.get("quantity", "1")
    digits = prefix.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and 3 <= len(digits) <= 15):
        raise InvalidData.of("prefix", "invalid", "must be 3 to 15 digits", value=prefix[:32])
    if not (quantity.isascii() and quantity.isdigit() and 0 < int(quantity[:6]) <= MAX_FOUND):
        raise InvalidData.of("quantity", "invalid", f"must be 1 to {MAX_FOUND}", value=quantity[:32])
    # Three digits are an area code of North America, as Kazoo takes them.
    wanted = prefix if prefix.startswith("+") else f"+1{digits}"
    found: list[dict[str, Any]] = []
    for database in await context.store.databases(f"numbers/{wanted[:5]}"):
        for state in sorted(FREE):
            rows = (
                await context.store.view(
                    database,
                    "numbers/status",
                    startkey=[state, wanted],
                    endkey=[state, f"{wanted}\ufff0"],
                    limit=int(quantity) - len(found),
                )
            ).rows
            found += [{"number": row.key[1], "e164": row.key[1], "state": state} for row in rows]
            if len(found) >= int(quantity):
                return Answer(found)
    return Answer(found)


async def _read(context: Context) -> Answer:
    doc = await _own(context, await _number(context))
    return Answer(facts(doc), revision=doc["_rev"])


async def _identify(context: Context) -> Answer:
    number = await _number(context)
    doc = await _tried(_numbers(context).get(number))
    holder = doc.get("pvt_assigned_to")
    if not isinstance(holder, str) or not await _may_reach(context, holder):
        raise NumberFault(NumberRefused(number, "not_found", 404, "the number could not be found"))
    return Answer({"number": number, "account_id": holder})


async def _own(context: Context, number: str) -> Document:
    doc = await _tried(_numbers(context).get(number))
    if facts(doc)["assigned_to"] != context.account_id:
        raise NumberFault(NumberRefused(number, "not_found", 404, "the number could not be found"))
    return doc


async def _create(context: Context, number: str, data: dict[str, Any]) -> Document:
    state = data.pop("create_with_state", "in_service")
    if state not in CREATED:
        raise InvalidData.of("create_with_state", "enum", "no number is made in this state", target=sorted(CREATED))
    master = await is_master(context.who, context.store)
    if not master and not (context.account or {}).get("pvt_wnm_allow_additions"):
        raise Forbidden("the account may not add numbers")
    await audit.note(context, "number_created", number=number, account=context.account_id)
    return await _numbers(context).create(number, context.account_id, data, state=cast(State, state))


async def _port(context: Context, number: str, data: dict[str, Any]) -> Document:
    return await _create(context, number, {**data, "create_with_state": "port_in"})


def _doing(deed: Deed) -> One:
    async def do(context: Context, number: str, data: dict[str, Any]) -> Document:
        async def may_take(holder: str) -> bool:
            return await _may_take(context, holder)

        await audit.note(context, f"number_{deed}", number=number, account=context.account_id)
        public = data if deed in ("activate", "reserve") and data else None
        return await _numbers(context).change(number, context.account_id, deed, public=public, may_take=may_take)

    return do


async def _give_back(context: Context, number: str, data: dict[str, Any]) -> Document:
    hard = context.query.get("hard", "").lower() in ("true", "yes", "1")
    if hard and not await is_master(context.who, context.store):
        raise Forbidden("only the master account deletes numbers for good")
    await _own(context, number)
    return await _doing("delete" if hard else "release")(context, number, {})


async def _replace(context: Context, number: str, data: dict[str, Any]) -> Document:
    return await _numbers(context).write(number, context.account_id, lambda stored: data)


async def _merge(context: Context, number: str, data: dict[str, Any]) -> Document:
    return await _numbers(context).write(number, context.account_id, lambda stored: merged(public_fields(stored), data))


def _one(do: One, status: int = 200) -> Callable[[Context], Awaitable[Answer]]:
    async def handler(context: Context) -> Answer:
        number = await _number(context)
        given = required_object(context) if context.method in ("POST", "PATCH") else context.fields()
        doc = await _tried(do(context, number, await _judged(context, given)))
        return Answer(facts(doc), status, revision=doc["_rev"])

    return handler


def _each(do: One) -> Callable[[Context], Awaitable[Answer]]:
    """The same for each of a list of numbers; what cannot be done with one keeps none of the others from it."""

    async def handler(context: Context) -> Answer:
        given = required_object(context)
        numbers = _listed(given)
        data = await _judged(context, {key: value for key, value in given.items() if key != "numbers"})
        rules = await number_rules(context.store, context.account_id)
        done: dict[str, Any] = {}
        refused: dict[str, Any] = {}
        for number in dict.fromkeys(rules.e164(number) for number in numbers):
            try:
                done[number] = facts(await _tried(do(context, number, dict(data))))
            except ApiFault as fault:
                refused[number] = fault.data
        return Answer({"success": done, "error": refused} if refused else {"success": done})

    return handler


async def _check(context: Context) -> Answer:
    rules = await number_rules(context.store, context.account_id)
    answers = {}
    for number in _listed(required_object(context)):
        try:
            doc = await _numbers(context).get(rules.e164(number))
        except NumberRefused:
            answers[number] = "error"
        else:
            answers[number] = "success" if doc.get("pvt_state") in FREE else "error"
    return Answer(answers)


async def _fix(context: Context) -> Answer:
    try:
        mended = await _numbers(context).mend_account(context.account_id, MAX_NUMBERS)
    except DatabaseNotFound:
        mended = []
    return Answer({"numbers": mended})


async def _fix_one(context: Context) -> Answer:
    number = await _number(context)
    await _own(context, number)
    await _tried(_numbers(context).mend(number))
    return Answer({"numbers": [number]})


async def _classifiers(context: Context) -> Answer:
    rules = await number_rules(context.store)
    return Answer({each.name: {"regex": each.regex, "friendly_name": each.friendly_name} for each in rules.classifiers})


async def _classify(context: Context) -> Answer:
    given = parameter(context, "phone_number")
    rules = await number_rules(context.store, context.parameters.get("account_id"))
    number = rules.e164(given)
    kind = rules.classify(number)
    return Answer(
        {
            "name": kind.name,
            "friendly_name": kind.friendly_name,
            "regex": kind.regex,
            "number": given,
            "e164": number,
        }
    )


async def _carriers(context: Context) -> Answer:
    return Answer(
        {
            "maximal_prefix_length": 3,
            "usable_carriers": [name.removeprefix("knm_") for name in (INVENTORY, LOCAL)],
            "usable_creation_states": sorted(CREATED),
        }
    )


async def _number(context: Context) -> str:
    rules = await number_rules(context.store, context.account_id)
    return rules.e164(parameter(context, "phone_number"))


async def _judged(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    conformed = await context.conform("phone_numbers", {key: given[key] for key in given if key not in _FACTS})
    if not conformed.ok:
        raise InvalidData(conformed.errors)
    return dict(conformed.document)


def _listed(given: dict[str, Any]) -> list[str]:
    numbers = given.get("numbers")
    if not isinstance(numbers, list) or not all(isinstance(number, str) for number in numbers):
        raise InvalidData.of("numbers", "type", "must be a list of numbers", target="array")
    if len(numbers) > MAX_COLLECTION:
        raise InvalidData.of("numbers", "maxItems", f"must have at most {MAX_COLLECTION}", target=MAX_COLLECTION)
    return numbers


async def _may_reach(context: Context, holder: str) -> bool:
    """Whether who asks has power over the account."""
    if holder == context.who.account_id or await is_master(context.who, context.store):
        return True
    account = await load_account(context.store, holder)
    return account is not None and context.who.account_id in tree_of(account)


async def _may_take(context: Context, holder: str) -> bool:
    """Whether the account in the URL may have a number of this one: it was kept by one above, or who asks has both."""
    return holder in tree_of(context.account or {}) or await _may_reach(context, holder)


async def _tried(deed: Awaitable[Made]) -> Made:
    try:
        return await deed
    except NumberRefused as refused:
        raise NumberFault(refused) from None


_FACTS: Final = frozenset({"id", "assigned_to", "state", "used_by", "features", "created", "updated"})
_ALL: Final = "accounts/{account_id}/phone_numbers"
_ONE: Final = f"{_ALL}/{{phone_number}}"
_NAME: Final = "phone_numbers"

ROUTES: Final = (
    Route("phone_numbers/classifiers", _NAME, {"GET": _classifiers}, "token"),
    Route("phone_numbers/classifiers/{phone_number}", _NAME, {"GET": _classify}, "token"),
    Route(_ALL, _NAME, {"GET": _list}, plain={"GET": "any"}),
    Route(f"{_ALL}/carriers_info", _NAME, {"GET": _carriers}),
    Route(f"{_ALL}/check", _NAME, {"POST": _check}),
    Route(f"{_ALL}/classifiers", _NAME, {"GET": _classifiers}),
    Route(f"{_ALL}/classifiers/{{phone_number}}", _NAME, {"GET": _classify}),
    Route(
        f"{_ALL}/collection",
        _NAME,
        {"PUT": _each(_create), "POST": _each(_replace), "PATCH": _each(_merge), "DELETE": _each(_give_back)},
    ),
    Route(f"{_ALL}/collection/activate", _NAME, {"PUT": _each(_doing("activate"))}),
    Route(f"{_ALL}/fix", _NAME, {"POST": _fix}),
    Route(f"{_ALL}/fix/{{phone_number}}", _NAME, {"POST": _fix_one}),
    Route(
        _ONE,
        _NAME,
        {
            "GET": _read,
            "PUT": _one(_create, 201),
            "POST": _one(_replace),
            "PATCH": _one(_merge),
            "DELETE": _one(_give_back),
        },
    ),
    Route(f"{_ONE}/activate", _NAME, {"PUT": _one(_doing("activate"), 201)}),
    Route(f"{_ONE}/reserve", _NAME, {"PUT": _one(_doing("reserve"), 201)}),
    Route(f"{_ONE}/port", _NAME, {"PUT": _one(_port, 201)}),
    Route(f"{_ONE}/identify", _NAME, {"GET": _identify}),
)
