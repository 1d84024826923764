"""Erlang terms as they stand in the files, and the Python values that stand for them in our runtime.

| Erlang | file | here |
| --- | --- | --- |
| atom | string | str; `undefined` is also None |
| tuple | {"t": [..]} | tuple, but {shutdown, T} is Shutdown(T) |
| list, number | list, number | list, number |
| improper list | {"improper": [head, tail]} | Improper |
| binary | {"s": ".."} | bytes |
| pid, reference | {"pid": label}, {"ref": label} | Pid, Ref |
| {Error, Stack} | {"t": [error, "STACK"]} | Crash |
| {'EXIT', ..}, {'DOWN', ..}, {timeout, ..} | {"t": [..]} | ExitSignal, Down, TimerFired |
| milliseconds | number | seconds |
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from mirliton.runtime import Crash, Down, ExitSignal, Idle, Name, Pid, Ref, Shutdown, TimerFired, message
from mirliton.supervisors.specs import ChildSpec

Label = Callable[[Pid], str]
RefLabel = Callable[[Ref], str]

NODE: Final = "nonode@nohost"
"""What the recorder's node was called: it was not distributed."""


class ErlangError(Exception):
    """What a scenario raises as an Erlang error: its text is the term as JSON, so that it can be read back."""

    def __init__(self, term: Any) -> None:
        super().__init__(json.dumps(term, sort_keys=True))

    @property
    def term(self) -> Any:
        return json.loads(str(self))


class Refusal(ErlangError):
    """What a code_change raises that refuses."""


class Written:
    """One of our objects that knows the term of the file it was made of."""

    __slots__ = ()
    written: Any


STATEM_ERRORS: Final = (
    "bad_return_from_state_function",
    "bad_action_from_state_function",
    "bad_reply_action_from_state_function",
    "bad_state_enter_return_from_state_function",
    "bad_state_enter_action_from_state_function",
)
"""What ends a gen_statem as an error, in Erlang with a stack."""


@message("replay.improper")
class Improper:
    """The improper list [head | tail]."""

    head: Any
    tail: Any


def local_name(name: str) -> Name:
    """A name of Erlang's local registry."""
    return Name("local", name)


def global_name(term: Any) -> Name:
    """A name of Erlang's global registry, where any term is a name."""
    return Name("global", term if isinstance(term, str) else json.dumps(term, sort_keys=True))


def decode(term: Any, process: Callable[[str], Pid] | None = None) -> Any:
    """A term of a file as our value; `process` finds the one that a label names."""
    if isinstance(term, list):
        return [decode(part, process) for part in term]
    if not isinstance(term, dict):
        return {"true": True, "false": False}.get(term, term) if isinstance(term, str) else term
    match term:
        case {"t": [*parts]}:
            made = tuple(decode(part, process) for part in parts)
            return Shutdown(made[1]) if len(made) == 2 and made[0] == "shutdown" else made
        case {"s": text}:
            return str(text).encode()
        case {"improper": [head, tail]}:
            return Improper(decode(head, process), decode(tail, process))
        case {"pid": str(label)} if process is not None:
            return process(label)
    raise ValueError(f"a term this version cannot read: {json.dumps(term)}")


def encode(value: Any, label: Label, ref: RefLabel = lambda _: "?") -> Any:
    """Our value as a term of a file; `label` names processes, `ref` references."""

    def term(part: Any) -> Any:
        return encode(part, label, ref)

    match value:
        case Pid():
            return {"pid": label(value)}
        case Ref():
            return {"ref": ref(value)}
        case Name(_, key):
            return key
        case Shutdown(detail):
            return {"t": ["shutdown", term(detail)]}
        case Crash(_, text):
            return {"t": [_error_term(value, text), "STACK"]}
        case ExitSignal(sender, reason):
            return term(("EXIT", sender, reason))
        case Down(of, Name(_, key), reason):
            return term(("DOWN", of, "process", (key, NODE), reason))
        case Down(of, process, reason):
            return term(("DOWN", of, "process", process, reason))
        case TimerFired(of, content):
            return term(("timeout", of, content))
        case Idle():
            return "timeout"
        case Improper(head, tail):
            return {"improper": [term(head), term(tail)]}
        case ChildSpec():
            return {"child": value.id if isinstance(value.id, str) else term(value.id)}
        case bytes():
            return {"s": value.decode()}
        case Written():
            return term(value.written)
        case (str() as error, what) if error in STATEM_ERRORS:
            return {"t": [{"t": [error, term(what)]}, "STACK"]}
        case ("bad_start_spec", [_, *_]):
            return {"t": ["bad_start_spec", "SPECS"]}
        case ("invalid_shutdown", int() | float() as seconds):
            return {"t": ["invalid_shutdown", round(seconds * 1000)]}
        case ("bad_return", (_, "describe", answer)):
            return {"t": ["bad_return", {"t": ["otpx_tree", "init", term(answer)]}]}
        case tuple():
            return {"t": [term(part) for part in value]}
        case list():
            return [term(part) for part in value]
        case None:
            return "undefined"
        case _:
            return value


def _error_term(crash: Crash, text: str) -> Any:
    """The error of {Error, Stack}: what the scenario raised, or ours in words."""
    raised = crash.kind.rpartition(".")[2]
    if raised == "ErlangThrow":
        return {"t": ["nocatch", json.loads(text)]}
    if raised in ("ErlangError", "Refusal"):
        return json.loads(text)
    return str(crash)
