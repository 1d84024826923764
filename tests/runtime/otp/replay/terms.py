"""Erlang terms as they stand in the recordings, and the values that stand for them here."""

from __future__ import annotations

import json
from typing import Any

from mirliton.runtime import Crash, Down, ExitSignal, Idle, Name, Pid, Ref, Shutdown, TimerFired


class ErlangError(Exception):
    """Raised for an Erlang error with a term; its text is the term, so that it can be read out of a Crash."""

    def __init__(self, term: Any) -> None:
        super().__init__(json.dumps(term))


class ErlangThrow(ErlangError):
    """Raised for an Erlang throw."""


class Refusal(ErlangError):
    """Raised by a code_change that refuses."""


def decode(term: Any) -> Any:
    if isinstance(term, list):
        return [decode(part) for part in term]
    if isinstance(term, dict) and "t" in term:
        parts = [decode(part) for part in term["t"]]
        return Shutdown(parts[1]) if len(parts) == 2 and parts[0] == "shutdown" else tuple(parts)
    return term


def global_name(term: Any) -> Name:
    """Erlang's global names are any terms; on one node they are names of another kind."""
    return Name("global", term if isinstance(term, str) else json.dumps(term))


class Terms:
    """Our values as the recorder wrote them; it knows which process and which reference is which label."""

    def __init__(self) -> None:
        self.labels: dict[Pid, str] = {}
        self.refs: dict[Ref, str] = {}

    def encode(self, value: Any) -> Any:
        match value:
            case Pid():
                return {"pid": self.labels.get(value, "?")}
            case Ref():
                return {"ref": self.refs.get(value, "?")}
            case Shutdown(detail):
                return {"t": ["shutdown", self.encode(detail)]}
            case Crash():
                return self.crash(value)
            case Name("local", key):
                return key
            case Idle():
                return "timeout"
            case ExitSignal():
                return self.encode(("EXIT", value.sender, value.reason))
            case Down(ref, Name("local", key), reason):
                return self.encode(("DOWN", ref, "process", (key, "nonode@nohost"), reason))
            case Down(ref, process, reason):
                return self.encode(("DOWN", ref, "process", process, reason))
            case TimerFired(ref, text):
                return self.encode(("timeout", ref, text))
            case tuple():
                return {"t": [self.encode(part) for part in value]}
            case list():
                return [self.encode(part) for part in value]
        return value

    def crash(self, crash: Crash) -> Any:
        kind = crash.kind.rpartition(".")[2]
        if kind == "ErlangThrow":
            return {"t": [{"t": ["nocatch", json.loads(crash.text)]}, "STACK"]}
        if kind in ("ErlangError", "Refusal"):
            return {"t": [json.loads(crash.text), "STACK"]}
        return {"t": [str(crash), "STACK"]}
