"""Erlang terms as they stand in the files, and the Python values that stand for them in our runtime.

| Erlang | file | here |
| --- | --- | --- |
| atom | string | str |
| tuple | {"t": [..]} | tuple, but {shutdown, T} is Shutdown(T) |
| list, number | list, number | list, number |
| binary | {"s": ".."} | bytes |
| {Error, Stack} | {"t": [error, "STACK"]} | Crash |
| milliseconds | number | seconds |
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from mirliton.runtime import Crash, Pid, Shutdown
from mirliton.supervisors.specs import ChildSpec

Label = Callable[[Pid], str]


class ErlangError(Exception):
    """What a scenario raises as an Erlang error: its text is the term as JSON, so that it can be read back."""

    def __init__(self, term: Any) -> None:
        super().__init__(json.dumps(term, sort_keys=True))


def decode(term: Any) -> Any:
    """A term of a file as our value."""
    if isinstance(term, list):
        return [decode(part) for part in term]
    if not isinstance(term, dict):
        return term
    if "t" in term:
        parts = [decode(part) for part in term["t"]]
        if len(parts) == 2 and parts[0] == "shutdown":
            return Shutdown(parts[1])
        return tuple(parts)
    if "s" in term:
        return str(term["s"]).encode()
    raise ValueError(f"a term this version cannot read: {json.dumps(term)}")


def encode(value: Any, label: Label) -> Any:
    """Our value as a term of a file; `label` names processes."""
    match value:
        case Pid():
            return {"pid": label(value)}
        case Shutdown(detail):
            return {"t": ["shutdown", encode(detail, label)]}
        case Crash(_, text):
            return {"t": [_error_term(value, text), "STACK"]}
        case ChildSpec():
            return {"child": value.id if isinstance(value.id, str) else encode(value.id, label)}
        case bytes():
            return {"s": value.decode()}
        case ("bad_start_spec", [_, *_]):
            return {"t": ["bad_start_spec", "SPECS"]}
        case ("invalid_shutdown", int() | float() as seconds):
            return {"t": ["invalid_shutdown", round(seconds * 1000)]}
        case ("bad_return", (_, "describe", answer)):
            return {"t": ["bad_return", {"t": ["otpx_tree", "init", encode(answer, label)]}]}
        case tuple():
            return {"t": [encode(part, label) for part in value]}
        case list():
            return [encode(part, label) for part in value]
        case None:
            return "undefined"
        case _:
            return value


def _error_term(crash: Crash, text: str) -> Any:
    if crash.kind.endswith(ErlangError.__qualname__):
        return json.loads(text)
    return str(crash)
