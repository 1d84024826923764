"""`user_auth/recovery`: for users who have forgotten their password. Kazoo: cb_user_auth.

    PUT   {"username", "account_name" | "account_realm" | "phone_number", "ui_url"}   have a link sent
    POST  {"reset_id"}                                                               the link was followed: a token

The link goes out as the mail `password_recovery` (teletype). Whether there is such a user is not told: the answer is
the same either way. A reset id gives a token for the user, whose document says `require_password_update` until a
password is set; a user who has a second factor must show a code of it with the reset id.
"""

from __future__ import annotations

import asyncio
from typing import Final

from mirliton.actors.kapi.notifications.accounts import PasswordRecovery
from mirliton.actors.mailing import notify
from mirliton.actors.store import Document, NotFound, update
from mirliton.actors.store.names import account_db
from mirliton.api import audit, recoveries
from mirliton.api.buckets import LOGIN_COST
from mirliton.api.context import Answer, Context
from mirliton.api.documents import required_object
from mirliton.api.errors import InvalidData
from mirliton.api.identity import RECOVERY, USER_AUTH, is_shut, load_account, load_user
from mirliton.api.letting_in import check, token_for
from mirliton.api.logins import UserLogin
from mirliton.api.resources.user_auth import accounts_named, facts
from mirliton.api.routing import Route

ANSWER_TIME = 0.3
"""Seconds until a request for a link is answered, whatever came of it."""
MAX_ACCOUNTS: Final = 4
"""Accounts of one name in which the user is looked for."""


async def _send(context: Context) -> Answer:
    conformed = await context.conform("user_auth_recovery", required_object(context))
    if not conformed.ok:
        raise InvalidData(conformed.errors)
    given = conformed.document
    if not given["ui_url"].startswith(("https://", "http://")):
        raise InvalidData.of("ui_url", "invalid", "must be an http or https address", value=given["ui_url"][:64])
    login = UserLogin("", "md5", **accounts_named(given))
    services = context.services
    username = given["username"].lower()
    services.logins.may_recover(username, login.account, context.address)
    loop = asyncio.get_running_loop()
    answer_at = loop.time() + ANSWER_TIME
    found = await _user(context, login, username)
    if found is not None:
        await _mail(context, *found, given["ui_url"])
    # Who is there and who is not must look the same.
    await asyncio.sleep(max(0.0, answer_at - loop.time()))
    return Answer("Request for password reset handled")


async def _mail(context: Context, account: Document, user: Document, ui_url: str) -> None:
    services = context.services
    email = user.get("email")
    if not isinstance(email, str) or not email:
        return
    account_id = str(account["_id"])
    reset_id = await recoveries.issued(context.store, account_id, user, services.now())
    await audit.note(context, "password_recovery", account=account_id, user=str(user["_id"]))
    mail = PasswordRecovery(
        account_id=account_id,
        email=email,
        password_reset_link=f"{ui_url.rstrip('/')}/?reset_id={reset_id}",
        first_name=_text(user.get("first_name")),
        last_name=_text(user.get("last_name")),
        timezone=_text(user.get("timezone")),
        user_id=str(user["_id"]),
    )
    await notify(context.store, services.node, mail, key=reset_id)


async def _reset(context: Context) -> Answer:
    conformed = await context.conform("user_auth_recovery_reset", required_object(context))
    if not conformed.ok:
        raise InvalidData(conformed.errors)
    services = context.services
    reset_id = conformed.document["reset_id"]
    account, user = await services.logins.by_reset_id(reset_id, services.now(), context.address)
    way = await check(context, account, user, USER_AUTH)
    await recoveries.redeem(context.store, reset_id)
    account_id = str(account["_id"])
    await audit.note(context, "password_reset", account=account_id, user=str(user["_id"]))

    def change(doc: Document) -> Document:
        return {**doc, "require_password_update": True}

    user = await update(context.store, account_db(account_id), str(user["_id"]), change)
    token = await token_for(context, account, user, USER_AUTH, way, method=RECOVERY)
    return Answer(facts(account, user), 201, auth_token=token)


async def _user(context: Context, login: UserLogin, username: str) -> tuple[Document, Document] | None:
    store = context.store
    for account_id in (await context.services.logins.named(login))[:MAX_ACCOUNTS]:
        account = await load_account(store, account_id)
        if account is None or await is_shut(store, account):
            continue
        try:
            rows = (await store.view(account_db(account_id), "users/list_by_username", key=username, limit=1)).rows
        except NotFound:
            continue
        user = await load_user(store, account_id, str(rows[0].id)) if rows else None
        if user is not None:
            return account, user
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


ROUTES: Final = (Route("user_auth/recovery", "user_auth", {"PUT": _send, "POST": _reset}, "public", cost=LOGIN_COST),)
