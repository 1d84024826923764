"""What supervisors tell Prometheus."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from mirliton.runtime import Name
from mirliton.supervisors import SupervisorCollector, Tree, counters


def restarts() -> Counter[tuple[str, str, str]]:
    (family,) = (each for each in SupervisorCollector().collect() if each.name == "mirliton_supervisor_restarts")
    labels = ("supervisor", "child", "reason")
    return Counter({tuple(sample.labels[label] for label in labels): sample.value for sample in family.samples})


async def test_restarts_are_told_by_supervisor_child_and_how_it_ended(stage: Any) -> None:
    before = restarts()
    top = await stage.start(Tree("one_for_one", [stage.child("a"), stage.child("b")], intensity=10))
    for child, reason in (("a", "normal"), ("a", "boom"), ("a", "boom"), ("b", "killed"), ("b", "shutdown")):
        await stage.end(child, reason)
    assert top.cell is not None
    assert restarts() - before == {
        ("Supervisor", "a", "normal"): 1,
        ("Supervisor", "a", "crash"): 2,
        ("Supervisor", "b", "killed"): 1,
        ("Supervisor", "b", "shutdown"): 1,
    }


@pytest.mark.parametrize(
    ("name", "label"),
    [
        (Name("supervisor", "cdr"), "cdr"),
        (Name("service", "cdr"), "service:cdr"),
        (Name("call", "4f3c-77"), "call"),
        (None, "Supervisor"),
    ],
)
async def test_a_supervisor_is_told_by_its_name_unless_there_are_many_of_its_kind(
    stage: Any, name: Name | None, label: str
) -> None:
    before = restarts()
    await stage.start(Tree("one_for_one", [stage.child("a")], name=name))
    await stage.end("a")
    assert restarts() - before == {(label, "a", "crash"): 1}


def test_supervisors_and_children_without_end_are_one_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "_totals", counters.Statistics())
    monkeypatch.setattr(counters, "LABELS_KEPT", 2)
    for n in range(5):
        counters.count_restart("top", n, "crash")
        counters.count_failed_start("top", n)
        counters.count_gave_up(f"top{n}")
    now = counters.statistics()
    assert now.restarts == {("top", "0", "crash"): 1, ("top", "1", "crash"): 1, ("other", "other", "crash"): 3}
    assert now.failed_starts == {("top", "0"): 1, ("top", "1"): 1, ("other", "other"): 3}
    assert now.gave_up == {"top0": 1, "top1": 1, "other": 3}
