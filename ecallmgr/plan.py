"""What a translation is made of: a plan for one command, and checks of the values that go into one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mirliton.actors.switching import as_variable
from mirliton.ecallmgr.errors import Untranslatable
from mirliton.ecallmgr.esl.quoting import inert, variable_name

PROMPTS: Final = "mirliton/en-us"
"""Our prompts, below the switch's folder of sounds."""
MAX_SECONDS: Final = 86_400
"""No recording, pause or timeout is longer."""
_DIGITS: Final = re.compile(r"[0-9A-Da-dWw*#]{1,128}")
_CAUSE: Final = re.compile(r"[A-Z][A-Z0-9_]{1,63}")


@dataclass(frozen=True, slots=True)
class Application:
    """An application to run on the leg; `endless`: again and again, until it is broken off."""

    name: str
    argument: str = ""
    endless: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do on the switch for one command, from top to bottom: the variables are set at once, the API commands
    run, the applications are queued on the leg.

    `goes_on`: the command is done when the switch has it, however long its application goes on.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    apis: tuple[str, ...] = ()
    applications: tuple[Application, ...] = ()
    goes_on: bool = False

    @property
    def completes(self) -> bool:
        """Whether the command's end comes as an event."""
        return bool(self.applications) and not self.goes_on


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a translation needs to know besides the command: our context and interface on the switch, the ringback tone,
    the folder of the prompts there, and where registered phones are (by `user@realm`, as `sofia_contact` tells)."""

    context: str = "context_2"
    interface: str = "sipinterface_1"
    ringback: str = "%(2000,4000,440,480)"
    contacts: Mapping[str, str] = field(default_factory=dict)
    sounds: str = PROMPTS
    media: Mapping[str, str] = field(default_factory=dict)
    """Where media are that media_mgr knows, by their names: URLs."""


def between(value: int, low: int, high: int) -> int:
    """`value`, or the bound that it lies beyond."""
    return max(low, min(high, value))


def seconds(value: float, high: int = MAX_SECONDS) -> int:
    """Whole seconds, at least one; a part of a second counts whole."""
    return between(-int(-value // 1), 1, high)


def milliseconds(value: float) -> int:
    """Milliseconds, at least one."""
    return between(int(value * 1000), 1, MAX_SECONDS * 1000)


def digits(command: str, value: str) -> str:
    """Digits to send. Raises Untranslatable (which does not show them: it may be a PIN)."""
    if not _DIGITS.fullmatch(value):
        raise Untranslatable(command, "the digits are not 1 to 128 of 0-9, A-D, *, # and the pause w")
    return value


def cause(command: str, value: str) -> str:
    """A hangup cause. Raises Untranslatable."""
    if not _CAUSE.fullmatch(value):
        raise Untranslatable(command, f"{value[:60]!r} is no hangup cause")
    return value


def terminators(keys: Sequence[str] | None) -> dict[str, str]:
    """The variable for the keys that end a playback; none for None, which leaves the switch's."""
    return {} if keys is None else {"playback_terminators": "".join(keys) or "none"}


def variables(command: str, field_name: str, prefix: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Kazoo's variables as channel variables, with values that cannot become syntax.

    Raises Untranslatable for a value, InvalidCommand for a name.
    """
    made = {}
    for name, value in values.items():
        try:
            made[prefix + variable_name(name)] = inert(as_variable(value))
        except ValueError as error:
            raise Untranslatable(command, f"{field_name}.{name[:60]} cannot be a variable: {error}") from error
    return made
