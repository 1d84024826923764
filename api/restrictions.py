"""What a token may ask for: `token_restrictions`. Kazoo: cb_token_restrictions, crossbar_util.

The document `token_restrictions` of the token's account, or else `system_config/crossbar.token_restrictions`, holds

    {"restrictions": {auth method: {priv_level: {endpoint: [{"allowed_accounts": […], "rules": {path: [verbs]}}]}}}}

and `_` at any of the first three levels means whatever is not named. Which rules count is looked at with each request,
so a change is felt at once. Where the account says nothing of the auth method the system's are asked; where there are
none for method and priv_level, nothing is restricted. Where there are rules, all that they do not allow is refused:

1. the endpoint is the last resource of the URL: `users` of `accounts/{id}/users/{id}/photo`, the path `{id}/photo`;
2. of its list the first entry counts whose `allowed_accounts` hold the account in the URL: its id, `{AUTH_ACCOUNT_ID}`
   (the token's own), `{DESCENDANT_ACCOUNT_ID}` or `_`; an entry without a list is for all;
3. of its rules the first counts whose path fits: `/` is an empty one, `*` any one segment, `#` any number of them;
4. and that must name the method, or `_`.

Tokens of the master account are not restricted, so that nobody shuts out those who could mend it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mirliton.api.routing import Route

CATCH_ALL: Final = "_"
OWN: Final = "{AUTH_ACCOUNT_ID}"
DESCENDANT: Final = "{DESCENDANT_ACCOUNT_ID}"
DOCUMENT: Final = "token_restrictions"
CATEGORY: Final = "crossbar.token_restrictions"

Rules = Mapping[str, Any]


def rules_for(own: Any, systems: Any, method: str, priv_level: str) -> Rules | None:
    """The rules for an auth method and priv_level; None where nothing is restricted.

    `own` is what the account's document holds under `restrictions`, `systems` the system's settings.
    """
    levels = _named(own, method)
    if levels is None:
        levels = _named(systems, method)
    found = _named(levels, priv_level)
    return found if isinstance(found, Mapping) else None


def endpoint_of(route: Route, parameters: Mapping[str, str]) -> tuple[str, list[str]]:
    """The endpoint of a URL and the path behind it."""
    segments = route.shape.split("/")
    places = [index for index, segment in enumerate(segments) if segment == route.resource]
    at = places[-1] if places else 0
    return segments[at], [parameters[part[1:-1]] if part.startswith("{") else part for part in segments[at + 1 :]]


def accounts_of(own_id: str, account_id: str | None, ancestors: Sequence[str]) -> set[str]:
    """What `allowed_accounts` may call the account in the URL, whose ancestors are given."""
    if account_id is None:
        return {CATCH_ALL}
    if account_id == own_id:
        return {CATCH_ALL, account_id, OWN}
    return {CATCH_ALL, account_id, *([DESCENDANT] if own_id in ancestors else [])}


def allows(rules: Rules, endpoint: str, path: Sequence[str], verb: str, accounts: set[str]) -> bool:
    """Whether the rules allow this request."""
    entries = _named(rules, endpoint)
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and _is_for(entry, accounts):
            return _verbs_allow(entry.get("rules"), path, verb)
    return False


def matches(pattern: str, path: Sequence[str]) -> bool:
    """Whether a rule's path fits the path of a request."""
    parts = pattern.split("/")
    while parts and not parts[-1]:
        parts.pop()
    # reached[n]: whether the parts so far fit the first n segments.
    reached = [True, *([False] * len(path))]
    for part in parts:
        if part == "#":
            reached = [any(reached[: n + 1]) for n in range(len(reached))]
        else:
            fits = [part == "*" or part == segment for segment in path]
            reached = [False, *(reached[n] and fits[n] for n in range(len(path)))]
    return reached[-1]


def _named(levels: Any, name: str) -> Any:
    if not isinstance(levels, Mapping):
        return None
    return levels[name] if name in levels else levels.get(CATCH_ALL)


def _is_for(entry: Mapping[str, Any], accounts: set[str]) -> bool:
    allowed = entry.get("allowed_accounts")
    return allowed is None or (isinstance(allowed, list) and any(name in accounts for name in allowed))


def _verbs_allow(rules: Any, path: Sequence[str], verb: str) -> bool:
    for pattern, verbs in rules.items() if isinstance(rules, Mapping) else ():
        if matches(pattern, path):
            return isinstance(verbs, list) and (verb in verbs or CATCH_ALL in verbs)
    return False
