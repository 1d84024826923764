"""`search`: documents by how their name or number begins. Kazoo: cb_search.

    GET search?t=account&q=name&v=acme                      accounts below one's own: by name, realm or id
    GET accounts/{id}/search?t=user&q=name&v=ad             documents of an account: by name, number or name_and_number
    GET …/search/multi?t=account&by_name=acme&by_realm=sip  several at once, answered by what was asked

Names are compared in small letters, those of accounts by their letters and digits alone, as they are at logins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from mirliton.actors.store import Document, Row
from mirliton.actors.store.names import account_db
from mirliton.api.context import Answer, Context, Page
from mirliton.api.errors import Forbidden, InvalidData
from mirliton.api.logins import normalised
from mirliton.api.paging import Listing, Wanted, page, wanted
from mirliton.api.routing import Route

ACCOUNT: Final = "account"
OF_ACCOUNTS: Final = ("name", "realm", "id")
OF_DOCUMENTS: Final = ("name", "number", "name_and_number")
TYPES: Final = (
    ACCOUNT,
    "callflow",
    "conference",
    "device",
    "directory",
    "group",
    "list",
    "media",
    "menu",
    "queue",
    "user",
    "vmbox",
)
"""What may be searched for: documents whose lists everybody of the account may see."""
MAX_VALUE: Final = 128

Texts = Callable[[Row], Iterable[str]]
"""What of a row is compared."""


async def _search(context: Context) -> Answer:
    kind = _kind(context)
    by = context.query.get("q")
    value = context.query.get("v")
    if by is None:
        raise InvalidData.of("q", "required", "is required", target=list(_ways(kind)))
    if value is None:
        raise InvalidData.of("v", "required", "is required", value="v")
    rows, place = await _found(context, kind, by, value, wanted(context.query, context.services.settings.page_size))
    return Answer(rows, page=place)


async def _multi(context: Context) -> Answer:
    kind = _kind(context)
    asked = {name.removeprefix("by_"): value for name, value in context.query.items() if name.startswith("by_")}
    if not asked:
        ways = [f"by_{way}" for way in _ways(kind)]
        raise InvalidData.of("multi", "enum", "must ask for one of the listed values", target=ways)
    size = wanted(context.query, context.services.settings.page_size)
    return Answer({by: (await _found(context, kind, by, value, size))[0] for by, value in asked.items()})


def _kind(context: Context) -> str:
    kind = context.query.get("t")
    if kind is None:
        raise InvalidData.of("t", "required", "is required", target=list(TYPES))
    if kind not in TYPES or (kind != ACCOUNT and "account_id" not in context.parameters):
        targets = list(TYPES) if "account_id" in context.parameters else [ACCOUNT]
        raise InvalidData.of("t", "enum", "must be one of the listed values", target=targets, value=kind[:32])
    if kind == ACCOUNT and context.plain:
        raise Forbidden
    return kind


def _ways(kind: str) -> tuple[str, ...]:
    return OF_ACCOUNTS if kind == ACCOUNT else OF_DOCUMENTS


async def _found(context: Context, kind: str, by: str, value: str, asked: Wanted) -> tuple[list[dict[str, Any]], Page]:
    if by not in _ways(kind):
        raise InvalidData.of("q", "enum", "must be one of the listed values", target=list(_ways(kind)), value=by[:32])
    if len(value) > MAX_VALUE:
        raise InvalidData.of("v", "maxLength", f"must have at most {MAX_VALUE} characters", target=MAX_VALUE)
    if kind == ACCOUNT:
        above = context.parameters.get("account_id", context.who.account_id)
        source = Listing(("accounts",), "accounts/listing_by_descendants", [above], [above, {}])
        begins = normalised(value) if by == "name" else value.lower()
        texts: Texts = _of_account(by)
    else:
        source = Listing((account_db(context.account_id),), "maintenance/listing_by_type", kind, kind)
        begins = value.lower()
        texts = _of_document(by)
    rows, place = await page(
        context.store,
        source,
        asked,
        keep=lambda row: any(text.startswith(begins) for text in texts(row)),
        include_docs=True,
    )
    return [_shown(row.doc) for row in rows if row.doc is not None], place


def _of_account(by: str) -> Texts:
    def texts(row: Row) -> Iterable[str]:
        found = row.id if by == "id" else (row.doc or {}).get(by)
        return () if not isinstance(found, str) else (normalised(found) if by == "name" else found.lower(),)

    return texts


def _of_document(by: str) -> Texts:
    def texts(row: Row) -> list[str]:
        doc = row.doc or {}
        names = [str(_name(doc)).lower()] if by != "number" else []
        return names + (_numbers(doc) if by != "name" else [])

    return texts


def _name(doc: Document) -> str:
    if doc.get("pvt_type") == "user":
        return f"{doc.get('first_name', '')} {doc.get('last_name', '')}".strip()
    return str(doc.get("name", ""))


def _numbers(doc: Document) -> list[str]:
    numbers = doc.get("numbers") if isinstance(doc.get("numbers"), list) else doc.get("conference_numbers")
    found = [*(numbers if isinstance(numbers, list) else ()), doc.get("mailbox")]
    return [number for number in found if isinstance(number, str)]


def _shown(doc: Document) -> dict[str, Any]:
    kind = str(doc.get("pvt_type"))
    more = {"realm": doc.get("realm")} if kind == ACCOUNT else {}
    more |= {"numbers": numbers} if (numbers := _numbers(doc)) else {}
    return {"id": doc["_id"], "type": kind, "name": _name(doc), **more}


ROUTES: Final = (
    Route("search", "search", {"GET": _search}, "token"),
    Route("search/multi", "search", {"GET": _multi}, "token"),
    Route("accounts/{account_id}/search", "search", {"GET": _search}, plain={"GET": "any"}),
    Route("accounts/{account_id}/search/multi", "search", {"GET": _multi}, plain={"GET": "any"}),
)
