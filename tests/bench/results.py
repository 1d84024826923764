"""What the rounds come to: medians, ratios, and the table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.rows import Row
from tests.bench.running import ERLANG, ERLANG_ALL, FLOOR, OURS, Measured


@dataclass(frozen=True)
class Result:
    """One row, as one side does it. What was not measured is None."""

    row: Row
    side: str
    value: float
    asyncio: float | None
    erlang: float | None
    erlang_all: float | None
    ratio_to_asyncio: float | None
    ratio_to_erlang: float | None
    of_ours: float | None = None
    """Our figure by this one, where this one is not ours."""

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {
            "name": self.row.name if self.side == OURS else f"{self.row.name}: {self.side}",
            "value": self.value,
            "unit": self.row.unit,
            "ratio_to_asyncio": self.ratio_to_asyncio,
            "ratio_to_erlang": self.ratio_to_erlang,
        }


def results(rows: Sequence[Row], measured: Measured, peers: Sequence[str] = ()) -> list[Result]:
    """Ours first, row by row, then the peers' of those rows that they have. What was not measured is left out."""
    sides = [(row, OURS) for row in rows] + [(row, peer) for row in rows for peer in peers]
    return [_result(row, side, measured) for row, side in sides if (row.work, side) in measured]


def _result(row: Row, side: str, measured: Measured) -> Result:
    def of(who: str) -> list[float]:
        return [figures[row.figure] for figures in measured.get((row.work, who), ())]

    mine, floor, erlang, erlang_all = map(of, (side, FLOOR, ERLANG, ERLANG_ALL))
    return Result(
        row,
        side,
        statistics.median(mine),
        _median(floor),
        _median(erlang),
        _median(erlang_all),
        _ratio(mine, floor),
        _ratio(mine, erlang),
        _ratio(of(OURS), mine) if side != OURS else None,
    )


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """The median of the ratio of each round: within one, both were measured under about the same load."""
    if not ours or not theirs:
        return None
    return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))


def table(found: Sequence[Result]) -> str:
    """For people."""
    ours = [result for result in found if result.side == OURS]
    peers = [result for result in found if result.side != OURS]
    lines = [_line("", "", "mirliton", "asyncio", "ratio", "erlang", "ratio", "all cores")]
    lines += [
        _line(
            result.row.name,
            _unit(result.row),
            _short(result.value),
            _short(result.asyncio),
            _short(result.ratio_to_asyncio),
            _short(result.erlang),
            _short(result.ratio_to_erlang),
            _short(result.erlang_all),
        )
        for result in ours
    ]
    if peers:
        lines += ["", _line("", "", "library", "its figure", "asyncio", "ratio", "mirliton/it")]
    lines += [
        _line(
            result.row.name,
            _unit(result.row),
            result.side,
            _short(result.value),
            _short(result.asyncio),
            _short(result.ratio_to_asyncio),
            _short(result.of_ours),
        )
        for result in peers
    ]
    lines.append("↑ more is better, ↓ less is better; a ratio is the first figure by the other")
    lines.append("asyncio: a Task and a Queue per actor; erlang: one scheduler without busy waiting, and all cores")
    return "\n".join(lines)


def _line(name: str, unit: str, *cells: str) -> str:
    return f"{name:50} {unit:15} " + " ".join(f"{cell:>11}" for cell in cells)


def _unit(row: Row) -> str:
    return f"{row.unit:13} {'↑' if row.better == 'more' else '↓'}"


def _short(value: float | None) -> str:
    if value is None:
        return "-"
    if value >= 100_000:
        return f"{value / 1000:,.0f} k"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
