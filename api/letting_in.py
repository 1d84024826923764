"""From credentials that were right to a token: what stands between the two, the same for every way of logging in.

The way must not be shut for the account (`auth_config.py`), nor the account itself, and a user who has a second factor,
or has to have one, must show a code of it as `multi_factor_response`. A user who has to have one and has none is
offered one in the refusal; with its first code it is theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NoReturn

from mirliton.actors.store import Document
from mirliton.api import logins
from mirliton.api.attempts import Kind, Outcome
from mirliton.api.auth_config import Way, load_provider, way_of
from mirliton.api.context import Context
from mirliton.api.counters import counters_of
from mirliton.api.errors import BadIdentifier, InvalidCredentials, Locked, SecondFactorWanted
from mirliton.api.identity import is_shut, load_account, tree_of
from mirliton.api.second_factor import ISSUER, PROVIDER, STEP, is_enrolled
from mirliton.api.tokens import account_secret, user_secret


async def let_in(
    context: Context, account: Document, user: Document | None, module: str, *, method: str | None = None, **claims: str
) -> str:
    """A token for this account and user, whose credentials were right by the way `module`.

    `method` is what the token says where that is something else. Raises what `check` raises.
    """
    way = await check(context, account, user, module)
    return await token_for(context, account, user, module, way, method=method, **claims)


async def check(context: Context, account: Document, user: Document | None, module: str) -> Way:
    """Let somebody pass whose credentials were right.

    Raises InvalidCredentials, SecondFactorWanted, Locked, TooManyRequests, StoreError.
    """
    way = await way_of(context.store, account, module)
    if not way.enabled:
        await _refused(context, account, user, module, way, "this way of logging in is shut")
    if await is_shut(context.store, account):
        raise Locked
    if way.second_factor or (user is not None and is_enrolled(user)):
        await _second_factor(context, account, user, module, way)
    return way


async def token_for(
    context: Context,
    account: Document,
    user: Document | None,
    module: str,
    way: Way,
    *,
    method: str | None = None,
    **claims: str,
) -> str:
    """The token. Raises StoreError."""
    services, account_id = context.services, str(account["_id"])
    secret = account_secret(account) if user is None else user_secret(user)
    owner = None if user is None else str(user["_id"])
    named = method or module
    token = await services.tokens.make(named, account_id, owner, secret, lifetime=way.lifetime, **claims)
    services.logins.counted(named)
    context.log.info("logged_in", account_id=account_id, owner_id=owner, method=named)
    if way.log_successful:
        await _noted(context, account, user, module, "success", "logged in")
    return token


async def failed(context: Context, account_ids: list[str], module: str) -> None:
    """Credentials were wrong; where it is plain which account was meant, its administrators may read of it."""
    if len(account_ids) != 1:
        return
    account = await load_account(context.store, account_ids[0])
    if account is not None and (await way_of(context.store, account, module)).log_failed:
        await _noted(context, account, None, module, "failed", "invalid credentials")


async def _second_factor(context: Context, account: Document, user: Document | None, module: str, way: Way) -> None:
    account_id, services = str(account["_id"]), context.services
    if user is None:
        await _refused(context, account, user, module, way, "nobody could show a second factor", "multi_factor")
    settings = await _settings(context, account, user, module, way)
    code = context.fields().get("multi_factor_response")
    if not isinstance(code, str):
        asked: dict[str, Any] = {"digits": 6, "period": STEP}
        if not is_enrolled(user):
            offer = await services.second_factor.offer(account_id, user, str(settings.get("issuer") or ISSUER))
            asked |= {"secret": offer.secret, "uri": offer.uri}
        raise SecondFactorWanted({"provider_name": PROVIDER, "settings": asked})
    try:
        await services.second_factor.check(account_id, user, code)
    except InvalidCredentials:
        await _refused(context, account, user, module, way, "the code is wrong", "multi_factor")


async def _settings(context: Context, account: Document, user: Document, module: str, way: Way) -> Mapping[str, Any]:
    """Of the provider that is set up; one that is shut, not ours or of somebody else lets nobody in."""
    if way.provider is None:
        return {}
    holder, id = way.provider
    if holder not in (str(account["_id"]), *tree_of(account)):
        await _refused(context, account, user, module, way, "the provider is of another account", "multi_factor")
    try:
        provider = await load_provider(context.store, holder, id)
    except BadIdentifier:
        provider = {}
    if provider.get("enabled") is not True or provider.get("provider_name") != PROVIDER:
        await _refused(context, account, user, module, way, "the provider is not there or shut", "multi_factor")
    settings = provider.get("settings")
    return settings if isinstance(settings, Mapping) else {}


async def _refused(
    context: Context,
    account: Document,
    user: Document | None,
    module: str,
    way: Way,
    why: str,
    kind: Kind = "jwt_auth_token",
) -> NoReturn:
    counters_of(context.services.node).logins_failed += 1
    context.log.info("login_refused", account_id=account["_id"], method=module, why=why)
    if way.log_failed:
        await _noted(context, account, user, module, "failed", why, kind)
    await asyncio.sleep(logins.FAILURE_TIME)
    raise InvalidCredentials


async def _noted(
    context: Context,
    account: Document,
    user: Document | None,
    module: str,
    outcome: Outcome,
    message: str,
    kind: Kind = "jwt_auth_token",
) -> None:
    owner = None if user is None else str(user["_id"])
    account_id = str(account["_id"])
    error = await context.services.attempts.note(
        account_id,
        module,
        outcome,
        message,
        kind,
        client_ip=context.address,
        metadata={"account_id": account_id, **({"owner_id": owner} if owner is not None else {})},
    )
    if error is not None:
        context.log.warning("login_attempt_not_stored", account_id=account_id, error=str(error))
