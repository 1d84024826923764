"""`mirliton bench` runs the benchmark of the checkout, and says so where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mirliton.api.cli.bench import NoCheckout, run_bench
from mirliton.api.cli.command import main


@pytest.mark.timeout(120)
def test_it_runs_the_benchmark_with_the_options_given(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_bench(["--tiny", "--json", "--only", "ping-pong"]) == 0
    (row,) = json.loads(capfd.readouterr().out)
    assert row["name"].startswith("ping-pong")


def test_a_row_that_is_not_there_is_its_failure(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--only", "no such row"]) == 1
    assert "no such row" in capfd.readouterr().err


def test_without_a_checkout_it_says_where_to_get_the_benchmark(tmp_path: Path) -> None:
    with pytest.raises(NoCheckout, match="make bench"):
        run_bench([], tmp_path)
