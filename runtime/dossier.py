"""Crash dossiers: what is known of a process that died abnormally, so that one look tells why.

Making one costs a few references; its text is formatted when someone looks. The last few hundred are kept.
"""

from __future__ import annotations

import itertools
import re
import reprlib
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime.addresses import Pid
from mirliton.runtime.reasons import Crash

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell

KEPT: Final = 256
MESSAGES_SHOWN: Final = 20

_SECRET = re.compile(r"(?i)(password|passwd|secret|token|credential|a1.?hash|(^|[_-])(pin|auth|digits?)([_-]|$))")
_HIDDEN = "«hidden»"

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 200
_repr.maxdict = _repr.maxlist = _repr.maxtuple = 12
_repr.maxlevel = 4


def redact(value: Any, depth: int = 5) -> Any:
    """The value without what its key calls a secret."""
    if depth == 0:
        return value
    if isinstance(value, dict):
        return {
            key: _HIDDEN
            if isinstance(key, str) and _SECRET.search(key) and item not in (None, "")
            else redact(item, depth - 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item, depth - 1) for item in value]
    fields = getattr(type(value), "__dataclass_fields__", None)
    if fields is not None:
        return {type(value).__qualname__: redact({name: getattr(value, name, None) for name in fields}, depth - 1)}
    return value


def summarise(value: Any) -> str:
    """A short, redacted description of any value."""
    try:
        return _repr.repr(redact(value))
    except Exception as error:  # noqa: BLE001 - a value whose repr raises must not hide the crash
        return f"<{type(value).__qualname__}: {type(error).__name__} while describing it>"


def state_of(actor: Any) -> dict[str, Any]:
    """The attributes of an actor, as they are."""
    return {key: value for key, value in vars(actor).items() if key != "_myRef"}


def summarise_state(state: dict[str, Any]) -> dict[str, str]:
    """Each attribute in short, without secrets."""
    return {key: summarise(value) for key, value in redact(state).items()}


class Dossier:
    """One abnormal death. `when` is seconds since 1970."""

    __slots__ = (
        "_last",
        "_mail",
        "_state",
        "class_name",
        "id",
        "links",
        "mail",
        "names",
        "parent",
        "pid",
        "reason",
        "trace_id",
        "when",
    )

    def __init__(self, pid: Pid, class_name: str, reason: Any, when: float) -> None:
        self.id = 0
        self.pid = pid
        self.class_name = class_name
        self.reason = reason
        self.when = when
        self.names: tuple[str, ...] = ()
        self.parent: Pid | None = None
        self.links: tuple[Pid, ...] = ()
        self.trace_id: str | None = None
        self.mail = 0
        self._mail: list[Any] = []
        self._last: Any = None
        self._state: dict[str, Any] = {}

    @classmethod
    def of(cls, cell: Cell, reason: Any, when: float) -> Dossier:
        actor = cell.actor
        dossier = cls(cell.pid, type(actor).__qualname__, reason, when)
        dossier.names = tuple(str(name) for name in cell.names or ())
        dossier.parent = cell.parent
        dossier.links = tuple(peer.pid for peer in cell.links or ())
        dossier.trace_id = getattr(actor, "trace_id", None)
        dossier.mail = len(cell)
        dossier._mail = [item[0] for item in itertools.islice(cell.all_mail(), MESSAGES_SHOWN)]
        dossier._last = cell.last[0] if cell.last else None
        dossier._state = state_of(actor)
        return dossier

    @property
    def last_message(self) -> str:
        return summarise(self._last)

    @property
    def messages(self) -> list[str]:
        """The first messages that waited."""
        return [summarise(message) for message in self._mail]

    @property
    def state(self) -> dict[str, str]:
        return summarise_state(self._state)

    @property
    def traceback(self) -> str:
        return self.reason.traceback() if isinstance(self.reason, Crash) else ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "id": self.id,
            "when": self.when,
            "pid": str(self.pid),
            "class": self.class_name,
            "names": list(self.names),
            "reason": str(self.reason),
            "traceback": self.traceback,
            "trace_id": self.trace_id,
            "parent": str(self.parent) if self.parent else None,
            "links": [str(pid) for pid in self.links],
            "last_message": self.last_message,
            "mailbox_length": self.mail,
            "messages": self.messages,
            "state": self.state,
        }


class Dossiers:
    """The last dossiers of a node, oldest first."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept: deque[Dossier] = deque(maxlen=kept)
        self._ids = itertools.count(1)
        self.total = 0

    def add(self, dossier: Dossier) -> Dossier:
        dossier.id = next(self._ids)
        self._kept.append(dossier)
        self.total += 1
        return dossier

    def __iter__(self) -> Iterator[Dossier]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, dossier_id: int) -> Dossier | None:
        return next((dossier for dossier in self._kept if dossier.id == dossier_id), None)

    def of(self, pid: Pid) -> Dossier | None:
        return next((dossier for dossier in reversed(self._kept) if dossier.pid == pid), None)
