"""`multi_factor`: second factors. Kazoo: cb_multi_factor, of whose providers there is `totp` (RFC 6238) here.

    accounts/{id}/multi_factor                 settings of providers; `security` says which are used
    accounts/{id}/multi_factor/attempts        logins that failed at the second factor
    accounts/{id}/users/{id}/multi_factor      a user's own

        GET      whether they have one, and since when
        PUT      offers a secret for their app
        POST     {"multi_factor_response": "123456"}: its first code makes it theirs
        DELETE   forgets it, for an administrator whose user has lost their phone

A user who has one is asked for it at each login, whether or not the account asks that of all. The settings of a `totp`
provider are the `issuer`, the name that the app shows. Without any, what is built in is used.
"""

from __future__ import annotations

from typing import Final

from mirliton.actors.store import Document
from mirliton.api import audit
from mirliton.api.attempt_lists import attempt, attempts
from mirliton.api.auth_config import PROVIDER_TYPE
from mirliton.api.context import Answer, Context, Raw, parameter
from mirliton.api.documents import Documents, load_document
from mirliton.api.errors import InvalidData
from mirliton.api.resource import Resource
from mirliton.api.resources.users import USERS
from mirliton.api.routing import Route
from mirliton.api.second_factor import PROVIDER, enrolled_since, is_enrolled
from mirliton.config import ValidationError

MAX_ISSUER: Final = 64
_KIND: Final = "multi_factor"


def _prepare(context: Context, doc: Document, stored: Document | None) -> list[ValidationError]:
    doc["pvt_provider_type"] = _KIND
    errors = []
    if isinstance(doc.get("provider_name"), str) and doc["provider_name"] != PROVIDER:
        told = {"target": [PROVIDER], "value": doc["provider_name"][:64]}
        errors.append(ValidationError(("provider_name",), "enum", "must be one of the listed values", told))
    settings = doc.get("settings")
    issuer = settings.get("issuer") if isinstance(settings, dict) else None
    if issuer is not None and not (isinstance(issuer, str) and 0 < len(issuer) <= MAX_ISSUER and ":" not in issuer):
        message = f"must be text of 1 to {MAX_ISSUER} characters without a colon"
        errors.append(ValidationError(("settings", "issuer"), "invalid", message))
    return errors


PROVIDERS: Final = Resource(
    "multi_factor", id_name="config_id", type=PROVIDER_TYPE, schema="multi_factor_provider", prepare=_prepare
)
_PROVIDERS: Final = Documents(PROVIDERS)


async def _list(context: Context) -> Answer:
    rows, place = await _PROVIDERS.rows(context)
    built_in = {"id": PROVIDER, "name": PROVIDER, "provider_name": PROVIDER, "enabled": True}
    return Answer({"configured": rows, "multi_factor_providers": [built_in]}, page=place)


async def _attempts(context: Context) -> Answer | Raw:
    return await attempts(context, _KIND)


async def _attempt(context: Context) -> Answer:
    return await attempt(context, _KIND)


async def _theirs(context: Context) -> Answer:
    return _told(await _user(context))


async def _offer(context: Context) -> Answer:
    offer = await context.services.second_factor.offer(context.account_id, await _user(context))
    return Answer({"provider_name": PROVIDER, "secret": offer.secret, "uri": offer.uri}, 201)


async def _confirm(context: Context) -> Answer:
    code = context.fields().get("multi_factor_response")
    if not isinstance(code, str):
        message = "must be the six digits of the app"
        raise InvalidData.of("multi_factor_response", "required", message, value="multi_factor_response")
    user = await _user(context)
    await audit.note(context, "second_factor_shown", account=context.account_id, user=str(user["_id"]))
    return _told(await context.services.second_factor.check(context.account_id, user, code))


async def _reset(context: Context) -> Answer:
    user = await _user(context)
    await audit.note(context, "second_factor_reset", account=context.account_id, user=str(user["_id"]))
    await context.services.second_factor.reset(context.account_id, str(user["_id"]))
    return _told(await _user(context))


async def _user(context: Context) -> Document:
    return await load_document(context, parameter(context, "user_id"), USERS.type)


def _told(user: Document) -> Answer:
    since = {"since": enrolled_since(user)} if is_enrolled(user) else {}
    return Answer({"provider_name": PROVIDER, "enabled": is_enrolled(user), **since})


_HERE: Final = "accounts/{account_id}/multi_factor"

ROUTES: Final = (
    *_PROVIDERS.routes(listing=_list),
    Route(f"{_HERE}/attempts", "multi_factor", {"GET": _attempts}),
    Route(f"{_HERE}/attempts/{{attempt_id}}", "multi_factor", {"GET": _attempt}),
    Route(
        "accounts/{account_id}/users/{user_id}/multi_factor",
        "multi_factor",
        {"GET": _theirs, "PUT": _offer, "POST": _confirm, "DELETE": _reset},
        plain={"GET": "own", "PUT": "own", "POST": "own"},
    ),
)
