"""How an account's ways of logging in are set up: the category `crossbar.auth`. Kazoo: crossbar_auth, cb_security.

What holds for an account is its own `configs_crossbar.auth`, over that of each account above it up to the first
reseller, over `system_config/crossbar.auth`, over what is built in. For each way (`auth_modules.cb_user_auth` …):

    enabled                    whether it may be used
    token_auth_expiry_s        seconds that its tokens are good for
    log_failed_attempts, log_successful_attempts
    multi_factor               {"enabled", "configuration_id", "account_id", "include_subaccounts"}

What an account above says of `multi_factor` is for those below only where it says `include_subaccounts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mirliton.actors.store import Document, InvalidName, NotFound, Store
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.actors.system_config import config_of, merged
from mirliton.api.errors import BadIdentifier
from mirliton.api.identity import API_AUTH, IP_AUTH, USER_AUTH, load_account, tree_of
from mirliton.api.tokens import LONGEST

CATEGORY: Final = "crossbar.auth"
DOCUMENT: Final = f"configs_{CATEGORY}"
PROVIDER_TYPE: Final = "provider"
MODULES: Final = (API_AUTH, IP_AUTH, USER_AUTH)
"""The ways that can be set up (Kazoo: available_auth_methods)."""
SHORTEST: Final = 60
"""The shortest life of a token, in seconds."""


@dataclass(frozen=True, slots=True)
class Way:
    """How one way of logging in is set up for an account."""

    enabled: bool = True
    lifetime: float | None = None
    """Seconds; None: as the server is set up."""
    log_failed: bool = True
    log_successful: bool = False
    second_factor: bool = False
    """Whether a second factor is asked for."""
    provider: tuple[str, str] | None = None
    """The account and the document that hold the second factor's settings; None: what is built in."""


async def way_of(store: Store, account: Document, module: str) -> Way:
    """How this way of logging in is set up for the account. Raises StoreError."""
    config = merged(await inherited(store, account), await own(store, str(account["_id"])))
    said = modules_of(config).get(module, {})
    lifetime, factor = said.get("token_auth_expiry_s"), said.get("multi_factor")
    factor = factor if isinstance(factor, Mapping) else {}
    named = factor.get("account_id"), factor.get("configuration_id")
    return Way(
        enabled=said.get("enabled") is not False,
        # What an import has brought may be anything.
        lifetime=min(max(SHORTEST, lifetime), LONGEST) if type(lifetime) is int else None,
        log_failed=said.get("log_failed_attempts") is not False,
        log_successful=said.get("log_successful_attempts", module == USER_AUTH) is True,
        second_factor=factor.get("enabled") is True,
        provider=(named[0] or str(account["_id"]), named[1]) if isinstance(named[1], str) and named[1] else None,
    )


async def inherited(store: Store, account: Document) -> dict[str, Any]:
    """What the account has from the system and from those above it, up to the first reseller. Raises StoreError."""
    found = await config_of(store, CATEGORY)
    above: list[dict[str, Any]] = []
    for ancestor in reversed(tree_of(account)):
        above.append(_for_those_below(await own(store, ancestor)))
        doc = await load_account(store, ancestor)
        if doc is not None and doc.get("pvt_reseller") is True:
            break
    for config in reversed(above):
        found = merged(found, config)
    return found


async def own(store: Store, account_id: str) -> dict[str, Any]:
    """What the account itself says. Raises StoreError."""
    try:
        doc = await store.get(account_db(account_id), DOCUMENT)
    except NotFound:
        return {}
    return {} if is_deleted(doc) else {name: value for name, value in doc.items() if not name.startswith(("_", "pvt_"))}


async def load_provider(store: Store, account_id: str, id: str) -> Document:
    """The settings of a second factor's provider. Raises BadIdentifier, StoreError."""
    try:
        doc = await store.get(account_db(account_id), id)
    except (NotFound, InvalidName):
        raise BadIdentifier(id) from None
    if doc.get("pvt_type") != PROVIDER_TYPE or is_deleted(doc):
        raise BadIdentifier(id)
    return doc


def modules_of(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The ways of which a configuration says something."""
    modules = config.get("auth_modules")
    found = modules.items() if isinstance(modules, Mapping) else ()
    return {name: dict(said) for name, said in found if isinstance(said, Mapping)}


def _for_those_below(config: dict[str, Any]) -> dict[str, Any]:
    modules = modules_of(config)
    for said in modules.values():
        factor = said.get("multi_factor")
        if not (isinstance(factor, Mapping) and factor.get("include_subaccounts") is True):
            said.pop("multi_factor", None)
    return {**config, "auth_modules": modules}
