"""`security`: how an account's ways of logging in are set up, and who has used them. Kazoo: cb_security.

    GET security                            the ways there are
    accounts/{id}/security                  what the account says of them, and what it has from above
    accounts/{id}/security/attempts         who logged in, and who tried to

What the settings mean is said in `auth_config.py`.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.store import Document
from mirliton.api import audit
from mirliton.api.attempt_lists import attempt, attempts
from mirliton.api.auth_config import DOCUMENT, MODULES, SHORTEST, inherited, load_provider, modules_of, own
from mirliton.api.context import Answer, Context, Raw
from mirliton.api.documents import required_object, shown
from mirliton.api.errors import BadIdentifier
from mirliton.api.identity import USER_AUTH, tree_of
from mirliton.api.merging import merged
from mirliton.api.routing import Route
from mirliton.api.single import Single
from mirliton.api.tokens import LONGEST
from mirliton.config import ValidationError, public_fields


async def _check(context: Context, doc: Document) -> list[ValidationError]:
    """What the schema cannot say: bounds, and settings of a second factor that are there and one's own."""
    errors: list[ValidationError] = []
    for name, said in modules_of(doc).items():
        path = ("auth_modules", name)
        lifetime = said.get("token_auth_expiry_s")
        if isinstance(lifetime, int) and not SHORTEST <= lifetime <= LONGEST:
            low = lifetime < SHORTEST
            rule, bound = ("minimum", SHORTEST) if low else ("maximum", LONGEST)
            message = f"must be {SHORTEST} to {LONGEST}"
            errors.append(ValidationError((*path, "token_auth_expiry_s"), rule, message, {"target": bound}))
        factor = said.get("multi_factor")
        if isinstance(factor, dict):
            errors += await _factor_errors(context, (*path, "multi_factor"), name, factor)
    return errors


async def _factor_errors(
    context: Context, path: tuple[str, ...], module: str, factor: dict[str, Any]
) -> list[ValidationError]:
    if factor.get("enabled") is True and module != USER_AUTH:
        message = f"only users have a second factor: {USER_AUTH}"
        return [ValidationError((*path, "enabled"), "invalid", message)]
    id = factor.get("configuration_id")
    if not id:
        return []
    holder = factor.get("account_id")
    if not holder:
        return [ValidationError((*path, "account_id"), "required", "is required", {"value": "account_id"})]
    if holder not in (context.account_id, *tree_of(context.account or {})):
        message = "must be this account or one above it"
        return [ValidationError((*path, "account_id"), "forbidden", message, {"cause": str(holder)[:64]})]
    try:
        await load_provider(context.store, str(holder), str(id))
    except BadIdentifier:
        message = "there are no such settings"
        return [ValidationError((*path, "configuration_id"), "not_found", message, {"cause": str(id)[:64]})]
    return []


SECURITY: Final = Single(DOCUMENT, "account_config", "account_config.crossbar.auth", _check)


async def _ways(context: Context) -> Answer:
    return Answer({"available_auth_modules": list(MODULES)})


async def _read(context: Context) -> Answer:
    return await _answer(context)


async def _replace(context: Context) -> Answer:
    given = required_object(context)
    await audit.note(context, "security_changed", account=context.account_id)
    await SECURITY.write(context, lambda stored: given)
    return await _answer(context)


async def _merge(context: Context) -> Answer:
    given = required_object(context)
    await audit.note(context, "security_changed", account=context.account_id)
    await SECURITY.write(context, lambda stored: merged(public_fields(stored), given))
    return await _answer(context)


async def _delete(context: Context) -> Answer:
    await SECURITY.load(context)
    await audit.note(context, "security_deleted", account=context.account_id)
    return Answer(shown(await SECURITY.delete(context)))


async def _answer(context: Context) -> Answer:
    said = await own(context.store, context.account_id)
    above = await inherited(context.store, context.account or {})
    return Answer({"account": said, "inherited_config": {"auth_modules": modules_of(above)}})


async def _attempts(context: Context) -> Answer | Raw:
    return await attempts(context)


async def _attempt(context: Context) -> Answer:
    return await attempt(context)


_HERE: Final = "accounts/{account_id}/security"

ROUTES: Final = (
    Route("security", "security", {"GET": _ways}, "token"),
    Route(_HERE, "security", {"GET": _read, "POST": _replace, "PATCH": _merge, "DELETE": _delete}),
    Route(f"{_HERE}/attempts", "security", {"GET": _attempts}),
    Route(f"{_HERE}/attempts/{{attempt_id}}", "security", {"GET": _attempt}),
)
