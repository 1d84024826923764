"""Chaos in users' own tests: beside a block, by a fixture and by a marker."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from chaos_house import TOP, at_once, furnished
from mirliton.runtime import Name
from mirliton.runtime.testing import VirtualNode, no_leaks, virtual_node
from mirliton.supervisors.chaos import ChaosFailed, PlanError, read_plan
from mirliton.supervisors.testing import chaos

OFTEN = {"attack": [{"every": 1.0, "names": ["w:*"]}], "duration": 1000.0, "invariants": {"settle": 0.1}}


@pytest.fixture
async def node() -> AsyncIterator[VirtualNode]:
    async with virtual_node() as started:
        started.log = structlog.wrap_logger(structlog.ReturnLogger())
        await furnished(started, intensity=50)
        yield started


async def test_a_block_under_chaos_goes_on_and_the_run_ends_with_it(node: VirtualNode) -> None:
    async with chaos(node, OFTEN, seed=1) as run:
        await node.advance(10.5)
    assert len(run.report.hits) == 10
    assert run.report.ended == "the test's block has ended"
    assert run.report.held
    hits = len(run.report.hits)
    await node.advance(10.0)
    assert len(run.report.hits) == hits


async def test_nothing_stays_behind(node: VirtualNode) -> None:
    with no_leaks(node):
        async with chaos(node, {"attack": [{"every": 1.0, "names": ["w:a"], "how": "suspend", "for": 0.5}]}):
            await node.advance(3.2)
        await node.idle()


async def test_a_whole_plan_can_be_waited_for(node: VirtualNode) -> None:
    async with chaos(node, OFTEN | {"duration": 5.5}) as run:
        report = await run.finished()
        assert (len(report.hits), report.ended) == (5, "all strikes were made")


async def test_what_did_not_hold_fails_the_test_with_the_report(node: VirtualNode) -> None:
    async def wrong() -> None:
        raise AssertionError("the sums differ")

    with pytest.raises(ChaosFailed, match=r"seed 3[\s\S]*FAILED: sums[\s\S]*the sums differ") as raised:
        async with chaos(node, OFTEN | {"invariants": {"checks": ["sums"]}}, seed=3, checks={"sums": wrong}):
            await node.advance(5.0)
    assert isinstance(raised.value, AssertionError)


async def test_a_test_that_fails_by_itself_tells_what_was_done_to_it(node: VirtualNode) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        async with chaos(node, OFTEN, seed=3):
            await node.advance(2.5)
            raise ZeroDivisionError
    assert "under chaos: chaos, seed 3" in raised.value.__notes__[0]
    await asyncio.sleep(0)
    assert node.timers.next_due() is None


async def test_a_plan_may_be_a_file_or_made(node: VirtualNode, tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text('[[attack]]\nnames = ["w:a"]\nat = [0.5]\n[invariants]\nsettle = 0.0\n')
    for plan in (file, str(file), read_plan(at_once(names=["w:a"]))):
        async with chaos(node, plan) as run:
            await node.advance(1.0)
        assert [hit.target for hit in run.report.hits] == ["w:a"]
    with pytest.raises(PlanError):
        async with chaos(node, {"attack": []}):
            raise AssertionError("it must not come so far")


async def test_what_the_test_needs_is_spared(node: VirtualNode) -> None:
    spared = [Name("w", "a"), Name("w", "b")]
    async with chaos(node, OFTEN, spared=spared) as run:
        await node.advance(5.5)
    assert {hit.target for hit in run.report.hits} == {"w:trapping"}
    assert node.whereis(TOP) is not None


USERS_TEST = """
    import pytest
    from mirliton.runtime import GenServer, Name
    from mirliton.runtime.testing import virtual_node
    from mirliton.supervisors import Supervisor, Tree, worker


    class Worker(GenServer):
        def init(self) -> None: ...


    @pytest.mark.chaos_plan("plan.toml", seeds=3)
    async def test_it_survives(chaos):
        async with virtual_node() as node:
            await node.start(Supervisor, Tree("one_for_one", [worker(Worker)], intensity=9))
            async with chaos(node) as run:
                await run.finished()
            assert len(run.report.hits) == 4
            print("seed", run.seed)


    async def test_without_a_marker(chaos):
        async with virtual_node() as node:
            with pytest.raises(pytest.UsageError):
                chaos(node)


    @pytest.mark.chaos_plan("plan.toml", seeds=[7])
    async def test_it_fails(chaos):
        async def wrong():
            raise AssertionError("the sums differ")
        async with virtual_node() as node:
            await node.start(Supervisor, Tree("one_for_one", [worker(Worker)], intensity=9))
            plan = {"attack": [{"at": [0.1]}], "invariants": {"checks": ["sums"]}}
            async with chaos(node, plan, checks={"sums": wrong}) as run:
                await run.finished()
"""
PLAN = '[[attack]]\nkinds = ["Worker"]\nevery = 1.0\ncount = 4\n'


def users_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_theirs.py").write_text(textwrap.dedent(USERS_TEST))
    (folder / "plan.toml").write_text(PLAN)
    (folder / "conftest.py").write_text('pytest_plugins = ["mirliton.supervisors.testing.plugin"]\n')
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    command = [sys.executable, "-m", "pytest", "-v", "--strict-markers", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=50, check=False)


def test_the_plugin_runs_a_test_once_for_each_seed(tmp_path: Path) -> None:
    done = users_pytest(tmp_path)
    for seed in (1, 2, 3):
        assert f"test_it_survives[seed{seed}] PASSED" in done.stdout, done.stdout
    assert "test_without_a_marker[seed1] PASSED" in done.stdout
    assert "test_it_fails[seed7] FAILED" in done.stdout
    assert "chaos, seed 7" in done.stdout
    assert "FAILED: sums" in done.stdout


def test_one_seed_can_be_asked_for(tmp_path: Path) -> None:
    done = users_pytest(tmp_path, "--chaos-seed", "42", "-k", "survives", "-s")
    assert "test_it_survives[seed42]" in done.stdout, done.stdout
    assert "seed 42" in done.stdout
    assert "1 passed" in done.stdout


def test_nothing_is_registered_that_nobody_asked_for() -> None:
    """A user's pytest that does not name the plugin knows neither its option nor its marker."""
    command = [sys.executable, "-m", "pytest", "--markers", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=50, check=False)
    assert "chaos_plan" not in done.stdout
