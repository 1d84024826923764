"""`ledgers`: an account's money, entry by entry and by what it was for. Kazoo: cb_ledgers.

    GET ledgers                             what each service has come to this month, with what was used
    GET ledgers/total, …/available          what is left
    PUT ledgers/credit, …/debit             book an entry; only accounts above may
    GET ledgers/{source_service}            the entries of one service, the newest first; with created_from, created_to
    GET ledgers/{source_service}/{id}       one
    GET ledgers/summary/{YYYYMM}            as the first, of another month

Amounts are of the currency. An entry is known by its `source`: booked again with the same amount it is there once, and
with another it is refused.
"""

from __future__ import annotations

import re
from typing import Any, Final

from mirliton.actors.charging import LedgerUnavailable, balance, charge
from mirliton.actors.ledger import CREDIT, DEBIT, Entry, Kind
from mirliton.actors.money import NoAmount, currency, units
from mirliton.actors.store import DatabaseNotFound, Document, InvalidName, Month, Months, NotFound, Row
from mirliton.actors.store.documents import gregorian, is_deleted
from mirliton.actors.store.names import months_between
from mirliton.api import audit
from mirliton.api.context import Answer, Context, Raw, parameter
from mirliton.api.documents import required_object, shown
from mirliton.api.errors import BadIdentifier, InvalidData, Unavailable
from mirliton.api.paging import Listing, page, wanted
from mirliton.api.routing import Handler, Route
from mirliton.api.tables import listed
from mirliton.api.time_range import time_range

_MONTH: Final = re.compile(r"([0-9]{4})(0[1-9]|1[0-2])")


async def _by_service(context: Context) -> Answer:
    return Answer(await _month_by_service(context, Month.at(context.services.now())))


async def _summary(context: Context) -> Answer:
    suffix = parameter(context, "modb_suffix")
    found = _MONTH.fullmatch(suffix)
    if found is None:
        raise BadIdentifier(suffix)
    return Answer(await _month_by_service(context, Month(int(found[1]), int(found[2]))))


async def _month_by_service(context: Context, month: Month) -> dict[str, Any]:
    db = _months(context).db(month)
    services: dict[str, Any] = {}
    try:
        for row in (await context.store.view(db, "ledgers/total_by_source", group=True)).rows:
            service, kind = row.key
            known = services.setdefault(service, {"amount": 0, "usage": {"quantity": 0, "type": None, "unit": None}})
            known["amount"] += row.value if kind == CREDIT else -row.value
        for row in (await context.store.view(db, "ledgers/usage_by_source", group=True)).rows:
            service, kind, unit = row.key
            if row.value and service in services:  # else it was booked between the two looks
                services[service]["usage"] = {"quantity": row.value, "type": kind, "unit": unit}
    except DatabaseNotFound:
        return {}
    return {service: {**found, "amount": currency(found["amount"])} for service, found in services.items()}


async def _balance(context: Context) -> Answer:
    try:
        return Answer({"amount": currency((await balance(context.services.node, context.account_id)).total)})
    except LedgerUnavailable as error:
        raise Unavailable(str(error)) from error


def _book(kind: Kind) -> Handler:
    async def book(context: Context) -> Answer:
        given = required_object(context)
        conformed = await context.conform("ledgers", given)
        if not conformed.ok:
            raise InvalidData(conformed.errors)
        doc = conformed.document
        entry = Entry(
            kind,
            doc["source"]["service"],
            doc["source"]["id"],
            _amount(doc),
            context.services.now(),
            doc.get("description", ""),
            doc["usage"],
            doc.get("period", {}),
            doc.get("metadata", {}),
            {"account_id": context.who.account_id, "user_id": context.who.owner_id, "module": "crossbar"},
        )
        await audit.note(context, f"ledger_{kind}", account_id=context.account_id, amount=entry.amount)
        try:
            booked = await charge(context.services.node, context.account_id, entry)
        except LedgerUnavailable as error:
            raise Unavailable(str(error)) from error
        stored = await _months(context).get(booked.id)
        if stored["amount"] != entry.amount:
            message = f"was booked before, with the amount {currency(stored['amount'])}"
            raise InvalidData.of("source", "unique", message, cause=entry.source_id)
        return Answer(_shown(stored), 201)

    return book


def _amount(doc: Document) -> int:
    try:
        return units(doc["amount"])
    except KeyError:
        raise InvalidData.of("amount", "required", "Field is required but missing") from None
    except NoAmount as error:
        raise InvalidData.of("amount", "invalid", str(error)) from error


async def _of_service(context: Context) -> Answer | Raw:
    service = parameter(context, "source_service")
    first, last = time_range(context)
    months = _months(context)
    databases = [months.db(month) for month in reversed(months_between(Month.at(first), Month.at(last)))]
    source = Listing(
        databases, "ledgers/listing_by_source", [service, gregorian(first)], [service, gregorian(last), {}]
    )
    asked = wanted(context.query, context.services.settings.page_size, newest_first=True)
    rows, place = await page(context.store, source, asked, include_docs=True)
    return listed(context, [_of_row(row) for row in rows], place, "ledgers")


async def _one(context: Context) -> Answer:
    ledger_id = parameter(context, "ledger_id")
    try:
        doc = await _months(context).get(ledger_id)
    except (NotFound, InvalidName):
        raise BadIdentifier(ledger_id) from None
    if doc.get("pvt_type") != "ledger" or is_deleted(doc):
        raise BadIdentifier(ledger_id)
    if doc["source"]["service"] != parameter(context, "source_service"):
        raise BadIdentifier(ledger_id)
    return Answer(_shown(doc), revision=doc["_rev"])


def _months(context: Context) -> Months:
    return Months(context.store, context.account_id, clock=context.services.now)


def _of_row(row: Row) -> dict[str, Any]:
    return _shown(row.doc or {})


def _shown(doc: Document) -> dict[str, Any]:
    told: dict[str, Any] = shown(doc)
    return {**told, "amount": currency(doc.get("amount", 0)), "type": doc.get("pvt_ledger_type")}


_LEDGERS: Final = "accounts/{account_id}/ledgers"

ROUTES: Final = (
    Route(_LEDGERS, "ledgers", {"GET": _by_service}),
    Route(f"{_LEDGERS}/total", "ledgers", {"GET": _balance}),
    Route(f"{_LEDGERS}/available", "ledgers", {"GET": _balance}),
    Route(f"{_LEDGERS}/credit", "ledgers", {"PUT": _book(CREDIT)}, reserved={"PUT": "above"}),
    Route(f"{_LEDGERS}/debit", "ledgers", {"PUT": _book(DEBIT)}, reserved={"PUT": "above"}),
    Route(f"{_LEDGERS}/{{source_service}}", "ledgers", {"GET": _of_service}),
    Route(f"{_LEDGERS}/summary/{{modb_suffix}}", "ledgers", {"GET": _summary}),
    Route(f"{_LEDGERS}/{{source_service}}/{{ledger_id}}", "ledgers", {"GET": _one}),
)
