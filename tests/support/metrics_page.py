"""The table of docs/metrics.md, and what an expression in Prometheus's language asks of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import promql_parser as promql

ROW: Final = re.compile(r"\| `(\w+)` \| (\w+) \|([^|]*)\|([^|]+)\|([^|]*)\|")
"""Name, type, labels, meaning, what bounds the labels."""
OF_THE_SCRAPER: Final = frozenset({"instance", "job"})
"""Labels that Prometheus adds to everything it scrapes."""
SUFFIXES: Final = {"_bucket": frozenset({"le"}), "_sum": frozenset[str](), "_count": frozenset[str]()}
"""What stands for a histogram in a query, and the labels that this adds."""


@dataclass(frozen=True)
class Documented:
    """One row of the table."""

    type: str
    labels: frozenset[str]
    bound: str


def documented(root: Path) -> dict[str, Documented]:
    """The table, by name. Raises ValueError for a line that does not belong there."""
    rows: dict[str, Documented] = {}
    for line in (root / "docs" / "metrics.md").read_text().splitlines():
        if not line.startswith("| `"):
            continue
        row = ROW.fullmatch(line)
        if row is None:
            raise ValueError(f"not a row of the table: {line}")
        name, kind, labels, meaning, bound = (cell.strip() for cell in row.groups())
        if name in rows or not meaning:
            raise ValueError(f"{name} stands in the table twice, or without a meaning")
        rows[name] = Documented(kind, frozenset(re.findall(r"`(\w+)`", labels)), bound)
    return rows


def complaints(expression: str, page: Mapping[str, Documented]) -> list[str]:
    """What an expression asks for that no node has. Raises ValueError when it does not parse."""
    tree = promql.parse(expression)
    found: list[str] = []
    for selector in _within(tree, promql.VectorSelector):
        labels = _labels(selector.name, page)
        if labels is None:
            found.append(f"no metric {selector.name}")
            continue
        found += [
            f"{selector.name} has no label {one.name}" for one in selector.matchers.matchers if one.name not in labels
        ]
    for node in _within(tree, promql.AggregateExpr | promql.BinaryExpr):
        below = [_labels(selector.name, page) or frozenset() for selector in _within(node, promql.VectorSelector)]
        known = frozenset().union(*below)
        found += [f"nothing in {node} has the label {label}" for label in _grouping(node) if label not in known]
    return found


def _labels(name: str, page: Mapping[str, Documented]) -> frozenset[str] | None:
    """The labels of a series; None when there is none of this name."""
    if name == "up":
        return OF_THE_SCRAPER
    row = page.get(name)
    if row is not None:
        return None if row.type == "histogram" else row.labels | OF_THE_SCRAPER
    for suffix, more in SUFFIXES.items():
        row = page.get(name.removesuffix(suffix))
        if name.endswith(suffix) and row is not None and row.type == "histogram":
            return row.labels | OF_THE_SCRAPER | more
    return None


def _grouping(node: Any) -> list[str]:
    modifier = node.modifier
    if modifier is None:
        return []
    if isinstance(node, promql.AggregateExpr):
        return list(modifier.labels)
    return list(modifier.matching.labels) if modifier.matching is not None else []


def _within(node: Any, kind: Any) -> Iterator[Any]:
    """The expression itself and all below it that are of this kind."""
    found: list[Any] = []

    def take(each: Any) -> bool:
        if isinstance(each, kind):
            found.append(each)
        return True

    promql.walk(node, take)
    return iter(found)
