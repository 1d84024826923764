"""The nodes of one host: what `mirliton start` reads. Every option, with its default, bounds and unit.

    [host]
    state_dir = "/var/lib/mirliton"

    [defaults]                   # for all nodes; a node's own table wins
    memory = 1024

    [nodes.main]
    role = "all"
    settings = "mirliton.toml"

`load_host` (in `host_loading`) reads it; `host.toml` beside this file shows every option. Durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

from mirliton.config.settings import Bounds

Role = Literal["all", "ecallmgr", "whapps", "api", "simulator", "program"]
Level = Literal["", "debug", "info", "warning", "error"]

NODE_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}"
MAX_NODES: Final = 256

_MAIN: Final = r"([A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*)?"


def _setting(default: Any, **bounds: Any) -> Any:
    return field(default=default, metadata={"bounds": Bounds(**bounds)})


def _seconds(default: float, low: float, high: float, also: str = "") -> Any:
    return _setting(default, low=low, high=high, unit=f"seconds{also}")


@dataclass(frozen=True, slots=True)
class HostSettings:
    """The host supervisor itself. Relative paths lie below `state_dir`."""

    state_dir: Path = Path("var")
    """Where the host supervisor keeps its files; relative to the working directory. Created 0700."""
    socket: Path = Path("host.sock")
    """The host socket, mode 0600, over which `mirliton ps`, `stop`, `restart` and `reload` ask."""
    stacks: Path = Path("stacks")
    """The folder for the stacks of nodes that stalled or faulted."""
    log: str = ""
    """A file for its own log, opened anew on SIGHUP; empty: standard error."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"


@dataclass(frozen=True, slots=True)
class HostNode:
    """One node: an OS process under the host supervisor, and how it is kept."""

    role: Role = "all"
    """What it runs: all that `mirliton run` does; of a cluster the switch side, applications or the API; the simulated
    switch alone; or a program of your own."""
    apps: tuple[str, ...] = ()
    """The applications of a node of role "whapps"."""
    settings: str = ""
    """The settings file of a node of Mirliton's; relative to the folder of the host file. Empty: the one that
    `mirliton run` would find."""
    program: str = _setting("", pattern=_MAIN, wording='must be written "package.module:function"')
    """The main of a node of role "program"."""
    arguments: tuple[str, ...] = ()
    """What that main is given after its heartbeat."""
    after: tuple[str, ...] = ()
    """Nodes that must have been ready before this one starts, and that are stopped after it."""
    environment: dict[str, str] = field(default_factory=dict)
    """Added to its environment; also overrides its settings (MIRLITON_API_PORT = "8001")."""
    restart: Literal["permanent", "transient", "temporary"] = "permanent"
    """As in OTP: always started again, unless it ended with status 0, or never."""
    restarts: int = _setting(10, low=0, high=1000)
    """With more restarts than this within `restart_period` it is given up; the other nodes go on."""
    restart_period: float = _seconds(300.0, 1, 86400)
    backoff_first: float = _seconds(0.1, 0.001, 3600)
    """The wait before the second restart in a row (the first is at once)."""
    backoff_most: float = _seconds(30.0, 0.001, 3600)
    """The longest wait."""
    backoff_factor: float = _setting(2.0, low=1, high=100)
    """How much longer each wait is than the one before."""
    backoff_jitter: float = _setting(0.2, low=0, high=0.99)
    """Up to this share is taken off each wait, so that nodes do not come back in step."""
    backoff_calm: float = _seconds(30.0, 0, 86400)
    """After so long in good health the row of failures is over."""
    start_timeout: float = _seconds(60.0, 0.1, 3600)
    """How long it may take until it is ready."""
    stall_timeout: float = _seconds(10.0, 0, 600, "; 0: never")
    """Silence of its event loop after which its stacks are saved and it is killed."""
    drain_timeout: float = _seconds(0.0, 0, 3600, "; 0: not asked to")
    """How long it may finish its work, where it can, before it is told to end."""
    shutdown_timeout: float = _seconds(30.0, 0.1, 3600)
    """How long it may take to end before it is killed."""
    memory: int = _setting(0, low=0, high=10_000_000, unit="MB; 0: no bound")
    """Above this it is restarted in order."""
    memory_kill: int = _setting(0, low=0, high=10_000_000, unit="MB; 0: a quarter more than memory")
    """Above this it is killed at once, and restarted."""
    log: str = ""
    """A file for its standard output and error, below `host.state_dir`; empty: those of the host supervisor."""
    log_level: Level = ""
    """Overrides `logging.level` of its settings."""
    nice: int = _setting(0, low=-20, high=19)
    """Its nice value; below 0 needs a privilege."""
    cpus: tuple[int, ...] = ()
    """The CPUs that it may run on; empty: all."""


OF_ONE_NODE: Final = frozenset({"role", "apps", "settings", "program", "arguments", "after"})
"""What only a node's own table may say."""

DEFAULTS: Final = frozenset(each.name for each in fields(HostNode)) - OF_ONE_NODE
"""What [defaults] may say for all nodes."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host file. `file` is where it was read, `nodes` are in the file's order."""

    file: Path
    host: HostSettings
    nodes: dict[str, HostNode]

    @property
    def socket(self) -> Path:
        """Where the host socket is, from the working directory."""
        return self.host.state_dir / self.host.socket

    @property
    def stacks(self) -> Path:
        """Where stacks are saved, from the working directory."""
        return self.host.state_dir / self.host.stacks

    def log_of(self, log: str) -> Path | None:
        """Where a log is, from the working directory; None when it has no file of its own."""
        return self.host.state_dir / log if log else None

    def settings_of(self, node: HostNode) -> Path | None:
        """Where the settings file of a node is, from the working directory; None when it has none."""
        return self.file.parent / node.settings if node.settings else None
