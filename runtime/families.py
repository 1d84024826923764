"""Metric families made at scrape from plain numbers: what every collector here is written with.

    def collect(self):
        yield counter("mirliton_api_crashes", "Requests that ended in a fault", now.crashes)
        yield counter("mirliton_exited", "Processes ended", {("Call", "crash"): 3}, ("class", "reason"))

`Spread` is a histogram that counts in plain integers: an `observe` of prometheus_client costs a microsecond.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.samples import Exemplar

Values = float | Mapping[Any, float] | None
"""One number, or numbers by what the labels say (a tuple; a text where there is one label); None when whoever knows is
away, and there is no sample."""


class Spread:
    """How often a duration (seconds) lay where. `bounds` are the upper ends of the buckets, ascending."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        """By bucket, the last one for what is beyond all bounds."""
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


def counter(
    name: str,
    text: str,
    values: Values,
    labels: Sequence[str] = (),
    exemplars: Mapping[Any, Exemplar] | None = None,
) -> CounterMetricFamily:
    """A counter. `exemplars` has, for some of the keys of `values`, an example of what was counted."""
    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in _items(values):
        family.add_metric(_key(key), value, exemplar=exemplars.get(key) if exemplars is not None else None)
    return family


def gauge(name: str, text: str, values: Values, labels: Sequence[str] = ()) -> GaugeMetricFamily:
    """A gauge."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in _items(values):
        family.add_metric(_key(key), value)
    return family


def histogram(
    name: str, text: str, spreads: Mapping[tuple[str, ...], Spread], labels: Sequence[str] = ()
) -> HistogramMetricFamily:
    """A histogram in seconds."""
    family = HistogramMetricFamily(name, text, labels=labels)
    for key, spread in spreads.items():
        bounds = [*map(str, spread.bounds), "+Inf"]
        family.add_metric(key, list(zip(bounds, accumulate(spread.counts), strict=True)), spread.sum)
    return family


def _items(values: Values) -> list[tuple[Any, float]]:
    if values is None:
        return []
    return list(values.items()) if isinstance(values, Mapping) else [((), values)]


def _key(key: Any) -> Sequence[str]:
    return (key,) if isinstance(key, str) else key
