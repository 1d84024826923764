"""menu: let the caller choose by key. Kazoo: cf_menu.

Left out: `record_pin`, by which a caller in the know records the greeting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from mirliton.actors.kapi.dialplan import Answer
from mirliton.actors.store import Document
from mirliton.actors.store.documents import is_deleted
from mirliton.whapps.callflow import patterns
from mirliton.whapps.callflow.endpoints import required_id
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import flag, mapping, milliseconds, number, text
from mirliton.whapps.callflow.media import media_name, prompt
from mirliton.whapps.callflow.routing import find_flow
from mirliton.whapps.callflow.script import Data, Jump, Next, Outcome, Script
from mirliton.whapps.callflow.talking import NEXT_DIGIT, Medium, announce, ask_digits, tell

RETRIES: Final = 3
MOST_RETRIES: Final = 10
TIMEOUT: Final = 10.0
"""Seconds for the first digit."""
LENGTH: Final = 4
MOST_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Menu:
    """A menu document, with the defaults filled in and the limits kept. Durations in seconds.

    A medium is the id of a media document or what `media_name` takes; True is the platform's own, False silence.
    """

    greeting: str | None
    invalid: str | bool
    transfer: str | bool
    exit: str | bool
    retries: int
    timeout: float
    between: float
    length: int
    hunt: bool
    hunt_allow: str | None
    hunt_deny: str | None

    @classmethod
    def of(cls, doc: Document, data: Data) -> Menu:
        """What a document says; where it has the wrong type, as if it said nothing."""
        media = mapping(doc, "media")
        loud = not flag(doc, "suppress_media", False)
        return cls(
            greeting=text(media, "greeting"),
            invalid=_medium(media, "invalid_media", loud),
            transfer=_medium(media, "transfer_media", loud),
            exit=_medium(media, "exit_media", loud),
            retries=number(doc, "retries", RETRIES, 1, MOST_RETRIES),
            timeout=milliseconds(doc, "timeout", TIMEOUT, 60.0),
            between=milliseconds(data, "interdigit_timeout", milliseconds(doc, "interdigit_timeout", NEXT_DIGIT)),
            length=number(doc, "max_extension_length", LENGTH, 1, MOST_DIGITS),
            hunt=flag(doc, "hunt", True),
            hunt_allow=text(doc, "hunt_allow"),
            hunt_deny=text(doc, "hunt_deny"),
        )

    def may_hunt(self, digits: str) -> bool:
        """Whether the caller may dial this number from the menu."""
        if not self.hunt or (self.hunt_allow is not None and patterns.match(self.hunt_allow, digits) is None):
            return False
        if self.hunt_deny is None:
            return True
        # Who denies numbers by a pattern that cannot be run means at least these.
        return patterns.usable(self.hunt_deny) is not None and patterns.match(self.hunt_deny, digits) is None


async def run(call: Script, data: Data) -> Outcome:
    """`id` (a menu document), `interdigit_timeout`. Children: the digits, `timeout`, `max_retries`, `_`.

    Each round is a mark: {"left": rounds left, "invalid": whether the last entry was wrong}, or {"flow": the callflow
    of the number dialled}, or {"over": true}.
    """
    menu_id = required_id("menu", data)
    doc = await call.document(menu_id)
    if is_deleted(doc) or doc.get("pvt_type") != "menu":
        raise InvalidFlow(f"menu {menu_id}", "there is no such menu")
    menu = Menu.of(doc, data)
    state: dict[str, Any] = call.state or {"left": menu.retries, "first": True}
    while "left" in state:
        outcome, state = await _round(call, menu, state)
        if outcome is not None:
            return outcome
        call.mark(state)
    if "flow" in state:
        await _play(call, menu.transfer, "menu-transferring_call")
        return Jump(state["flow"])
    return await _over(call, menu)


async def _round(call: Script, menu: Menu, state: dict[str, Any]) -> tuple[Outcome | None, dict[str, Any]]:
    """Ask once: what comes of it, or how to go on."""
    if state.get("first"):
        await call.execute(Answer(call.id))
    if state.get("invalid"):
        await _play(call, menu.invalid, "menu-invalid_entry")
    digits = await ask_digits(call, await _greeting(call, menu), menu.length, menu.timeout, menu.between)
    left = {"left": state["left"] - 1} if state["left"] > 1 else {"over": True}
    if not digits:
        return (Next("timeout"), {}) if "timeout" in call.children else (None, left)
    if digits in call.children:
        return Next(digits), {}
    if menu.may_hunt(digits):
        flow = await find_flow(call.store, call.account_id, digits)
        if flow is not None:
            return None, {"flow": str(flow["_id"])}
    call.log.info("menu_entry_invalid", digits=len(digits))
    return None, {**left, "invalid": True}


async def _over(call: Script, menu: Menu) -> Outcome:
    """The last round was in vain."""
    if call.state.get("invalid"):
        await _play(call, menu.invalid, "menu-invalid_entry")
    await _play(call, menu.exit, "menu-exit")
    if "max_retries" in call.children:
        return Next("max_retries")
    if "_" in call.children:
        await _play(call, menu.transfer, "menu-transferring_call")
    else:
        await tell(call, "vm-goodbye")
    return Next()


async def _greeting(call: Script, menu: Menu) -> str:
    if menu.greeting is not None:
        try:
            return await media_name(call, menu.greeting)
        except InvalidFlow as error:
            call.log.warning("menu_greeting_missing", error=str(error))
    return prompt(call, "menu-no_prompt")


async def _play(call: Script, medium: str | bool, own: str) -> None:
    """Play a medium of the menu, or the platform's own where it names none that is there."""
    if medium is False:
        return
    name = prompt(call, own)
    if isinstance(medium, str):
        try:
            name = await media_name(call, medium)
        except InvalidFlow as error:
            call.log.warning("menu_media_missing", error=str(error))
    await announce(call, [Medium(name)])


def _medium(media: dict[str, Any], name: str, loud: bool) -> str | bool:
    value = media.get(name, True)
    return (value if isinstance(value, str) and value else value is not False) if loud else False
