"""What can be wrong with chaos.

SupervisionFault
└── ChaosFault
    ├── PlanError       a plan cannot be used; lists every problem at once
    ├── ChaosRefused    the run was not begun, or there is none to stop
    │   └── ChaosOff    this node does no chaos
    └── ChaosFailed     an invariant did not hold; the report says which
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mirliton.supervisors.errors import SupervisionFault

if TYPE_CHECKING:
    from mirliton.supervisors.chaos.report import Report


class ChaosFault(SupervisionFault):
    """Base of what goes wrong with chaos."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing in a plan that cannot be meant: `where` it stands, and what is `expected` there instead of `value`."""

    where: str
    expected: str
    value: Any = None
    hint: str | None = None

    def __str__(self) -> str:
        given = "" if self.value is None else f" is {_shown(self.value)}, but"
        text = f"{self.where}{given} {self.expected}"
        return f"{text} (did you mean {self.hint}?)" if self.hint else text


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


class PlanError(ChaosFault):
    """The plan cannot be used. `problems` holds all that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{count} thing{'' if count == 1 else 's'} in the plan cannot be meant:\n{lines}")


class ChaosRefused(ChaosFault):
    """What was asked is not done; the text says why."""


class ChaosOff(ChaosRefused):
    """There is no chaos server on this node."""

    def __init__(self) -> None:
        super().__init__("chaos is off on this node: the setting chaos.enabled allows it")


class ChaosFailed(ChaosFault, AssertionError):
    """Something that the plan wants to hold did not hold, or something was lost. `report` tells all."""

    def __init__(self, report: Report) -> None:
        self.report = report
        super().__init__(f"the run under chaos failed\n{report.text()}")
