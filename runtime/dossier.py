"""Crash dossiers: what is known of a process that died abnormally, so that one look tells why.

Making one costs a few references; its text is formatted when someone looks. The last few hundred are kept.
"""

from __future__ import annotations

import itertools
import re
import reprlib
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime.addresses import Pid
from mirliton.runtime.reasons import Crash

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell

KEPT: Final = 256
MESSAGES_SHOWN: Final = 20

_SECRET = re.compile(r"(?i)(password|passwd|secret|token|credential|a1.?hash|(^|[_-])(pin|auth|digits?)([_-]|$))")
_HIDDEN = "«hidden»"
_WIDTH: Final = 100
_TEXT: Final = 2_000
"""Characters of an error text that are shown."""

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 200
_repr.maxdict = _repr.maxlist = _repr.maxtuple = 12
_repr.maxlevel = 4


def redact(value: Any, depth: int = 5) -> Any:
    """The value without what its key, its field name or the name it is paired with calls a secret.

    Looks at the first hundred items of a container and five levels deep; what lies beyond is left out.
    """
    if isinstance(value, str | bytes | int | float | None):
        return value
    if depth == 0:
        return f"<{type(value).__qualname__}>"
    if isinstance(value, Mapping):
        items = itertools.islice(value.items(), _WIDTH)
        return {key: _HIDDEN if _is_secret(key, item) else redact(item, depth - 1) for key, item in items}
    if isinstance(value, list | tuple | deque | set | frozenset):
        if len(value) == 2 and isinstance(value, list | tuple) and _is_secret(*value):
            return [value[0], _HIDDEN]
        return [redact(item, depth - 1) for item in itertools.islice(value, _WIDTH)]
    fields = getattr(type(value), "__dataclass_fields__", None)
    if fields is not None:
        return {type(value).__qualname__: redact({name: getattr(value, name, None) for name in fields}, depth - 1)}
    return value


def _is_secret(key: Any, value: Any) -> bool:
    return isinstance(key, str) and _SECRET.search(key) is not None and not (value is None or value == "")


def summarise(value: Any) -> str:
    """A short, redacted description of any value."""
    try:
        return _repr.repr(redact(value))
    except Exception as error:  # noqa: BLE001 - a value whose repr raises must not hide the crash
        return f"<{type(value).__qualname__}: {type(error).__name__} while describing it>"


def describe(reason: Any) -> str:
    """An exit reason in words, for a log line."""
    if isinstance(reason, Crash):
        return str(reason)[:_TEXT]
    return reason[:_TEXT] if isinstance(reason, str) else summarise(reason)


def state_of(actor: Any) -> dict[str, Any]:
    """The attributes of an actor, as they are."""
    of_another = getattr(actor, "_runtime_attributes", None)
    attributes = of_another() if of_another is not None else getattr(actor, "__dict__", {})
    return {key: value for key, value in attributes.items() if key != "_myRef" and not key.startswith("_GenServer__")}


def summarise_state(state: dict[str, Any]) -> dict[str, str]:
    """Each attribute in short, without secrets."""
    items = itertools.islice(state.items(), _WIDTH)
    return {key: _HIDDEN if _SECRET.search(key) and value is not None else summarise(value) for key, value in items}


class Dossier:
    """One abnormal death. `when` is seconds since 1970."""

    __slots__ = (
        "_last",
        "_mail",
        "_state",
        "by",
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
        self.by = ""
        """Whose exit signal it died of, where it died of one."""
        self.parent: Pid | None = None
        self.links: tuple[Pid, ...] = ()
        self.trace_id: str | None = None
        self.mail = 0
        self._mail: list[Any] = []
        self._last: Any = None
        self._state: dict[str, Any] = {}

    @classmethod
    def of(cls, cell: Cell, reason: Any, when: float, by: str = "") -> Dossier:
        actor = cell.actor
        dossier = cls(cell.pid, cell.kind, reason, when)
        dossier.names = tuple(str(name) for name in cell.names or ())
        dossier.by = by
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
    def why(self) -> str:
        return describe(self.reason)

    @property
    def traceback(self) -> str:
        return self.reason.traceback(_TEXT) if isinstance(self.reason, Crash) else ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "id": self.id,
            "when": self.when,
            "pid": str(self.pid),
            "class": self.class_name,
            "names": list(self.names),
            "reason": self.why,
            "by": self.by,
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
