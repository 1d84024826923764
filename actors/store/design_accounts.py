"""Views of the accounts database, which holds a copy of each account's document."""

from __future__ import annotations

from mirliton.actors.store.expressions import (
    FLAGS,
    ID,
    Array,
    Each,
    Expression,
    Field,
    Last,
    Lower,
    Normalised,
    Object,
    members,
)
from mirliton.actors.store.views import Emit, View

_ACCOUNT = ("account",)
_ACCOUNT_ID = Field("pvt_account_id")
_ACCOUNT_PLACE = Object((("account_id", _ACCOUNT_ID), ("account_db", Field("pvt_account_db"))))
_ACCOUNT_SUMMARY = members("name", "realm", id=_ACCOUNT_ID, flags=FLAGS)


def _accounts(name: str, key: Expression, value: Expression, each: Expression | None = None) -> View:
    emit = Emit(types=_ACCOUNT, key=key, value=value, each=each)
    return View(f"accounts/{name}", ("accounts",), (emit,))


VIEWS = (
    _accounts("listing_by_realm", Lower(Field("realm")), _ACCOUNT_PLACE),
    _accounts("listing_by_name", Normalised(Field("name")), _ACCOUNT_PLACE),
    _accounts("listing_by_api", Field("pvt_api_key"), Object((("account_id", _ACCOUNT_ID),))),
    _accounts(
        "listing_by_ip",
        Each("ip"),
        Object((("owner_id", Each("owner_id")), ("account_id", _ACCOUNT_ID))),
        each=Field("ips"),
    ),
    _accounts("listing_by_simple_id", ID, members("name", "realm", id=_ACCOUNT_ID)),
    _accounts("listing_by_parent", _ACCOUNT_ID, Object((("id", Last(Field("pvt_tree"))), ("flags", FLAGS)))),
    _accounts("listing_by_children", Array((Last(Field("pvt_tree")), Field("name"))), _ACCOUNT_SUMMARY),
    _accounts(
        "listing_by_descendants",
        Array((Each(), Field("name"))),
        members("name", "realm", id=_ACCOUNT_ID, tree=Field("pvt_tree"), flags=FLAGS),
        each=Field("pvt_tree"),
    ),
)
