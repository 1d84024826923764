"""A pytest plugin: `pytest_plugins = ["mirliton.supervisors.testing.plugin"]` in the conftest.py at the top, or
`-p mirliton.supervisors.testing.plugin`. Nothing is registered that is not asked for.
`pip install mirliton[testing]` brings pytest.

    @pytest.mark.chaos_plan("plans/orders.toml", seeds=3)
    async def test_orders_survive(node, chaos):
        async with chaos(node) as run:
            await place_orders(node)

The test runs once for each seed. `chaos` takes what `mirliton.supervisors.testing.chaos` takes; plan and seed are the
marker's where they are not given. A file is looked for from the folder of the test. `--chaos-seed N` runs with that
seed alone: a failed test tells its own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from mirliton.supervisors.testing.chaos import Chaos
from mirliton.supervisors.testing.chaos import chaos as chaos_on

MARKER = "chaos_plan"
Begin = Callable[..., AbstractAsyncContextManager[Chaos]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The seed, from the command line."""
    parser.addoption("--chaos-seed", type=int, metavar="N", help="run tests under chaos with this seed alone")


def pytest_configure(config: pytest.Config) -> None:
    """The marker."""
    config.addinivalue_line("markers", f"{MARKER}(plan, seeds=1): the plan that `chaos` carries out; a run per seed")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test runs once for each seed."""
    if "chaos" not in metafunc.fixturenames:
        return
    asked = metafunc.config.getoption("--chaos-seed")
    marker = metafunc.definition.get_closest_marker(MARKER)
    seeds = [asked] if asked is not None else _seeds(marker)
    metafunc.parametrize("_chaos_seed", seeds, ids=[f"seed{seed}" for seed in seeds], indirect=True)


def _seeds(marker: pytest.Mark | None) -> list[int]:
    seeds = marker.kwargs.get("seeds", 1) if marker is not None else 1
    if isinstance(seeds, int):
        return list(range(1, seeds + 1))
    return list(seeds)


@pytest.fixture
def _chaos_seed(request: pytest.FixtureRequest) -> int:
    seed: int = request.param
    return seed


@pytest.fixture
def chaos(request: pytest.FixtureRequest, _chaos_seed: int) -> Begin:
    """`async with chaos(node, plan) as run`: the plan is carried out beside the block."""
    marker = request.node.get_closest_marker(MARKER)

    def begin(what: Any, plan: Any = None, **options: Any) -> AbstractAsyncContextManager[Chaos]:
        if plan is None:
            if marker is None or not marker.args:
                raise pytest.UsageError(f"no plan: give chaos(…) one, or mark the test with @pytest.mark.{MARKER}(…)")
            plan = marker.args[0]
        if isinstance(plan, str | Path):
            plan = request.path.parent / plan
        return chaos_on(what, plan, **{"seed": _chaos_seed} | options)

    return begin
