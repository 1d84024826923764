"""Programs: what the node supervisor runs, as plain data.

    Program("ecallmgr-1", "mirliton.api.cli.node:main", ("/etc/mirliton.toml",), stall=5.0, shutdown=20.0)

`main` is called in a forked child as `main(heartbeat, *args)`. It returns the exit status (None is 0), and
has to say when it is ready (`Heartbeat.ready`) and to let its event loop beat (`Heartbeat.start`).
"""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, Concatenate, Final, cast, get_args

from mirliton.supervisors.node_errors import ProgramError
from mirliton.supervisors.node_heartbeat import Heartbeat
from mirliton.supervisors.program_limits import Memory, RestartLimits
from mirliton.supervisors.specs import Restart, Shutdown

Main = Callable[Concatenate[Heartbeat, ...], int | None]

INTENSITY: Final = 5
PERIOD: Final = 30.0
"""So many restarts of all programs in so many seconds a node supervisor bears, unless it is told otherwise."""

# The name goes into log lines, into file names of saved stacks and into the kernel's process name.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_MAIN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Program:
    """One OS process to be kept running. Durations are in seconds.

    - `main`: a callable, or "package.module:function", which the parent imports once, before it forks.
    - `restart`: as in a child spec of OTP: a *permanent* program is always started again, a *transient* one
      unless it ended with status 0, a *temporary* one never.
    - `stall`: how long its heartbeat may be silent before it counts as stalled and is killed; None: never.
    - `start_timeout`: how long it may take from the fork until it says that it is ready.
    - `shutdown`: how long it may take to end after SIGTERM; "infinity" waits, "brutal_kill" sends SIGKILL at
      once.
    - `env`: added to the child's environment.
    - `after`: the names of the programs that must have been ready before it is started for the first time, and that
      are stopped only when it has ended; None: the one before it in the list.
    - `limits`: restart limits of its own (program_limits.py). None: it counts against those of all.
    - `memory`: how much it may use, and what happens then; None: as much as it can get.
    - `drain`: how long it may take to finish its work before SIGTERM, where it takes such requests
      (`Heartbeat.on_drain`); None: it is not asked to.
    - `log`: the file that gets its stdout and stderr, opened anew on SIGHUP; None: those of the parent.
    - `nice`: its nice value; `cpus`: the CPUs it may run on, all when empty.
    - `fingerprint`: a text that is different when a reload must restart it for its new settings to be taken; a program
      whose is "" is never restarted for that.

    Raises ProgramError, which names the field, where a value cannot be meant.
    """

    name: str
    main: str | Main
    args: tuple[Any, ...] = ()
    _: KW_ONLY
    restart: Restart = "permanent"
    stall: float | None = 5.0
    start_timeout: float = 30.0
    shutdown: Shutdown = 10.0
    env: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] | None = None
    limits: RestartLimits | None = None
    memory: Memory | None = None
    drain: float | None = None
    log: Path | None = None
    nice: int | None = None
    cpus: frozenset[int] = frozenset()
    fingerprint: str = ""

    def __post_init__(self) -> None:
        self._expect("name", isinstance(self.name, str) and _NAME.fullmatch(self.name), f"to match {_NAME.pattern}")
        self._expect(
            "main",
            callable(self.main) or (isinstance(self.main, str) and _MAIN.fullmatch(self.main)),
            'a callable or "module:function"',
        )
        self._expect("args", isinstance(self.args, tuple), "a tuple")
        self._expect("restart", self.restart in get_args(Restart), f"one of {get_args(Restart)}")
        self._expect("stall", self.stall is None or _positive(self.stall), "seconds above 0, or None")
        self._expect("start_timeout", _positive(self.start_timeout), "seconds above 0")
        self._expect(
            "shutdown",
            self.shutdown in ("infinity", "brutal_kill") or _positive(self.shutdown),
            'seconds above 0, "infinity" or "brutal_kill"',
        )
        self._expect(
            "env",
            isinstance(self.env, Mapping) and all(_variable(name, value) for name, value in self.env.items()),
            "names without = and texts, none with a zero byte",
        )
        self._expect("after", self.after is None or _names(self.after), "a tuple of names, or None")
        self._expect("limits", self.limits is None or isinstance(self.limits, RestartLimits), "RestartLimits, or None")
        self._expect("memory", self.memory is None or isinstance(self.memory, Memory), "Memory, or None")
        self._expect("drain", self.drain is None or _positive(self.drain), "seconds above 0, or None")
        self._expect("log", self.log is None or isinstance(self.log, Path), "a Path, or None")
        self._expect("nice", self.nice is None or self.nice in range(-20, 20), "a whole number from -20 to 19, or None")
        self._expect("cpus", isinstance(self.cpus, frozenset) and _numbers(self.cpus), "a frozenset of CPU numbers")
        self._expect("fingerprint", isinstance(self.fingerprint, str), "a text")

    @property
    def interval(self) -> float:
        """Seconds between two heartbeats: several fit into `stall`, so that one late beat is no stall."""
        return 1.0 if self.stall is None else min(1.0, self.stall / 8)

    def load(self) -> Main:
        """The function to call in the child, imported here and now; raises ProgramError where it cannot be."""
        if not isinstance(self.main, str):
            return self.main
        module_name, _, function_name = self.main.partition(":")
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            raise ProgramError(self.name, "main", self.main, f"an importable module ({error})") from error
        function = getattr(module, function_name, None)
        self._expect("main", callable(function), f"a function {function_name} in the module {module_name}")
        return cast(Main, function)

    def _expect(self, name: str, holds: object, expected: str) -> None:
        if not holds:
            raise ProgramError(str(self.name), name, getattr(self, name), expected)


def _positive(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(cast(float, value)) and cast(float, value) > 0


def _names(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(name, str) for name in value)


def _numbers(value: frozenset[object]) -> bool:
    return all(isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in value)


def _variable(name: object, value: object) -> bool:
    return (
        isinstance(name, str) and isinstance(value, str) and name != "" and "=" not in name and "\0" not in name + value
    )
