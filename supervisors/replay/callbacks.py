"""What a scenario's worker does and answers in its callbacks, said in Erlang's terms."""

from __future__ import annotations

from typing import Any

from mirliton.runtime import IGNORE, NoReply, Stop, Throw
from mirliton.supervisors.replay.terms import ErlangError


class ErlangThrow(Throw):
    """An Erlang throw: `value` is what it means as the answer of a callback, its text is the term as JSON."""

    def __init__(self, term: Any, value: Any = None) -> None:
        super().__init__(value)
        self.text = str(ErlangError(term))

    def __str__(self) -> str:
        return self.text


def init_answer(answer: Any) -> Any:
    """What a term means as the answer of an init callback (but for the state in it); one that means nothing stays."""
    match answer:
        case ("ok", _):
            return NoReply()
        case "ignore":
            return IGNORE
        case ("stop", reason):
            return Stop(reason)
    return answer
