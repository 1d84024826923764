"""Text that others wrote, inside FreeSWITCH's own little languages.

A caller chooses his display name, and it ends up in dial strings, application arguments and variables. There it
passes through up to five parsers of FreeSWITCH, one after the other; how many depends on the command that carries it
and on the version, so no way of escaping is right in all places. What they treat as syntax:

    ${name} ${api(args)}     before every application: variables, *and API commands*, `${system(...)}` among them
    \\ '                      escape and quote; each split removes one layer, so a quote protects only once: in
                             `[a='x,b=1']` the split at | takes the quotes away and the split at , then sees two
                             variables
    { } [ ] < >              blocks of variables; brackets nest and are found without regard to quotes
    , | :_:                  the next endpoint, also inside what looks quoted
    ^^x                      x becomes the separator
    %[a=b]                   at the start of an application's argument: variables for that one execution
    ARRAY::                  at the start of a value: a list

So nothing here relies on escapes inside dial strings. `inert` maps any text to a similar one without syntax; the
builders accept inert values only and refuse the rest by name. Blocks are written `[^^!a=x!b='y, z']`: with a separator
of their own commas are plain text, and quotes, used only to hold spaces together for `api originate`, always enclose
text that needs no protection.

Sources: FreeSWITCH's switch_utils.c (switch_separate_string, switch_find_end_paren), switch_event.c
(switch_event_create_brackets), switch_ivr_originate.c, switch_channel.c (switch_channel_expand_variables_check).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Final

from mirliton.ecallmgr.esl.commands import identifier
from mirliton.ecallmgr.esl.errors import InvalidCommand

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SYNTAX: Final = re.compile(r"[\\'{}\[\]<>|]|:_(?=:)|^\^\^|^ARRAY::")
_LOOKALIKES: Final = str.maketrans(
    {"\\": "/", "'": "\u2019", "{": "(", "[": "(", "<": "(", "}": ")", "]": ")", ">": ")", "|": "/"}
)
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*")
_ENDPOINT: Final = re.compile(r"[A-Za-z0-9_]+/[A-Za-z0-9_.:;=@+~*#!%&?$/()-]+")
_EXPANSION: Final = re.compile(r"\$\\*\{")
_SEPARATORS: Final = "!~;#*&\x1f"
"""The last is in no value, for values hold no control characters; the others read better in logs."""
_MAX_LEGS: Final = 128
"""MAX_PEERS of switch_ivr_originate.c: the legs of a group beyond it are never dialled."""


def inert(text: str) -> str:
    """`text` without anything that FreeSWITCH reads as syntax, as like it as possible. Takes any text.

    O'Brien keeps a (typographic) apostrophe, brackets become round, a backslash and a bar become a slash, control
    characters become spaces, spaces at the ends go.
    """
    text = _CONTROL.sub(" ", text).translate(_LOOKALIKES)
    text = re.sub(r":_(?=:)", ":-", text).strip(" ")
    if text.startswith("^^"):
        text = text.lstrip("^ ")
    return re.sub(r"^(ARRAY):(?=:)", r"\1 ", text)


def is_inert(text: str) -> bool:
    """Whether `text` holds nothing that any of FreeSWITCH's parsers reads as syntax."""
    return not _CONTROL.search(text) and not _SYNTAX.search(text) and text == text.strip(" ")


def variable_name(name: str, field: str = "variable name") -> str:
    """`name`, if a channel variable may have it. Raises InvalidCommand."""
    if not _NAME.fullmatch(name) or len(name) > 256:
        raise InvalidCommand(field, name, "letters, digits and _ . : - are allowed, up to 256")
    return name


@dataclasses.dataclass(frozen=True, slots=True)
class Leg:
    """One endpoint to dial (`sofia/internal/1000@host`) with the variables of its channel alone."""

    endpoint: str
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)


def dial_string(groups: Sequence[Sequence[Leg]], variables: Mapping[str, str] | None = None) -> str:
    """What `bridge` and `originate` dial: the legs of a group at once, the groups one after the other.

    `variables` are for all legs. Every value must be inert (`inert` makes it so) and every endpoint plain. The result
    is the same for the bridge application and for `api originate`, where it is one argument.

    Raises InvalidCommand.
    """
    if not groups or not all(groups):
        raise InvalidCommand("dial string", groups, "every group needs a leg, and there must be a group")
    if len(groups) > _MAX_LEGS or any(len(legs) > _MAX_LEGS for legs in groups):
        raise InvalidCommand("dial string", len(groups), f"at most {_MAX_LEGS} groups of at most {_MAX_LEGS} legs")
    dialled = "|".join(",".join(_leg(leg) for leg in legs) for legs in groups)
    return variable_block(variables or {}, "{}") + dialled


def _leg(leg: Leg) -> str:
    if not _ENDPOINT.fullmatch(leg.endpoint) or _SYNTAX.search(leg.endpoint) or "${" in leg.endpoint:
        raise InvalidCommand("endpoint", leg.endpoint, "type/address without spaces, quotes, brackets, commas or bars")
    return variable_block(leg.variables, "[]") + leg.endpoint


def variable_block(variables: Mapping[str, str], brackets: str) -> str:
    """`[^^!a=x!b='y z']`, or nothing for no variables. `brackets` is "[]" (one leg), "{}" or "<>".

    A variable with an empty value is left out: FreeSWITCH would ignore it. Raises InvalidCommand.
    """
    if brackets not in ("[]", "{}", "<>"):
        raise InvalidCommand("brackets", brackets, "one of [] {} <>")
    set_here = {variable_name(name): _block_value(name, value) for name, value in variables.items() if value != ""}
    if not set_here:
        return ""
    text = "".join(set_here) + "".join(set_here.values())
    separator = next(sign for sign in _SEPARATORS if sign not in text)
    pairs = separator.join(f"{name}={_held_together(value)}" for name, value in set_here.items())
    return f"{brackets[0]}^^{separator}{pairs}{brackets[1]}"


def _block_value(name: str, value: str) -> str:
    if not is_inert(value):
        raise InvalidCommand(f"variable {name}", value, "holds FreeSWITCH syntax; pass it through inert() first")
    return value


def _held_together(value: str) -> str:
    return f"'{value}'" if " " in value else value


def arguments(*words: str) -> str:
    """An application's argument of several words at blanks: `play_and_get_digits 1 4 3 5000 # …`.

    A word may hold spaces and brackets (`[0-9*#]+`), but no backslash, single quote, ${ or newline, and none may be
    empty. Raises InvalidCommand, which names the word by its position.
    """
    for position, word in enumerate(words, 1):
        bad = _CONTROL.search(word) or _EXPANSION.search(word) or "'" in word or "\\" in word
        if bad or not word or word.startswith("^^"):
            raise InvalidCommand(
                f"word {position}",
                word,
                "may not be empty, start with ^^ or hold a quote, a backslash, ${ or a newline",
            )
    return " ".join(_held_together(word) for word in words)


def assignment(name: str, value: str) -> str:
    """`name=value` as the argument of the applications `set` and `export`; the value arrives exactly.

    `set` unescapes its argument twice and `export` once, each only if it finds an escape, so a backslash arrives right
    in neither: it is refused, as is ${, which would be expanded. Encode such values (`setvar` takes backslashes).

    Raises InvalidCommand.
    """
    if "\\" in value:
        raise InvalidCommand(f"variable {name}", value, "may not hold a backslash here; encode it, or use setvar()")
    return f"{variable_name(name)}={_settable(name, value)}"


def setvar(uuid: str, name: str, value: str) -> str:
    """The text of `api uuid_setvar`; the value arrives exactly, and an empty one unsets the variable.

    Raises InvalidCommand.
    """
    value = _settable(name, value).replace("\\", "\\\\").replace("'", "\\'")
    bare = value.lstrip(" ")
    value = "\\s" * (len(value) - len(bare)) + bare
    bare = value.rstrip(" ")
    value = bare + "\\s" * (len(value) - len(bare))
    return f"uuid_setvar {identifier(uuid)} {variable_name(name)} {value}".rstrip(" ")


def _settable(name: str, value: str) -> str:
    if _EXPANSION.search(value):
        raise InvalidCommand(f"variable {name}", value, "may not hold ${: FreeSWITCH would expand it")
    found = re.search(r"[\r\n\x00\ud800-\udfff]", value)
    if found:
        raise InvalidCommand(f"variable {name}", value, f"may not hold {found[0]!r}")
    if value.startswith("ARRAY::"):
        raise InvalidCommand(f"variable {name}", value, "may not start with ARRAY::, FreeSWITCH would make it a list")
    return value
