"""temporal_route: branch by day and time. Kazoo: cf_temporal_route."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mirliton.actors.kapi.dialplan import Answer
from mirliton.actors.store import Document, DocumentNotFound, InvalidName, update
from mirliton.actors.store.documents import is_deleted
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import milliseconds, text
from mirliton.whapps.callflow.media import prompt
from mirliton.whapps.callflow.script import Data, Done, Next, Outcome, Script
from mirliton.whapps.callflow.talking import FIRST_DIGIT, ask_key, tell
from mirliton.whapps.callflow.temporal import Rule

ZONE: Final = "America/Los_Angeles"
"""The time zone of an account that names none, as in Kazoo."""
MAX_RULES: Final = 200
ROUNDS: Final = 10
"""How often the menu is played to a caller who presses nothing that it offers."""
_FORCED: Final[dict[str, bool | None]] = {"enable": True, "disable": False, "reset": None}
_KEYS: Final = {"1": "enable", "2": "disable", "3": "reset"}
_TOLD: Final = {
    "enable": "temporal-marked_enabled",
    "disable": "temporal-marked_disabled",
    "reset": "temporal-marker_reset",
}


async def run(call: Script, data: Data) -> Outcome:
    """`rules` (ids of temporal rules, in order), `rule_set` (id of a set of them, which counts as one), `timezone` (the
    account's), `action` (menu, enable, disable, reset: force the rules on or off, or no longer), `interdigit_timeout`.

    Children: the id of the first rule or of the rule set that holds, `_`. An action ends the flow.
    """
    rule_ids, rule_set = await _rule_ids(call, data)
    action = data.get("action")
    if action == "menu":
        return await _menu(call, data, rule_ids)
    if isinstance(action, str) and action in _FORCED:
        return await _force(call, action, rule_ids)
    now = await _now(call, data)
    for rule_id in rule_ids:
        doc = await _rule(call, rule_id)
        if doc is not None and _holds(call, doc, now):
            return Next(rule_set or rule_id)
    return Next()


async def _rule_ids(call: Script, data: Data) -> tuple[list[str], str | None]:
    """The rules in order, and the set that they are of."""
    rule_set = text(data, "rule_set")
    listed: Any = data.get("rules")
    if rule_set is not None:
        try:
            doc = await call.document(rule_set)
        except (DocumentNotFound, InvalidName) as error:
            raise InvalidFlow(f"temporal rule set {rule_set[:64]}", "it does not exist") from error
        listed = [] if is_deleted(doc) else doc.get("temporal_rules")
    known = [rule for rule in listed if isinstance(rule, str) and rule] if isinstance(listed, list) else []
    return known[:MAX_RULES], rule_set


async def _rule(call: Script, rule_id: str) -> Document | None:
    try:
        doc = await call.document(rule_id)
    except (DocumentNotFound, InvalidName):
        call.log.warning("temporal_rule_missing", rule=rule_id[:64])
        return None
    return None if is_deleted(doc) or doc.get("pvt_type") != "temporal_rule" else doc


def _holds(call: Script, doc: Document, now: datetime) -> bool:
    try:
        return Rule.of(doc).holds(now)
    except InvalidFlow as error:
        call.log.warning("temporal_rule_invalid", error=str(error))
        return False


async def _now(call: Script, data: Data) -> datetime:
    """The moment at which the flow is here. A successor that asks again has sent no command since."""
    account = await call.document(call.account_id)
    for name in (text(data, "timezone"), text(account, "timezone")):
        if name is not None and (zone := _zone(name)) is not None:
            return datetime.fromtimestamp(call.process.node.clock.time(), zone)
        if name is not None:
            call.log.warning("timezone_unknown", timezone=name[:64])
    return datetime.fromtimestamp(call.process.node.clock.time(), ZoneInfo(ZONE))


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


async def _menu(call: Script, data: Data, rule_ids: list[str]) -> Outcome:
    """Ask what is to be done with the rules."""
    if call.state is None:
        await call.execute(Answer(call.id))
    wait = milliseconds(data, "interdigit_timeout", FIRST_DIGIT)
    done = call.state["round"] if isinstance(call.state, dict) else 0
    for number in range(done, ROUNDS):
        key = await ask_key(call, prompt(call, "temporal-menu"), wait)
        if key in _KEYS:
            return await _force(call, _KEYS[key], rule_ids)
        call.mark({"round": number + 1})
    return Done()


async def _force(call: Script, action: str, rule_ids: list[str]) -> Outcome:
    """Force the rules on or off, or leave them to the calendar again, and say so."""
    wanted = _FORCED[action]

    def changed(doc: Document) -> Document | None:
        if doc.get("pvt_type") != "temporal_rule" or is_deleted(doc) or doc.get("enabled") is wanted:
            return None
        kept = {name: value for name, value in doc.items() if name != "enabled"}
        return kept if wanted is None else {**kept, "enabled": wanted}

    for rule_id in rule_ids:
        try:
            await update(call.store, call.account_db, rule_id, changed)
        except (DocumentNotFound, InvalidName):
            call.log.warning("temporal_rule_missing", rule=rule_id[:64])
    await tell(call, _TOLD[action])
    return Done()
