"""Who may do what.

A token acts on its own account and, for an administrator, on the accounts below it (`pvt_tree` names an account's
ancestors). An administrator of the master account may act on every account, and alone on what belongs to none. All
others are told 403, also about accounts that do not exist, so that nobody can search for ids (Kazoo: cb_simple_authz).

A user whose `priv_level` is not admin acts only within their own account, and there only where a route says so:

    any    what holds nothing of others that is secret: lists, the account itself, callflows
    own    what belongs to them: `users/{their id}/…`, or a document whose `owner_id` they are

and in a document of their own they change only what its resource lists (`Resource.plain_fields`): forwarding, greetings
and the like, not what costs money or gives rights. Kazoo restricts such users only where a token_restrictions document
says so; we do it always, and what such a document says comes on top (`restrictions.py`).
"""

from __future__ import annotations

from mirliton.actors.store import Document, Store
from mirliton.actors.system_config import config_of
from mirliton.api.errors import BadIdentifier, Forbidden
from mirliton.api.identity import Identity, load_account, master_account_id, tree_of
from mirliton.api.restrictions import CATEGORY, accounts_of, allows, endpoint_of, rules_for
from mirliton.api.routing import Route


async def authorise(
    route: Route, method: str, parameters: dict[str, str], identity: Identity, store: Store
) -> Document | None:
    """Let the request through or raise Forbidden; returns the document of the account in the URL, where there is one.

    Raises BadIdentifier where the account does not exist and the asker may know that; StoreError.
    """
    account = await _by_scope(route, method, parameters, identity, store)
    if not await _unrestricted(route, method, parameters, identity, account, store):
        raise Forbidden("access denied by token restrictions")
    return account


async def _by_scope(
    route: Route, method: str, parameters: dict[str, str], identity: Identity, store: Store
) -> Document | None:
    if route.scope == "token":
        return None
    if route.scope == "master":
        if not (identity.is_admin and await is_master(identity, store)):
            raise Forbidden
        return None
    account_id = parameters["account_id"]
    reserved = route.reserved.get(method)
    masters = reserved == "master" or (reserved == "above" and account_id == identity.account_id)
    if masters and not (identity.is_admin and await is_master(identity, store)):
        raise Forbidden
    if account_id == identity.account_id:
        if not identity.is_admin:
            _plain_user(route, method, parameters, identity)
        return identity.account
    if not identity.is_admin:
        raise Forbidden
    account = await load_account(store, account_id)
    if account is not None and identity.account_id in tree_of(account):
        return account
    if not await is_master(identity, store):
        raise Forbidden
    if account is None:
        raise BadIdentifier(account_id)
    return account


async def _unrestricted(
    route: Route,
    method: str,
    parameters: dict[str, str],
    identity: Identity,
    account: Document | None,
    store: Store,
) -> bool:
    systems = await config_of(store, CATEGORY)
    priv_level = "admin" if identity.user is None else str(identity.user.get("priv_level", "user"))
    rules = rules_for(identity.restrictions, systems, str(identity.claims.get("method")), priv_level)
    if rules is None or await is_master(identity, store):
        return True
    endpoint, path = endpoint_of(route, parameters)
    in_url = str(account["_id"]) if account is not None else None
    accounts = accounts_of(identity.account_id, in_url, tree_of(account or {}))
    return allows(rules, endpoint, path, method, accounts)


async def is_master(identity: Identity, store: Store) -> bool:
    """Whether the token is one of the master account."""
    return identity.account_id == await master_account_id(store)


def owns(identity: Identity, doc: Document) -> bool:
    """Whether a document belongs to the user: it is their own, or they are its owner."""
    owner = identity.owner_id
    return owner is not None and owner in (doc.get("_id"), doc.get("owner_id"))


def _plain_user(route: Route, method: str, parameters: dict[str, str], identity: Identity) -> None:
    right = route.plain.get(method)
    if right is None:
        raise Forbidden
    if right == "own" and "user_id" in parameters and parameters["user_id"] != identity.owner_id:
        raise Forbidden
