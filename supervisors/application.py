"""An application: a supervision tree with a name, dependencies and a life cycle (OTP: application).

    import asyncio

    from mirliton.runtime import GenServer, Name, Node
    from mirliton.supervisors import (
        APPLICATIONS,
        Application,
        ApplicationController,
        Tree,
        ensure_all_started,
        get_env,
        which_applications,
        worker,
    )

    told = []


    class Mailer(GenServer):
        def init(self) -> None:
            self.sender = get_env(self, "mailer", "sender")

        def handle_cast(self, letter: str) -> None:
            told.append(f"{self.sender}: {letter[0]}")       # an empty letter crashes it


    store = Application("store", tree=Tree("one_for_one", []))
    mailer = Application(
        "mailer",
        tree=Tree("one_for_one", [worker(Mailer, name=Name("service", "mailer"))], intensity=1, period=5.0),
        dependencies=("store",),
        environment={"sender": "post@example.org"},
        stop=lambda state: told.append("mailer is gone"),
    )


    async def main() -> None:
        async with Node() as node:
            controller = await node.start(ApplicationController, [store, mailer], name=APPLICATIONS)
            assert await ensure_all_started(node, APPLICATIONS, "store", "permanent") == ["store"]
            assert await ensure_all_started(node, APPLICATIONS, "mailer", "temporary") == ["mailer"]

            node.cast(Name("service", "mailer"), "Hello")
            for _ in range(2):                               # once it is restarted, then its supervisor gives up …
                node.cast(Name("service", "mailer"), "")
                await asyncio.sleep(0.05)
            assert told == ["post@example.org: H", "mailer is gone"]

            # … and since it was started as temporary, that is all. As "permanent" it would have ended the node.
            assert [each.name for each in await which_applications(node, APPLICATIONS)] == ["store"]


    asyncio.run(main())

An application is *loaded* (the controller knows it, and holds its environment) or also *started*. What the end of a
started one means is up to its start type: the end of a "permanent" one ends the node, that of a "transient" one when it
was not normal, that of a "temporary" one never. To stop it by request never does.

Left out: OTP's included applications (put the Tree of the one into the tree of the other: trees are data) and
distributed ones. Other than in OTP, where one callback prepares and starts the tree, `stop` also runs when the tree did
not start: what `start` has opened must be closed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from mirliton.runtime import Local, Name, message
from mirliton.supervisors.errors import ApplicationRefused, UnknownApplication
from mirliton.supervisors.specs import Shutdown
from mirliton.supervisors.tree import Tree
from mirliton.supervisors.upgrading.appup import AppUp

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
      start; so does Stop(reason), which is how to say why.
    - `start_phases`: (phase, arguments) pairs. When the tree runs, `start_phase(phase, state, arguments)` runs for each
      in order, and the start is done after the last; raising, or answering anything but None, stops it again.
    - `environment`: its parameters, as `get_env` finds them and `set_env` changes them until it is unloaded.
    - `description`: one line for people.
    - `prep_stop(state)`: runs before the tree is stopped; what it returns is the state from then on.
    - `stop(state)`: runs when the tree is gone, also when it ended by itself or did not start.
    - `shutdown`: seconds the tree has to stop before it is killed ("infinity": as long as it takes, as in OTP).

    For hot upgrades (docs/upgrade.md):

    - `version`: what `code_change` is told of the version it comes from.
    - `source`: "module:name" under which the next version's Application is found; without it `tree` is called again.
    - `modules`: the packages and modules that are its own, with all below them; by default the top package of `source`.
    - `appup`: what to do where order or arguments matter.

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
    start_phases: Sequence[tuple[str, Any]] = ()
    start_phase: Callable[[str, Any, Any], Any | Awaitable[Any]] | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    version: str = ""
    source: str = ""
    modules: Sequence[str] = ()
    appup: AppUp | None = None


@message("application.start")
class StartApplication:
    """Start one application whose dependencies run. Answered "ok", or Refused:

    `("not_started", dependency)`, `("already_started", name)`, `("unknown_application", name)`, or why it did not
    start, where `called` is `(name, "start", ["normal"])`, or `(name, "start_phase", [phase, "normal", arguments])`:
    `(reason, called)` when it answered that, or its tree did not start for it; `("bad_return", (called, what))` when it
    raised (`what` is `("EXIT", reason)`) or answered what it should not.

    `type` says what its end means: for "permanent" the node ends with it, for "transient" when it did not end
    normally, for "temporary" never.
    """

    name: str
    type: str = "temporary"


@message("application.stop")
class StopApplication:
    """Stop one application in order; who depends on it is not looked at (as in OTP). Answered "ok", or Refused
    `("not_started", name)`."""

    name: str


class LoadApplication(Local):
    """Make an application known. Answered "ok", or Refused `("already_loaded", name)` or `("circular_dependency",
    names)`. What it depends on may be loaded later. An Application stays on its node."""

    __slots__ = ("application",)
    __match_args__ = ("application",)

    def __init__(self, application: Application) -> None:
        self.application = application


@message("application.unload")
class UnloadApplication:
    """Forget an application and its environment. Answered "ok", or Refused `("running", name)` or `("not_loaded",
    name)`."""

    name: str


@message("application.which_loaded")
class LoadedApplications:
    """List what is loaded, in that order. Answered with a list of LoadedInfo."""


@message("application.loaded")
class LoadedInfo:
    """One loaded application."""

    name: str
    description: str
    version: str


@message("application.set_env")
class SetEnv:
    """Give a parameter a value. Answered "ok", or Refused `("not_loaded", name)`."""

    name: str
    key: str
    value: Any


@message("application.unset_env")
class UnsetEnv:
    """Take a parameter's value away. Answered "ok", or Refused `("not_loaded", name)`."""

    name: str
    key: str


@message("application.missing")
class MissingApplications:
    """Which applications have to be started, in this order, so that `name` runs. Answered with a list of names, or
    Refused `("unknown_application", the one that is not known)` or `("circular_dependency", names)`."""

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


def check_circles(applications: Mapping[str, Application], name: str) -> None:
    """Raise ApplicationRefused when `name` depends on itself. What it depends on need not be known yet."""
    try:
        start_order(applications, name)
    except UnknownApplication:
        return


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
