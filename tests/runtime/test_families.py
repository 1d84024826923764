"""Metric families from plain numbers."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.runtime.families import Spread, counter, gauge, histogram


def shown(*families: Metric) -> list[str]:
    """As Prometheus reads them, without the comments."""

    class All(Collector):
        def collect(self) -> tuple[Metric, ...]:
            return families

    registry = CollectorRegistry(auto_describe=False)
    registry.register(All())
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_one_number_has_no_labels_and_many_have_their_keys_as_labels() -> None:
    assert shown(counter("a", "", 3)) == ["a_total 3.0"]
    assert shown(gauge("b", "", {"x": 1, "y": 2}, ["l"])) == ['b{l="x"} 1.0', 'b{l="y"} 2.0']
    assert shown(gauge("c", "", {("x", "y"): 1}, ["l", "m"])) == ['c{l="x",m="y"} 1.0']


def test_what_is_not_known_has_no_sample_and_nothing_has_none() -> None:
    assert shown(counter("a", "", None)) == []
    assert shown(counter("a", "", {}, ["l"])) == []
    assert shown(counter("a", "", 0)) == ["a_total 0.0"]


def test_a_duration_is_counted_in_its_bucket_and_all_above() -> None:
    spread = Spread((0.5, 1.0))
    for value in (0.25, 0.5, 0.75, 4.0):
        spread.observe(value)
    assert shown(histogram("h", "", {("x",): spread}, ["l"])) == [
        'h_bucket{l="x",le="0.5"} 2.0',
        'h_bucket{l="x",le="1.0"} 3.0',
        'h_bucket{l="x",le="+Inf"} 4.0',
        'h_count{l="x"} 4.0',
        'h_sum{l="x"} 5.5',
    ]
