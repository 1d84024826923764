"""What a host can say, and how a question is put to it. Apart from the client, which takes long to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson


class NotSent(Exception):
    """The host could not be reached: it has not heard the question."""


class AnswerLost(Exception):
    """The question was sent, or begun to be, and the connection ended without an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host said. `data` is its JSON; None where it sent none."""

    status: int
    data: Any
    text: str = ""
    """The beginning of an answer that was not JSON."""

    @property
    def ok(self) -> bool:
        return self.status < 300

    @property
    def error(self) -> str:
        """CouchDB's name of the error; "" where it gives none."""
        return str(self.data.get("error", "")) if isinstance(self.data, dict) else ""

    @property
    def reason(self) -> str:
        """CouchDB's reason, or what stands there instead."""
        return str(self.data.get("reason", "")) if isinstance(self.data, dict) else self.text


def encoded(query: Mapping[str, Any] | None) -> dict[str, str] | None:
    """A query's values as CouchDB reads them."""
    if not query:
        return None
    return {name: value if name in _PLAIN else orjson.dumps(value).decode() for name, value in query.items()}


_PLAIN: Final = frozenset({"rev", "feed", "since"})
"""Parameters that are not JSON."""
