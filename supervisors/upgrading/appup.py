"""What an upgrade is to do where order or arguments matter, as data (OTP: appup).

    Application(
        "shop",
        tree=tree,
        version="2",
        source="shop.app:application",
        appup=AppUp(
            up={"1": [Update("shop.stock:Stock", extra="kg"), Delete("old_feed"), Apply("shop.migrate:number_orders")]},
            down={"1": [Update("shop.stock:Stock", extra="kg")]},
        ),
    )

What no instruction names is done as it is without an appup: every process of the application's classes takes the new
class, and runs `code_change` where its class has one; supervisors take the new tree, and start what is new in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

ANY: Final = "*"
"""The version that stands for every version without instructions of its own."""


@dataclass(frozen=True, slots=True)
class Update:
    """Processes of this class get `extra` in their `code_change`, and it runs in the order of the instructions, before
    that of classes without one. `cls` is "module:Class"."""

    cls: str
    extra: Any = None


@dataclass(frozen=True, slots=True)
class Load:
    """Processes of this class take the new code without `code_change`."""

    cls: str


@dataclass(frozen=True, slots=True)
class Restart:
    """Processes of this class are stopped and started again by their supervisor: their state is lost.

    They must be supervised, and not temporary.
    """

    cls: str


@dataclass(frozen=True, slots=True)
class Add:
    """Start this new child now; those that no instruction names are started before the first instruction.

    `child` is its id, or the ids on the way from the top supervisor.
    """

    child: Any


@dataclass(frozen=True, slots=True)
class Delete:
    """Stop and forget this child, which the new tree does not have. `child` is as in Add."""

    child: Any


@dataclass(frozen=True, slots=True)
class Apply:
    """Call the new code's "module:function" with the node and `args`; it may be async. The application is held
    meanwhile. `undo` is called in the same way when the upgrade fails later."""

    function: str
    args: Sequence[Any] = ()
    undo: str = ""


Instruction = Update | Load | Restart | Add | Delete | Apply


@dataclass(frozen=True, slots=True)
class AppUp:
    """The instructions of one version: `up` from earlier versions to it, `down` from it to earlier ones ("*": any).

    A version that is in none of them, where there are some, cannot be upgraded from, or downgraded to.
    `renamed`: classes that are called otherwise since the version before, old "module:Class" to new.
    """

    up: Mapping[str, Sequence[Instruction]] = field(default_factory=dict)
    down: Mapping[str, Sequence[Instruction]] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)


def instructions(appup: AppUp | None, version: str, *, down: bool) -> Sequence[Instruction] | None:
    """What to do from, or down to, `version`; None when the appup has no way."""
    ways = {} if appup is None else appup.down if down else appup.up
    return ways.get(version, ways.get(ANY, None if ways else ()))


def path(child: Any) -> tuple[Any, ...]:
    """The ids on the way from the top supervisor to a child."""
    return tuple(child) if isinstance(child, tuple | list) else (child,)
