"""docs/metrics.md lists exactly what a running node tells Prometheus."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from prometheus_client.core import Metric

from metrics_page import Documented, documented
from scraping import scrape_of_a_troubled_node


@pytest.fixture(scope="module")
def page(root: Path) -> dict[str, Documented]:
    return documented(root)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Metric]:
    return asyncio.run(scrape_of_a_troubled_node(tmp_path_factory.mktemp("node")))


def documented_name(family: Metric) -> str:
    """As one writes it in a query."""
    return f"{family.name}_total" if family.type == "counter" else family.name


def labels_of(family: Metric) -> frozenset[str]:
    return frozenset(label for sample in family.samples for label in sample.labels if label != "le")


@pytest.mark.timeout(120)
def test_every_metric_is_in_the_table_with_its_type_and_labels(
    page: dict[str, Documented], told: dict[str, Metric]
) -> None:
    unseen = [name for name, family in told.items() if not family.samples]
    assert not unseen, f"have the node of scraping.py show these, so that their labels can be compared: {unseen}"
    exported = {documented_name(family): (family.type, labels_of(family)) for family in told.values()}
    assert exported == {name: (row.type, row.labels) for name, row in page.items()}


def test_every_label_has_something_that_bounds_it(page: dict[str, Documented]) -> None:
    assert [name for name, row in page.items() if bool(row.labels) != bool(row.bound)] == []


@pytest.mark.timeout(120)
def test_no_label_holds_an_id_an_address_or_what_somebody_chose(told: dict[str, Metric]) -> None:
    values = {value for family in told.values() for sample in family.samples for value in sample.labels.values()}
    chosen = [value for value in values if re.search(r"nonsense|nowhere|anybody|nobody|@|[0-9a-f]{12}|<\d", value)]
    assert chosen == []


@pytest.mark.timeout(120)
def test_a_crash_leads_to_its_dossier(told: dict[str, Metric]) -> None:
    crashes = told["mirliton_crash_dossiers"].samples
    (trouble,) = (sample for sample in crashes if sample.labels == {"class": "Trouble"})
    # It crashed, was ended, did not end as told, was killed, and did not start.
    assert trouble.value == 5, told["mirliton_exited"].samples
    assert trouble.exemplar is not None
    assert int(trouble.exemplar.labels["dossier"]) >= 5
