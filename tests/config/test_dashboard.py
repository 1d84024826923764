"""The Grafana dashboard: it shows what there is, and all that matters for supervision."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from metrics_page import complaints, documented


@pytest.fixture(scope="module")
def dashboard(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "config" / "grafana" / "mirliton.json").read_text())
    return found


@pytest.fixture(scope="module")
def expressions(dashboard: dict[str, Any]) -> dict[str, list[str]]:
    """What each panel asks, by title; Grafana's own interval stands as five minutes."""
    asked = {panel["title"]: [target["expr"] for target in panel.get("targets", ())] for panel in dashboard["panels"]}
    return {title: [one.replace("$__rate_interval", "5m") for one in all_] for title, all_ in asked.items() if all_}


def test_every_expression_names_only_metrics_and_labels_that_there_are(
    expressions: dict[str, list[str]], root: Path
) -> None:
    page = documented(root)
    wrong = {title: [each for one in asked for each in complaints(one, page)] for title, asked in expressions.items()}
    assert {title: found for title, found in wrong.items() if found} == {}


def test_every_metric_is_shown_somewhere(expressions: dict[str, list[str]], root: Path) -> None:
    shown = set(re.findall(r"\b(?:mirliton|process)_\w+", str(expressions)))
    shown |= {re.sub("_(bucket|sum|count)$", "", name) for name in shown}
    assert set(documented(root)) - shown == set()


def test_every_legend_names_labels_that_its_series_have(dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            kept = re.findall(r"by \(([^)]*)\)", target["expr"])
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                if kept:
                    assert label in re.split(r", *", kept[0]), panel["title"]


def test_every_expression_is_about_the_nodes_that_were_chosen(expressions: dict[str, list[str]]) -> None:
    for title, asked in expressions.items():
        for one in asked:
            assert one.count('instance=~"$instance"') == len(re.findall(r"\w+{", one)) > 0, title


def test_panels_have_titles_and_ids_of_their_own_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    for one, other in itertools.combinations((panel["gridPos"] for panel in panels), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
