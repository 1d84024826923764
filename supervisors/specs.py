"""What a supervisor is told about one child: plain data.

    ChildSpec("cdr", StartSpec(CdrWriter, (store,)), restart="permanent", shutdown=5.0)

`declare.worker` and `declare.supervisor` say the same with fewer words. OTP: supervisor, "Child specification".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Final, Literal

from mirliton.runtime import ProcessName, message
from mirliton.supervisors.backoff import Backoff

Restart = Literal["permanent", "transient", "temporary"]
ChildType = Literal["worker", "supervisor"]
Shutdown = float | Literal["brutal_kill", "infinity"]

WORKER_SHUTDOWN: Final = 5.0
"""Seconds a worker has to end when its spec does not say."""

RESERVED: Final = ("cls", "keep_mail", "name", "tag", "timeout")
"""Words of the runtime's start functions: a child's own keyword arguments cannot be called so."""


@message("supervisor.start_spec")
class StartSpec:
    """How a child is started: `start_link(cls, *args, **kwargs)` by its supervisor. `kwargs` has none of RESERVED.

    With `function` the child is started by that class method of `cls` instead, as `await cls.function(supervisor,
    *args, **kwargs)`, where the supervisor is the process to link to. It returns a Pid, a pair (Pid, info) whose info
    goes back to the caller of start_child, or None for *ignore*; it raises StartError to say why it did not start.
    `name` and the words of the spec are then up to it.

    `args` None: no longer known. A supervisor does not keep those of a temporary child that was added by request.
    """

    cls: Any
    args: Sequence[Any] | None = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    function: str | None = None


@message("supervisor.child_spec")
class ChildSpec:
    """One child of a supervisor.

    - `id`: any value that can be sent, unique among its siblings.
    - `restart`: *permanent* always comes back, *transient* only after a crash, *temporary* never.
    - `shutdown`: seconds it has to end when told to, then it is killed; or "brutal_kill", or "infinity". None means
      5 s for a worker and "infinity" for a supervisor.
    - `significant`: its end, when it is not restarted, may end the supervisor (see Tree.auto_shutdown).
    - `name`: the Name or Via it is registered under from before its init until its end.
    - `keep_mail`: what is sent to `name`, a Name, while the child restarts waits for its successor.
    - `modules`: for upgrades, the modules its code is in; None means that of the class; "dynamic" means ask it.
    - `backoff`: delays between restarts (beyond OTP; None: at once).
    - `start_timeout`: seconds its init may take before it is killed and counts as failed (beyond OTP; None: no limit,
      but a supervisor that is told to stop does not wait for an init any longer).
    """

    id: Any
    start: StartSpec | None = None
    restart: Restart = "permanent"
    shutdown: Shutdown | None = None
    type: ChildType = "worker"
    significant: bool = False
    name: ProcessName | None = None
    keep_mail: bool = False
    modules: Sequence[str] | Literal["dynamic"] | None = None
    backoff: Backoff | None = None
    start_timeout: float | None = None

    @property
    def permanent(self) -> bool:
        return self.restart == "permanent"

    @property
    def temporary(self) -> bool:
        return self.restart == "temporary"

    @property
    def supervises(self) -> bool:
        return self.type == "supervisor"

    @property
    def grace(self) -> Shutdown:
        """`shutdown` with the default filled in."""
        if self.shutdown is not None:
            return self.shutdown
        return "infinity" if self.supervises else WORKER_SHUTDOWN

    @property
    def code(self) -> Sequence[str] | Literal["dynamic"]:
        """`modules` with the default filled in."""
        if self.modules is not None:
            return self.modules
        return [self.start.cls.__module__] if self.start is not None else []


def with_own(args: Sequence[Any], kwargs: Mapping[str, Any], arguments: Any) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """A template's arguments with a dynamic child's own added, which `checks.check_arguments` has seen."""
    if type(arguments) is not tuple and isinstance(arguments, Mapping):
        return args, {**kwargs, **arguments}
    return [*args, *arguments], kwargs


def with_arguments(spec: ChildSpec, arguments: Any) -> ChildSpec:
    """The template of dynamic children with the arguments of one of them."""
    how = spec.start
    assert how is not None  # checked before a spec is taken
    args, kwargs = with_own(how.args or (), how.kwargs, arguments)
    return replace(spec, start=StartSpec(how.cls, tuple(args), kwargs, how.function))
