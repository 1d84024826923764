"""A supervision tree as data that reads like its picture.

    Tree(
        "rest_for_one",
        [
            worker(ChannelTable, switch, name=Name("channels", switch)),
            supervisor(
                Tree("simple_one_for_one", [worker(CallActor, restart="transient")], intensity=10, period=1.0),
                id="calls",
            ),
            worker(Janitor, switch),
        ],
        intensity=3,
        period=10.0,
    )

Children start from top to bottom and stop from bottom to top. OTP: supervisor, "Supervisor flags".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from mirliton.runtime import Name, message
from mirliton.supervisors.specs import ChildSpec

StrategyName = Literal["one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]


@message("supervisor.tree")
class Tree:
    """One supervisor and, through the specs of its supervisors, all below it.

    - `strategy`: who else is restarted with a child that is: nobody (*one_for_one*), everybody (*one_for_all*), those
      after it (*rest_for_one*). *simple_one_for_one* has one spec, a template for any number of children that
      `StartChild(arguments)` adds.
    - `intensity`, `period`: more than so many restarts in so many seconds, and the supervisor gives up: it stops its
      children and ends with "shutdown".
    - `auto_shutdown`: whether the end of a significant child (*any_significant*), or of the last (*all_significant*),
      ends the supervisor.
    - `name`: the Name the supervisor is registered under.
    - `max_children`: how many dynamic children there may be; one more is refused with "max_children" (beyond OTP).

    The values are checked when a supervisor starts from them (`checks.check_tree` does so before).
    """

    strategy: StrategyName
    children: Sequence[Any]
    intensity: int = 1
    period: float = 5.0
    auto_shutdown: AutoShutdown = "never"
    name: Name | None = None
    max_children: int | None = None


def kept_names(spec: ChildSpec) -> Iterator[Name]:
    """The names for which mail is kept while this child, or one below it, restarts."""
    if spec.keep_mail and type(spec.name) is Name:
        yield spec.name
    for argument in (spec.start.args or ()) if spec.start is not None else ():
        if isinstance(argument, Tree):
            for child in argument.children:
                if isinstance(child, ChildSpec):
                    yield from kept_names(child)
