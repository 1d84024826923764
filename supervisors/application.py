"""An application: a supervision tree with a name, dependencies and a life cycle (OTP: application).

cdr = Application(
    "cdr",
    tree=Tree("one_for_one", [worker(CdrListener), worker(CdrWriter)], intensity=5, period=10.0),
    dependencies=("store",),
)
controller = await node.start(ApplicationController, [store, cdr], name=APPLICATIONS)
await ensure_all_started(node, controller, "cdr", "permanent")     # ["store", "cdr"]
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from mirliton.runtime import Name, message
from mirliton.supervisors.errors import ApplicationRefused, UnknownApplication
from mirliton.supervisors.specs import Shutdown
from mirliton.supervisors.tree import Tree

StartType = Literal["permanent", "transient", "temporary"]
START_TYPES: Final = ("permanent", "transient", "temporary")

APPLICATIONS: Final = Name("service", "applications")
"""The usual name of a node's application controller."""


@dataclass(frozen=True, slots=True)
class Application:
    """What an application is; the controller holds it, it never travels.

    - `tree`: its supervision tree, or a function that makes it of what `start` returned.
    - `dependencies`: names of applications that must run first; `optional` ones must run first where they are known.
    - `start()`: prepares what the tree needs; what it returns is the application's state. Raising means it does not
      start.
    - `prep_stop(state)`: runs before the tree is stopped; what it returns is the state from then on.
    - `stop(state)`: runs when the tree is gone, also when it ended by itself or did not start.
    - `shutdown`: seconds the tree has to stop before it is killed ("infinity": as long as it takes, as in OTP).

    The hooks may be async. An error in `prep_stop` or `stop` is logged and stops nothing.
    """

    name: str
    tree: Tree | Callable[[Any], Tree]
    dependencies: Sequence[str] = ()
    optional: Sequence[str] = ()
    start: Callable[[], Any | Awaitable[Any]] | None = None
    prep_stop: Callable[[Any], Any | Awaitable[Any]] | None = None
    stop: Callable[[Any], Awaitable[None] | None] | None = None
    shutdown: Shutdown = "infinity"


@message("application.start")
class StartApplication:
    """Start one application whose dependencies run. Answered "ok", or Refused:

    `("not_started", dependency)`, `("already_started", name)`, `("unknown_application", name)`, or why it did not
    start. `type` says what its end means: for "permanent" the node ends with it, for "transient" when it did not end
    normally, for "temporary" never.
    """

    name: str
    type: str = "temporary"


@message("application.stop")
class StopApplication:
    """Stop one application in order; who depends on it is not looked at (as in OTP). Answered "ok", or Refused
    `("not_started", name)`."""

    name: str


@message("application.missing")
class MissingApplications:
    """Which applications have to be started, in this order, so that `name` runs. Answered with a list of names, or
    Refused `("unknown_application", name)`."""

    name: str


@message("application.which")
class WhichApplications:
    """List what runs, the latest first. Answered with a list of ApplicationInfo."""


@message("application.info")
class ApplicationInfo:
    """One running application: how it was started, and its top supervisor."""

    name: str
    type: str
    top: Any


def start_order(applications: Mapping[str, Application], name: str) -> list[str]:
    """`name` and all it depends on, each after what it depends on itself.

    Raises UnknownApplication, or ApplicationRefused for applications that depend on one another in a circle.
    """
    order: list[str] = []
    _visit(applications, name, (), order)
    return order


def check_applications(applications: Iterable[Application]) -> dict[str, Application]:
    """The applications by name. Raises ApplicationRefused for a name used twice, an unknown dependency, a circle."""
    known: dict[str, Application] = {}
    for application in applications:
        if application.name in known:
            raise ApplicationRefused(application.name, ("duplicate_application", application.name))
        known[application.name] = application
    for name in known:
        try:
            start_order(known, name)
        except UnknownApplication as error:
            raise ApplicationRefused(name, ("unknown_application", error.application)) from None
    return known


def _visit(known: Mapping[str, Application], name: str, path: tuple[str, ...], order: list[str]) -> None:
    if name in order:
        return
    if name in path:
        raise ApplicationRefused(name, ("circular_dependency", [*path[path.index(name) :], name]))
    if name not in known:
        raise UnknownApplication(name)
    application = known[name]
    for needed in (*application.dependencies, *(each for each in application.optional if each in known)):
        _visit(known, needed, (*path, name), order)
    order.append(name)
