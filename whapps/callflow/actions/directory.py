"""directory: dial by name. Kazoo: cf_directory."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.kapi.dialplan import Answer
from mirliton.actors.store import Document
from mirliton.actors.store.documents import is_deleted
from mirliton.whapps.callflow.endpoints import required_id
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import flag, mapping, number, text
from mirliton.whapps.callflow.media import media_name, prompt
from mirliton.whapps.callflow.script import Data, Jump, Next, Outcome, Script
from mirliton.whapps.callflow.talking import ANY_KEY, Medium, Piece, Prompt, Spell, announce, ask_digits, ask_key, tell
from mirliton.whapps.callflow.voicemail.greetings import recorded_name

ROUNDS: Final = 3
MOST_DIGITS: Final = 16
MOST_MATCHES: Final = 10
MAX_USERS: Final = 10_000
SELECT, NEXT, AGAIN = "1", "2", "0"
_KEYS: Final = {
    letter: key
    for key, letters in {
        "2": "abcàáâãäåæç",
        "3": "defèéêëð",
        "4": "ghiìíîï",
        "5": "jkl",
        "6": "mnoñòóôõöøœ",
        "7": "pqrsß",
        "8": "tuvùúûü",
        "9": "wxyzýÿ",
    }.items()
    for letter in letters
}


async def run(call: Script, data: Data) -> Outcome:
    """`id` (a directory, with `min_dtmf` 3, `max_dtmf` 0: any, `sort_by` last_name, `search_fields`, `confirm_match`
    true). The call goes on in the callflow of the person who is chosen. Child: `_` when nobody is.

    The state is {"round"} while digits are asked for, and {"round", "of": user ids, "at": which of them is offered}.
    """
    directory_id = required_id("directory", data)
    doc = await call.document(directory_id)
    if is_deleted(doc) or doc.get("pvt_type") != "directory":
        raise InvalidFlow(f"directory {directory_id}", "it does not exist")
    state: dict[str, Any] = call.state or {"round": 0}
    while state["round"] < ROUNDS:
        if "of" in state:
            outcome, state = await _offered(call, doc, state)
        else:
            outcome, state = await _asked(call, doc, state)
        if outcome is not None:
            return outcome
        call.mark(state)
    await tell(call, "vm-goodbye")
    return Next()


async def _asked(call: Script, doc: Document, state: dict[str, Any]) -> tuple[Outcome | None, dict[str, Any]]:
    """Ask for the first keys of a name."""
    if call.state is None:
        await call.execute(Answer(call.id))
    least = number(doc, "min_dtmf", 3, 1, MOST_DIGITS)
    most = number(doc, "max_dtmf", 0, 0, MOST_DIGITS) or MOST_DIGITS
    digits = await ask_digits(call, prompt(call, "dir-enter_person"), max(least, most))
    if len(digits) < least:
        await tell(call, "dir-specify_minimum")
        return None, {"round": state["round"] + 1}
    matches = [user for user in await _users(call, doc) if _matches(doc, user, digits)]
    if not matches:
        await tell(call, "dir-no_results_found")
        return None, {"round": state["round"] + 1}
    if len(matches) == 1 and not flag(doc, "confirm_match", True):
        return _chosen(doc, matches[0]), {}
    return None, {"round": state["round"], "of": [user["_id"] for user in matches[:MOST_MATCHES]], "at": 0}


async def _offered(call: Script, doc: Document, state: dict[str, Any]) -> tuple[Outcome | None, dict[str, Any]]:
    """Say who one of the matches is, and ask whether it is the right one."""
    at, ids = state["at"], state["of"]
    if at >= len(ids):
        await tell(call, "dir-no_more_results")
        return None, {"round": state["round"] + 1}
    user = await call.document(ids[at])
    said: list[Piece] = [Prompt("dir-result_number"), Spell(str(at + 1), "number"), await _said(call, user)]
    key = await announce(call, said, ANY_KEY) or await ask_key(call, prompt(call, "dir-result_menu"))
    if key == SELECT:
        return _chosen(doc, user), {}
    if key == AGAIN:
        return None, {"round": state["round"] + 1}
    return None, {**state, "at": at + 1} if key == NEXT else {**state, "round": state["round"] + 1}


async def _users(call: Script, doc: Document) -> list[Document]:
    """The people in the directory, in its order."""
    found = await call.store.view(
        call.account_db, "directories/users_listing", key=doc["_id"], include_docs=True, limit=MAX_USERS
    )
    users = [row.doc for row in found.rows if row.doc is not None and not is_deleted(row.doc)]
    first = doc.get("sort_by") == "first_name"
    order = ("first_name", "last_name") if first else ("last_name", "first_name")
    return sorted(users, key=lambda user: (*[(text(user, name) or "").lower() for name in order], str(user["_id"])))


def _matches(doc: Document, user: Document, digits: str) -> bool:
    """Whether one of the names that are searched begins with these keys."""
    fields = doc.get("search_fields")
    names: tuple[str, ...]
    if fields == "both":
        names = ("first_name", "last_name")
    else:
        names = ("first_name" if (fields or doc.get("sort_by")) == "first_name" else "last_name",)
    return any(_as_keys(text(user, name) or "").startswith(digits) for name in names)


def _as_keys(name: str) -> str:
    """The keys that spell a name."""
    return "".join(_KEYS.get(letter, letter if letter.isdigit() else "") for letter in name.lower())


async def _said(call: Script, user: Document) -> Piece:
    """The name as its owner has said it to the mailbox, else spelled."""
    medium = recorded_name(user)
    try:
        return Medium(await media_name(call, medium)) if medium is not None else Spell(_name(user), "name_spelled")
    except InvalidFlow as error:
        call.log.info("recorded_name_missing", error=str(error))
        return Spell(_name(user), "name_spelled")


def _name(user: Document) -> str:
    return " ".join(part for part in (text(user, "first_name"), text(user, "last_name")) if part)


def _chosen(doc: Document, user: Document) -> Outcome:
    flow_id = text(mapping(user, "directories"), str(doc["_id"]))
    return Jump(flow_id) if flow_id is not None else Next()
