"""One value's way through the edge: what is text, what a kind of value must do, and the list of what is wrong."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

from mirliton.actors.kapi.errors import InvalidMessage, Problem
from mirliton.runtime import Name, Pid

if TYPE_CHECKING:
    from collections.abc import Sequence

    Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
else:  # evaluated with the definitions, where a recursive alias is no use
    Json = Any


class Edge:
    """One message on its way through the edge: what is wrong with it, and what its parts need to know of it."""

    __slots__ = ("dropped", "failures", "inherited", "problems", "queue_of", "secret")

    def __init__(
        self,
        inherited: Mapping[str, object] | None = None,
        queue_of: Callable[[Pid | Name], str] | None = None,
    ) -> None:
        self.problems: list[Problem] = []
        self.failures = 0
        self.dropped = 0
        self.secret = False
        self.inherited = inherited or {}
        self.queue_of = queue_of

    def problem(self, path: str, text: str) -> None:
        """Note one problem."""
        self.failures += 1
        if len(self.problems) < InvalidMessage.MAX_PROBLEMS:
            self.problems.append(Problem(path[:200], text))

    def refusal(self, tag: str) -> InvalidMessage:
        """The error that lists what was noted, each thing once: a header may belong to envelope and message."""
        return InvalidMessage(tag, tuple(dict.fromkeys(self.problems)))

    def misfit(self, path: str, expected: str, value: object) -> None:
        """Note a value that is not what it should be. A secret's value is not repeated."""
        if self.secret or isinstance(value, Mapping | list | tuple):
            shown = f"a {type(value).__name__}"
        else:
            shown = repr(value if not isinstance(value, str) else value[:80])[:90]
        self.problem(path, f"expected {expected}, got {shown}")


class Wire(ABC):
    """One kind of value. Both ways note what does not fit in `edge` and then return something harmless."""

    @abstractmethod
    def read(self, value: Any, path: str, edge: Edge) -> Any:
        """The Python value of a JSON value."""

    @abstractmethod
    def write(self, value: Any, path: str, edge: Edge) -> Json:
        """The JSON value of a Python value."""

    def is_empty(self, value: Any) -> bool:
        """Whether Kazoo would leave this value out of a message."""
        return value is None


def is_text(value: object) -> TypeGuard[str]:
    """Whether this is text that can travel: a lone surrogate has no UTF-8."""
    if not isinstance(value, str):
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
