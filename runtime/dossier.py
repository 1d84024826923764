"""Crash dossiers: what is known of a process that died abnormally, so that one look tells why.

Making one costs a few references, the dead actor itself among them. Its text is written when someone looks, and else a
moment after the death, four dossiers in a twentieth of a second: from then on it holds nothing but that text, at most
some ten thousand characters, and the dead process's state is free. Those that newer ones have pushed out by then were
never written at all.
"""

from __future__ import annotations

import itertools
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mirliton.runtime.addresses import Pid
from mirliton.runtime.debug import Watched
from mirliton.runtime.reasons import Crash, Shutdown
from mirliton.runtime.redaction import HIDDEN, TEXT, describe, redact, scrub, summarise, summarise_state

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell, Item

__all__ = ["Dossier", "Dossiers", "describe", "redact", "state_of", "summarise", "summarise_state"]

KEPT: Final = 256
MESSAGES_SHOWN: Final = 20

WRITE_EVERY: Final = 0.05
WRITE_AT_ONCE: Final = 4
"""Dossiers written at one go: one takes some 100 µs, and everybody waits meanwhile."""
LINKS_SHOWN: Final = 100
MESSAGE_SHOWN: Final = 500
SMALL: Final = 200
"""Characters of a reason that is kept as it is."""
STATE_SHOWN: Final = 8_000
"""Characters that all attributes of a state may take; those beyond are only named."""


Later = Callable[[float, Callable[[], None]], object]


def state_of(actor: Any) -> dict[str, Any]:
    """The attributes of an actor, as they are."""
    of_another = getattr(actor, "_runtime_attributes", None)
    attributes = of_another() if of_another is not None else getattr(actor, "__dict__", {})
    return {
        key: value
        for key, value in attributes.items()
        if key != "_myRef" and not key.startswith("_GenServer__") and type(value) is not Watched
    }


class _Text(NamedTuple):
    """What is left of the dead process."""

    names: tuple[str, ...]
    by: str
    links: tuple[Pid, ...]
    trace_id: str | None
    last_message: str
    messages: list[str]
    state: dict[str, str]


class Dossier:
    """One abnormal death. `when` is seconds since 1970."""

    __slots__ = (
        "_actor",
        "_by",
        "_last",
        "_links",
        "_mail",
        "_names",
        "_text",
        "class_name",
        "id",
        "mail",
        "parent",
        "pid",
        "reason",
        "when",
    )

    def __init__(self, pid: Pid, class_name: str, reason: Any, when: float) -> None:
        self.id = 0
        self.pid = pid
        self.class_name = class_name
        self.reason = reason
        self.when = when
        self.parent: Pid | None = None
        self.mail = 0
        """How much mail waited."""
        self._names: Sequence[Any] | None = None
        self._by: tuple[Any, Pid] | Pid | None = None
        self._links: tuple[Cell, ...] = ()
        self._mail: list[Item] | None = None
        self._last: Item | None = None
        self._actor: Any = None
        self._text: _Text | None = None

    @classmethod
    def of(cls, cell: Cell, reason: Any, when: float, by: tuple[Any, Pid] | Pid | None = None) -> Dossier:
        """`by`: who sent the exit signal that it dies of, a Pid alone or with what it is called."""
        dossier = cls(cell.pid, cell.kind, reason, when)
        dossier.parent = cell.parent
        dossier._names = cell.names
        dossier._by = by
        dossier._links = cell.links
        if cell.mailbox or cell.saved or cell.held:
            dossier.mail = len(cell)
            dossier._mail = cell.all_mail()[:MESSAGES_SHOWN]
        dossier._last = cell.last
        dossier._actor = cell.actor
        return dossier

    def write(self) -> _Text:
        """Put in words what is known, and let go of everything else."""
        if self._text is None:
            by, last = self._by, self._last
            self._text = _Text(
                names=tuple(str(name) for name in self._names or ()),
                by=f"{by[0]} {by[1]}" if type(by) is tuple else str(by or ""),
                links=tuple(peer.pid for peer in itertools.islice(self._links, LINKS_SHOWN)),
                trace_id=getattr(self._actor, "trace_id", None),
                last_message=summarise(last[0] if last is not None else None),
                messages=[summarise(item[0])[:MESSAGE_SHOWN] for item in self._mail or ()],
                state=_bounded(summarise_state(state_of(self._actor))),
            )
            self.reason = _small(self.reason)
            self._actor = self._mail = self._last = self._names = self._by = None
            self._links = ()
        return self._text

    @property
    def names(self) -> tuple[str, ...]:
        return self.write().names

    @property
    def by(self) -> str:
        """Whose exit signal it died of, where it died of one."""
        return self.write().by

    @property
    def links(self) -> tuple[Pid, ...]:
        """The first processes it was linked to."""
        return self.write().links

    @property
    def trace_id(self) -> str | None:
        return self.write().trace_id

    @property
    def last_message(self) -> str:
        return self.write().last_message

    @property
    def messages(self) -> list[str]:
        """The first messages that waited."""
        return self.write().messages

    @property
    def state(self) -> dict[str, str]:
        return self.write().state

    @property
    def why(self) -> str:
        return describe(self.reason)

    @property
    def traceback(self) -> str:
        return scrub(self.reason.traceback(TEXT)) if isinstance(self.reason, Crash) else ""

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


def _bounded(state: dict[str, str]) -> dict[str, str]:
    left = STATE_SHOWN
    for key, text in state.items():
        if len(text) > left:
            state[key] = "…"
        left -= min(left, len(text))
    return state


def _small(reason: Any) -> Any:
    """A reason that may be kept: itself, where that costs little, else what can be said of it."""
    if isinstance(reason, Crash):
        return reason if len(reason.text) <= TEXT else Crash(reason.kind, f"{reason.text[:TEXT]}…", reason.frames)
    if isinstance(reason, Shutdown | int | float | None):
        return reason
    text = summarise(reason)
    return reason if len(text) < SMALL and "..." not in text and HIDDEN not in text else text


class Dossiers:
    """The last dossiers of a node, oldest first."""

    def __init__(self, kept: int = KEPT, later: Later | None = None) -> None:
        """`later(seconds, work)` calls `work()` then; without it a dossier is written when someone looks at it."""
        self._kept: deque[Dossier] = deque(maxlen=kept)
        self._unwritten: deque[Dossier] = deque(maxlen=kept)
        self._later = later
        self._writing = False
        self._ids = itertools.count(1)
        self.total = 0
        self.by_class: Counter[str] = Counter()
        """How many there ever were, by class."""
        self.newest: dict[str, tuple[int, float]] = {}
        """By class, the id of the last one and when it was (seconds since 1970)."""

    def add(self, dossier: Dossier) -> Dossier:
        dossier.id = next(self._ids)
        self._kept.append(dossier)
        if self._later is not None:
            self._unwritten.append(dossier)
            if not self._writing:
                self._write_soon()
        self.total += 1
        self.by_class[dossier.class_name] += 1
        self.newest[dossier.class_name] = (dossier.id, dossier.when)
        return dossier

    def _write_soon(self) -> None:
        assert self._later is not None
        self._writing = True
        dossiers = weakref.ref(self)  # its own timer must not keep it alive

        def write() -> None:
            kept = dossiers()
            if kept is not None:
                kept._write_some()

        self._later(WRITE_EVERY, write)

    def _write_some(self) -> None:
        self._writing = False
        for _ in range(min(WRITE_AT_ONCE, len(self._unwritten))):
            self._unwritten.popleft().write()
        if self._unwritten:
            self._write_soon()

    def __iter__(self) -> Iterator[Dossier]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, dossier_id: int) -> Dossier | None:
        return next((dossier for dossier in self._kept if dossier.id == dossier_id), None)

    def of(self, pid: Pid) -> Dossier | None:
        if self._kept and self._kept[-1].pid is pid:
            return self._kept[-1]  # it has only just died: so it is for its supervisor
        return next((dossier for dossier in reversed(self._kept) if dossier.pid == pid), None)
