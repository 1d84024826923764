"""The benchmark runs and prints what it promises; what it measures is nothing for a test."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench import erlang_side
from tests.bench.results import results, table
from tests.bench.rows import PEERS, PING_PONG, ROWS, Row, Work
from tests.bench.running import importable, measure

AND_PEERS = tuple(row for row in ROWS if row.work.peers_count)


def bench(root: Path, *arguments: str) -> Any:
    command = [sys.executable, "-m", "tests.bench", "--tiny", "--json", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def is_a_figure(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value) and value > 0


@pytest.fixture(scope="module")
def found(root: Path) -> list[dict[str, Any]]:
    """Every row, measured at its tiny size."""
    answer: list[dict[str, Any]] = bench(root)
    return answer


@pytest.mark.timeout(240)
def test_every_row_has_a_name_of_its_own_a_value_and_a_unit(found: list[dict[str, Any]]) -> None:
    assert [row["name"] for row in found] == [row.name for row in ROWS]
    assert len({row["name"] for row in found}) == len(found)
    for row in found:
        assert list(row) == ["name", "value", "unit", "ratio_to_asyncio", "ratio_to_erlang"]
        assert is_a_figure(row["value"]), row


@pytest.mark.timeout(240)
def test_every_row_but_the_phone_calls_has_a_ratio_to_asyncio(found: list[dict[str, Any]]) -> None:
    without = {row["name"] for row in found if row["ratio_to_asyncio"] is None}
    alone = {row.name for row in ROWS if row.work.ours.startswith("phone_calls:")}
    assert without & alone == alone
    assert without == {row.name for row in ROWS if row.work.floor is None}
    assert all(is_a_figure(row["ratio_to_asyncio"]) for row in found if row["name"] not in without)


@pytest.mark.timeout(240)
def test_every_row_of_the_runtime_has_a_ratio_to_erlang(found: list[dict[str, Any]]) -> None:
    if (reason := erlang_side.missing()) is not None:
        assert all(row["ratio_to_erlang"] is None for row in found)
        pytest.skip(reason)
    without = {row["name"] for row in found if row["ratio_to_erlang"] is None}
    ours_alone = ("phone_calls:", "reaction:", "nodes:", "entities:", "rest:")
    assert without == {row.name for row in ROWS if row.work.ours.startswith(ours_alone)}
    assert all(is_a_figure(row["ratio_to_erlang"]) for row in found if row["name"] not in without)


@pytest.mark.timeout(120)
def test_other_libraries_stand_beside_ours_where_they_are_installed(root: Path) -> None:
    peers = importable(PEERS)
    assert "thespian" in peers  # Mirliton's own dependency
    rows = bench(root, "--peers", "--only", "ping-pong")
    assert [row["name"] for row in rows[1:]] == [f"{rows[0]['name']}: {peer}" for peer in peers]
    assert all(is_a_figure(row["value"]) and is_a_figure(row["ratio_to_asyncio"]) for row in rows)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("peer", PEERS)
def test_every_row_shared_with_another_library_runs(root: Path, peer: str) -> None:
    if peer not in importable(PEERS):
        pytest.skip(f"{peer} is not installed (pip install 'mirliton[bench]')")
    for work in dict.fromkeys(row.work for row in AND_PEERS):
        function = f"peers.{peer}_side:{work.ours.partition(':')[2]}"
        command = [sys.executable, "-m", "tests.bench", "--measure", function, "--count", str(work.tiny)]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        figures = json.loads(done.stdout)
        assert set(figures) == {row.figure for row in ROWS if row.work == work}


def test_a_ratio_is_the_median_of_the_rounds_not_the_ratio_of_the_medians() -> None:
    row = Row("ping-pong", "round trips/s", "more", PING_PONG, "rate")
    rounds = {
        "mirliton": (10.0, 100.0, 30.0),
        "asyncio": (5.0, 10.0, 30.0),
        "erlang": (20.0, 100.0, 60.0),
        "pykka": (1.0, 1.0, 1.0),
    }
    measured = {(PING_PONG, side): [{"rate": value} for value in values] for side, values in rounds.items()}
    ours, pykka = results([row], measured, ["pykka"])
    assert (ours.value, ours.ratio_to_asyncio, ours.ratio_to_erlang) == (30.0, 2.0, 0.5)
    assert (pykka.value, pykka.of_ours, pykka.as_dict()["name"]) == (1.0, 30.0, "ping-pong: pykka")
    assert "30" in table([ours, pykka])


def test_a_measurement_that_fails_says_which_and_why(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--measure", "messages:no_such_thing"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "no_such_thing" in done.stderr


def test_what_fails_is_told_and_the_rest_is_measured_nonetheless() -> None:
    broken = Work("messages:no_such_thing", "floor:ping_pong", None, 200, 200)
    row = Row("broken", "round trips/s", "more", broken, "rate")
    ping_pong = Row("ping-pong", "round trips/s", "more", PING_PONG, "rate")
    measured, (failed,) = measure([broken, PING_PONG], 2, tiny=True)
    assert "messages:no_such_thing could not be measured" in str(failed)
    assert [result.row for result in results([row, ping_pong], measured)] == [ping_pong]
    assert (broken, "asyncio") in measured


def test_a_row_that_is_not_there_is_told(root: Path) -> None:
    command = [sys.executable, "-m", "tests.bench", "--only", "no such row"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no such row" in done.stderr
