"""How long garbage collections stop everything."""

from __future__ import annotations

import gc

from mirliton.runtime import Pauses


def seen() -> dict[tuple[str, str], float]:
    (family,) = Pauses().collect()
    return {
        (sample.name.removeprefix("mirliton_gc_pause_seconds_"), sample.labels["generation"]): sample.value
        for sample in family.samples
        if "le" not in sample.labels
    }


def test_each_collection_is_counted_once_however_many_look() -> None:
    before = seen()
    Pauses()
    gc.collect()
    after = seen()
    assert after["count", "2"] == before["count", "2"] + 1
    assert after["sum", "2"] > before["sum", "2"]
    assert sum(1 for callback in gc.callbacks if getattr(callback, "__func__", None) is Pauses._paused.__func__) == 1
