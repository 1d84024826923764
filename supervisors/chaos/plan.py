"""A plan: what is killed or troubled, how, how often, what is spared, and what must hold meanwhile. Plain data.

    Plan(
        attacks=(Attack(among=(Pick(names=("call:*",)),), how="kill", rate=2.0),),
        duration=30.0,
        guard=Guard(never=("service:store",)),
        invariants=Invariants(returned_within=1.0),
    )

`reading.py` makes one from TOML; docs/chaos.md shows every key. A pattern is a shell's: `*`, `?` and `[…]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from mirliton.supervisors.chaos.errors import PlanError, Problem

What = Literal["processes", "programs", "connections", "services"]
How = Literal[
    "kill", "exit", "suspend", "stall", "stop", "drop", "cut", "hang", "half_open", "delay", "throttle", "restart"
]

HOWS: Final[dict[str, tuple[str, ...]]] = {
    "processes": ("kill", "exit", "suspend", "stall"),
    "programs": ("kill", "stop", "stall"),
    "connections": ("drop", "cut", "hang", "half_open", "delay", "throttle"),
    "services": ("restart",),
}
"""What can be done to what. `stop` is SIGSTOP, ended by SIGCONT; `kill` of a program is SIGKILL; proxy.py tells what
happens to connections."""
MOST_ATTACKS: Final = 100
MOST_RATE: Final = 1000.0
MOST_DURATION: Final = 86_400.0
MOST_COUNT: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers that a field may have, both ends included."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"from {self.low:g} to {self.high:g}"


def _number(default: Any, low: float, high: float) -> Any:
    return field(default=default, metadata={"range": Range(low, high)})


@dataclass(frozen=True, slots=True)
class Pick:
    """Some of what lives: all that fits each of `kinds`, `names` and `below` that is given; without any, everything.

    - `kinds`: patterns of class names (of processes alone).
    - `names`: patterns of names, as `call:*`; of programs as their node supervisor calls them; of proxies and services
      as the plan does.
    - `below`: the pattern of a supervisor's name: what it and the supervisors below it have started.
    - `above`: not these but their supervisors.
    - `beyond_intensity`: also where their supervisor would give up over it.
    - `label`: what the report calls them.
    """

    kinds: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    below: str = ""
    above: bool = False
    beyond_intensity: bool = False
    label: str = ""

    def __str__(self) -> str:
        if self.label:
            return self.label
        parts = [*self.names, *self.kinds, *([f"below {self.below}"] if self.below else [])]
        return f"{'above ' if self.above else ''}{' '.join(parts) or 'anything'}"


@dataclass(frozen=True, slots=True)
class Attack:
    """One kind of trouble. Seconds count from the run's begin.

    - `among`: of these groups one is drawn at each strike, and of the group one member; where nothing of it may be
      hit, the next group.
    - `how`: "kill"; "exit" with `reason`; "suspend", "stall" (the process, or the program, holds its loop) or, for
      programs, "stop", each for `seconds`; what HOWS lists for connections, for `seconds`, with `delay` and `jitter`
      (seconds), `bytes_per_second`, or which end is `kept` half open; "restart" of services.
    - when: at about `rate` random moments a second, or `every` so many seconds, or `at` these.
    - `count`: after so many hits it is over.
    - `each`: how many are hit at a time.
    """

    among: tuple[Pick, ...] = (Pick(),)
    name: str = ""
    what: What = "processes"
    how: How = "kill"
    reason: str = "shutdown"
    seconds: float = _number(1.0, 0.001, 3600.0)
    delay: float = _number(0.0, 0.0, 60.0)
    jitter: float = _number(0.0, 0.0, 60.0)
    bytes_per_second: float | None = _number(None, 1.0, 1e12)
    kept: Literal["client", "server"] = "client"
    rate: float | None = _number(None, 0.0001, MOST_RATE)
    every: float | None = _number(None, 0.001, MOST_DURATION)
    at: tuple[float, ...] = _number((), 0.0, MOST_DURATION)
    count: int | None = _number(None, 1, MOST_COUNT)
    each: int = _number(1, 1, 1000)

    def problems(self) -> Iterator[tuple[str, str, Any]]:
        """What does not fit together: key, expectation, value."""
        if self.what not in get_args(What):
            yield "what", f"must be one of {_words(get_args(What))}", self.what
        elif self.how not in HOWS[self.what]:
            yield "how", f"must be one of {_words(HOWS[self.what])} for {self.what}", self.how
        given = [key for key in ("rate", "every", "at") if getattr(self, key) not in (None, ())]
        if len(given) != 1:
            yield "rate", "must be given, or every, or at: exactly one of them", ", ".join(given) or None
        if not self.among:
            yield "among", "must name at least one group", None
        if self.how == "exit" and self.reason in ("kill", "normal"):
            yield "reason", "must be another: use how = 'kill' to kill; a foreign 'normal' ends nobody", self.reason
        if self.how == "delay" and self.delay + self.jitter <= 0:
            yield "delay", "must be above 0, or jitter", None
        if self.how == "throttle" and self.bytes_per_second is None:
            yield "bytes_per_second", "must be given", None
        for number, pick in enumerate(self.among):
            if self.what != "processes" and (pick.kinds or pick.below or pick.above):
                yield f"among.{number}", f"must pick {self.what} by names alone", None


@dataclass(frozen=True, slots=True)
class Guard:
    """The bounds of the blast.

    - `never`: patterns of names and classes that are spared, whatever an attack says; and so is whoever would take
      one of them along: a supervisor above it, a sibling that is restarted together with it.
    - `at_once`: so many may be down or troubled at the same time; a strike beyond is held back.
    - `unsupervised`: also hit who has no supervisor, and so will not come back.
    - `stop_on_failure`: no more strikes once an invariant has failed.
    """

    never: tuple[str, ...] = ()
    at_once: int = _number(1, 1, 100_000)
    unsupervised: bool = False
    stop_on_failure: bool = True


@dataclass(frozen=True, slots=True)
class Invariants:
    """What must hold. Looked at every `every` seconds and at the end, when all has had its time.

    - `returned`: who was hit and has somebody to start them again is there again within `returned_within` seconds.
    - `no_supervisor_gave_up`; those that `may_give_up`, by patterns of names and classes, apart.
    - `no_leaks`: `settle` seconds after the last strike no mail waits untouched, no call is unanswered all the while,
      and nothing belongs to the dead. `same_processes`: there are also as many of each kind as before.
    - `checks`: the names of functions that whoever carries the plan out has given; each has `check_timeout` seconds.
    """

    returned: bool = True
    returned_within: float = _number(5.0, 0.001, 3600.0)
    no_supervisor_gave_up: bool = True
    may_give_up: tuple[str, ...] = ()
    no_leaks: bool = True
    same_processes: bool = False
    settle: float = _number(5.0, 0.0, 3600.0)
    checks: tuple[str, ...] = ()
    every: float = _number(1.0, 0.01, 3600.0)
    check_timeout: float = _number(10.0, 0.01, 3600.0)


@dataclass(frozen=True, slots=True)
class Service:
    """What is restarted by a command: `restart`, its words, which no shell sees, has `timeout` seconds to end well. The
    service is back when something listens at `answers` (host:port); without that, when the command has ended."""

    restart: tuple[str, ...] = ()
    answers: str = ""
    timeout: float = _number(60.0, 0.1, 3600.0)

    def problems(self) -> Iterator[tuple[str, str, Any]]:
        """What does not fit together: key, expectation, value."""
        if not self.restart or not self.restart[0]:
            yield "restart", "must be a command and its words", list(self.restart) or None
        if self.answers:
            host, _, port = self.answers.rpartition(":")
            if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
                yield "answers", "must be host:port", self.answers


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan. Raises PlanError with all that cannot be meant.

    `duration`: seconds after which no more strikes are made. `seed`: what is drawn by; without one, one is drawn, and
    told. `proxies`: the control sockets of those in other OS processes, by the names that attacks on connections use.
    `services`: what attacks may restart, by name.
    """

    attacks: tuple[Attack, ...]
    name: str = "chaos"
    seed: int | None = _number(None, 0, 2**63 - 1)
    duration: float = _number(60.0, 0.001, MOST_DURATION)
    guard: Guard = field(default_factory=Guard)
    invariants: Invariants = field(default_factory=Invariants)
    proxies: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found = [Problem("attack", f"must be 1 to {MOST_ATTACKS} tables", len(self.attacks))]
        if 1 <= len(self.attacks) <= MOST_ATTACKS:
            found.clear()
        for number, attack in enumerate(self.attacks):
            found += [Problem(f"attack.{number}.{key}", said, value) for key, said, value in attack.problems()]
            found += out_of_range(attack, f"attack.{number}.")
        for name, service in self.services.items():
            found += [Problem(f"services.{name}.{key}", said, value) for key, said, value in service.problems()]
            found += out_of_range(service, f"services.{name}.")
        for part, where in ((self, ""), (self.guard, "guard."), (self.invariants, "invariants.")):
            found += out_of_range(part, where)
        if found:
            raise PlanError(found)

    @property
    def whats(self) -> frozenset[What]:
        """What its attacks are on."""
        return frozenset(attack.what for attack in self.attacks)


def out_of_range(part: Any, where: str) -> Iterator[Problem]:
    """The numbers of a part that are beyond what they may be."""
    for name, spec in type(part).__dataclass_fields__.items():
        bounds: Range | None = spec.metadata.get("range")
        value = getattr(part, name)
        if bounds is None or value is None:
            continue
        for one in value if isinstance(value, tuple) else (value,):
            if not bounds.low <= one <= bounds.high:
                yield Problem(f"{where}{key_of(name)}", f"must be {bounds}", one)


def key_of(name: str) -> str:
    """How a field is called in TOML."""
    return {"seconds": "for", "attacks": "attack"}.get(name, name)


def _words(choices: tuple[str, ...]) -> str:
    return ", ".join(map(repr, choices))
