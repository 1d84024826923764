"""A plan on a node: whom it hits, whom it spares, who comes back and when, and what is told of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog

from chaos_house import BELOW, POOL, TOP, Worker, at_once, carried_out, furnished
from mirliton.runtime import Name, Node, Watchdog
from mirliton.runtime.testing import VirtualNode, virtual_node
from mirliton.supervisors import Backoff, Supervisor, Tree, supervisor, worker
from mirliton.supervisors.chaos import ChaosRefused, ChaosRun, PlanError, ProcessField, Report, read_plan
from mirliton.supervisors.chaos.server import strikes_of


@pytest.fixture
async def node() -> AsyncIterator[VirtualNode]:
    async with virtual_node() as started:
        started.log = structlog.wrap_logger(structlog.ReturnLogger())
        yield started


@pytest.fixture
async def top(node: VirtualNode) -> Any:
    return await furnished(node)


def targets(report: Report) -> list[str]:
    return [hit.target for hit in report.hits]


def fates(report: Report) -> list[str]:
    return [hit.fate for hit in report.hits]


# Who is hit


@pytest.mark.parametrize(
    ("pick", "expected"),
    [
        ({"names": ["w:a"]}, {"w:a"}),
        ({"names": ["w:*"]}, {"w:a", "w:b", "w:trapping"}),
        ({"names": ["*:a"]}, {"w:a"}),
        ({"kinds": ["Slow"]}, {"supervisor:below/slow"}),
        ({"kinds": ["Work*"], "names": ["*:1", "w:b"]}, {"once:1", "w:b"}),
        ({"below": "supervisor:below"}, {"supervisor:below/slow", "supervisor:below/quick"}),
        ({"below": "supervisor:p*"}, {"supervisor:pool/#0", "supervisor:pool/#1", "supervisor:pool/#2"}),
        ({"kinds": ["Slow"], "above": True}, {"supervisor:below"}),
        ({"names": ["nobody:*"]}, set()),
    ],
)
async def test_patterns_pick_processes(node: VirtualNode, top: Any, pick: dict[str, Any], expected: set[str]) -> None:
    run = ChaosRun(ProcessField(node), read_plan(at_once(**pick)), seed=1)
    group = (await run.preview())["groups"][0]
    assert (group["fits"], group["may_be_hit"]) == (len(expected), len(expected))
    plan = at_once(**pick, each=9) | {"guard": {"at_once": 9}}
    report = await carried_out(node, plan)
    assert set(targets(report)) <= expected
    assert bool(report.hits) == bool(expected)


async def test_the_top_is_spared_unless_asked_for(node: VirtualNode, top: Any) -> None:
    plan = at_once(names=["supervisor:top"])
    report = await carried_out(node, plan)
    assert (report.hits, report.held_back) == ([], {"nobody supervises it": 1})
    report = await carried_out(node, plan | {"guard": {"unsupervised": True}})
    assert fates(report) == ["gone"], "nobody is to start it again"
    assert top.cell is None


async def test_the_guard_spares_names_and_classes(node: VirtualNode, top: Any) -> None:
    plan = at_once() | {"guard": {"never": ["Worker", "supervisor:*"]}}
    for seed in range(5):
        assert targets(await carried_out(node, plan, seed)) == ["supervisor:below/slow"]
        await node.advance(20.0)


async def spared_of(node: VirtualNode, plan: dict[str, Any], *spared: Any) -> dict[str, str]:
    run = ChaosRun(ProcessField(node, spared=spared), read_plan(plan), seed=1)
    return dict((await run.preview())["groups"][0]["spared"])


async def test_what_the_run_is_steered_by_is_spared_with_all_above_it(node: VirtualNode, top: Any) -> None:
    slow = next(cell for cell in node.processes() if cell.kind == "Slow")
    plan = at_once() | {"guard": {"unsupervised": True}}
    assert await spared_of(node, plan, Name("w", "a"), slow.pid) == {
        "w:a": "the run is steered by it",
        "supervisor:below/slow": "the run is steered by it",
        "supervisor:below": "Slow, by which the run is steered, would end with it",
        "supervisor:top": "w:a, by which the run is steered, would end with it",
    }


async def test_who_would_take_along_what_the_guard_spares_is_spared_too(node: VirtualNode) -> None:
    rest = Tree("rest_for_one", [worker(Worker, id=each, name=Name("w", each)) for each in "abc"], intensity=5)
    pool = Tree("simple_one_for_one", [worker(Worker)], intensity=5, name=POOL)
    below = Tree("one_for_one", [supervisor(rest, id="rest"), supervisor(pool)], intensity=5, name=BELOW)
    await node.start(Supervisor, Tree("one_for_one", [supervisor(below)], intensity=5, name=TOP))
    plan = at_once() | {"guard": {"never": ["w:b"], "unsupervised": True}}
    would = "w:b, which the guard spares, would end with it"
    assert await spared_of(node, plan) == {
        "w:b": "the guard spares it by name",
        "w:a": would,
        "supervisor:below/rest": would,
        "supervisor:below": would,
        "supervisor:top": would,
    }
    assert await spared_of(node, at_once(how="suspend") | {"guard": {"never": ["w:b"]}}) == {
        "w:b": "the guard spares it by name"
    }


# Who comes back


async def test_a_kill_is_followed_until_the_successor_serves(node: VirtualNode, top: Any) -> None:
    report = await carried_out(node, at_once(kinds=["Slow"]))
    (hit,) = report.hits
    assert (hit.fate, hit.target) == ("back", "supervisor:below/slow")
    assert hit.took == pytest.approx(0.1), "the time of its init"
    assert report.held
    assert hit.pid not in [str(cell.pid) for cell in node.processes()]


async def test_a_supervisor_is_back_with_its_children(node: VirtualNode, top: Any) -> None:
    report = await carried_out(node, at_once(names=["supervisor:below"]))
    assert (fates(report), report.hits[0].took) == (["back"], pytest.approx(0.1))
    assert {cell.kind for cell in node.processes() if cell.parent == node.whereis(BELOW)} == {"Slow", "Worker"}


async def test_a_backoff_counts(node: VirtualNode) -> None:
    tree = Tree("one_for_one", [worker(Worker, id="a", backoff=Backoff(2.0, 4.0))], intensity=9, name=TOP)
    await node.start(Supervisor, tree)
    report = await carried_out(node, at_once(kinds=["Worker"]))
    assert report.hits[0].took == pytest.approx(2.0, abs=0.06)


async def test_a_dynamic_child_is_back_in_its_place(node: VirtualNode, top: Any) -> None:
    report = await carried_out(node, at_once(below="supervisor:pool"))
    assert fates(report) == ["back"]
    assert report.hits[0].target.startswith("supervisor:pool/#")


async def test_who_nobody_is_to_start_again_is_gone_and_not_lost(node: VirtualNode, top: Any) -> None:
    report = await carried_out(node, at_once(names=["once:1"]))
    assert (fates(report), report.lost, report.held) == (["gone"], [], True)


async def test_who_is_not_back_in_time_is_lost(node: VirtualNode, top: Any) -> None:
    plan = at_once(kinds=["Slow"])
    plan["invariants"] |= {"returned_within": 0.05}
    report = await carried_out(node, plan)
    assert (fates(report), report.held) == (["lost"], False)
    failed = next(one for one in report.invariants if one.failed)
    assert failed.name == "back within 0.05 s"
    assert "supervisor:below/slow" in failed.failed
    assert "lost: 1" in report.text()


async def test_a_child_of_a_killed_supervisor_is_found_below_the_next_one(node: VirtualNode, top: Any) -> None:
    plan = at_once(kinds=["Slow"]) | {"guard": {"at_once": 2}}
    plan["attack"] = [
        {"at": [0.0], "kinds": ["Slow"]},
        {"at": [0.0001], "names": ["supervisor:below"], "beyond_intensity": True},
    ]
    report = await carried_out(node, plan)
    assert (targets(report), fates(report)) == (["supervisor:below/slow", "supervisor:below"], ["back", "back"])


async def test_a_dynamic_child_goes_with_its_supervisor(node: VirtualNode, top: Any) -> None:
    plan = at_once() | {"guard": {"at_once": 2}}
    plan["attack"] = [
        {"at": [0.0], "names": ["supervisor:pool"]},
        {"at": [0.0], "below": "supervisor:pool", "beyond_intensity": True},
    ]
    report = await carried_out(node, plan)
    assert sorted(fates(report))[0] == "back"
    assert not report.lost


# Other trouble


async def test_who_traps_exits_is_unmoved(node: VirtualNode, top: Any) -> None:
    report = await carried_out(node, at_once(names=["w:trapping", "w:trapping"], how="exit", reason="boom"))
    assert fates(report) == ["unmoved"]
    before = node.whereis(Name("w", "a"))
    report = await carried_out(node, at_once(names=["w:a"], how="exit", reason="boom"))
    assert fates(report) == ["back"]
    assert node.whereis(Name("w", "a")) != before
    assert node.dossiers.of(before).reason == "boom"


async def test_a_suspended_process_goes_on_after_its_time(node: VirtualNode, top: Any) -> None:
    run = ChaosRun(ProcessField(node), read_plan(at_once(names=["w:a"], how="suspend", **{"for": 3.0})), seed=1)
    going = asyncio.ensure_future(run.carry_out())
    await node.advance(2.9)
    assert node.find(Name("w", "a")).suspended
    assert run.progress()["down"] == 1
    report = await node.drive(going)
    assert not node.find(Name("w", "a")).suspended
    assert (fates(report), report.lasted) == (["back"], pytest.approx(3.0, abs=0.2))


@pytest.mark.parametrize("how", ["stop", "cancel"])
async def test_nobody_stays_suspended_when_a_run_is_stopped(node: VirtualNode, top: Any, how: str) -> None:
    plan = at_once(names=["w:*"], how="suspend", each=3, **{"for": 600.0}) | {"guard": {"at_once": 3}}
    run = ChaosRun(ProcessField(node), read_plan(plan), seed=1)
    going = asyncio.ensure_future(run.carry_out())
    await node.advance(1.0)
    assert run.progress()["down"] >= 1
    if how == "stop":
        run.stop("enough")
        report = await node.drive(going, limit=1.0)
        assert (report.ended, report.held) == ("enough", True)
    else:
        going.cancel()
        await asyncio.wait({going})
        assert run.report.ended == "it was cut off"
    assert not [cell for cell in node.processes() if cell.suspended]


async def test_a_stall_holds_the_loop_and_its_process_goes_on(node: VirtualNode, top: Any) -> None:
    report = await carried_out(node, at_once(names=["supervisor:below"], how="stall", **{"for": 0.01}))
    assert fates(report) == ["back"]


async def test_the_watchdog_ends_a_stall_and_the_supervisor_mends_it() -> None:
    async with Node("test@localhost", strict=True, watchdog=Watchdog(slow=0.05, stalled=0.1)) as node:
        await node.start(Supervisor, Tree("one_for_one", [worker(Worker, name=Name("w", "a"))], name=TOP))
        before = node.whereis(Name("w", "a"))
        plan = read_plan(at_once(names=["w:a"], how="stall", **{"for": 20.0}))
        async with asyncio.timeout(10):
            report = await ChaosRun(ProcessField(node), plan).carry_out()
        assert fates(report) == ["back"]
        assert "HandlerTooSlow" in report.hits[0].note
        assert node.whereis(Name("w", "a")) != before


# The guard


async def test_no_supervisor_has_more_to_bear_than_it_can(node: VirtualNode, top: Any) -> None:
    plan = {"attack": [{"rate": 20.0, "names": ["w:a", "w:b"]}], "duration": 30.0, "guard": {"at_once": 10}}
    report = await carried_out(node, plan)
    assert report.held
    assert top.cell is not None
    moments = [hit.at for hit in report.hits]
    assert len(moments) >= 12, "what it bears is used"
    assert all(later - earlier > 10.0 for earlier, later in zip(moments, moments[5:], strict=False))
    assert report.held_back["supervisor:top would give up over it"] > 400


async def test_beyond_intensity_supervisors_give_up_and_the_run_says_so(node: VirtualNode, top: Any) -> None:
    plan = {"attack": [{"every": 0.5, "below": "supervisor:below", "beyond_intensity": True}], "duration": 30.0}
    report = await carried_out(node, plan)
    (failed,) = [one for one in report.invariants if one.failed]
    assert (failed.name, failed.failed) == ("no supervisor gave up", "supervisor:below")
    assert report.ended == "this did not hold: no supervisor gave up"
    assert len(report.hits) < 10
    allowed = plan | {"invariants": {"may_give_up": ["supervisor:below"]}}
    await node.advance(60.0)
    assert (await carried_out(node, allowed)).ended == "this did not hold: no supervisor gave up", (
        "the top gives up, too"
    )


async def test_no_more_are_down_at_once_than_the_guard_allows(node: VirtualNode, top: Any) -> None:
    plan = {"attack": [{"every": 0.1, "names": ["w:*"], "how": "suspend", "for": 1.0}], "duration": 5.0}
    report = await carried_out(node, plan)
    assert 4 <= len(report.hits) <= 5
    assert report.held_back["1 were down at once"] > 30


async def test_a_count_ends_an_attack(node: VirtualNode, top: Any) -> None:
    plan = {"attack": [{"every": 1.0, "names": ["w:a"], "count": 3}], "duration": 60.0}
    report = await carried_out(node, plan)
    assert (len(report.hits), report.ended) == (3, "every attack has its count")
    assert report.lasted < 10.0


# What must hold


async def test_named_checks_are_made_during_the_run_and_after(node: VirtualNode, top: Any) -> None:
    looks: list[float] = []

    async def grumbling() -> None:
        looks.append(node.clock.now())
        assert len(looks) < 4, "three times is enough"

    plan = {"attack": [{"every": 1.0, "names": ["w:a"]}], "duration": 30.0, "invariants": {"checks": ["grumbling"]}}
    report = await carried_out(node, plan, checks={"grumbling": grumbling})
    assert report.ended == "this did not hold: grumbling"
    (failed,) = [one for one in report.invariants if one.failed]
    assert (failed.name, failed.failed_at) == ("grumbling", pytest.approx(4.0))
    assert "three times is enough" in failed.failed


async def test_a_failure_does_not_stop_a_run_that_goes_on_over_it(node: VirtualNode, top: Any) -> None:
    async def failing() -> None:
        raise LookupError("nothing there")

    plan = {
        "attack": [{"every": 1.0, "names": ["w:b"]}],
        "duration": 4.5,
        "guard": {"stop_on_failure": False},
        "invariants": {"checks": ["failing"]},
    }
    report = await carried_out(node, plan, checks={"failing": failing})
    assert (len(report.hits), report.held, report.ended) == (4, False, "all strikes were made")
    assert "FAILED: failing" in report.text()
    assert "LookupError: nothing there" in report.text()


def test_a_check_that_nobody_has_given_is_a_fault_of_the_plan() -> None:
    plan = read_plan(at_once() | {"invariants": {"checks": ["unheard of"]}})
    with pytest.raises(PlanError, match="must be checks that are there: a, b"):
        ChaosRun(ProcessField(Node()), plan, checks={"b": None, "a": None})  # type: ignore[dict-item] # never called


async def test_what_is_left_behind_is_a_leak(node: VirtualNode, top: Any) -> None:
    await node.sys.suspend(Name("w", "b"))
    node.cast(Name("w", "b"), "nobody takes this")
    plan = at_once(names=["w:a"])
    report = await carried_out(node, plan | {"invariants": {"settle": 1.0}})
    (failed,) = [one for one in report.invariants if one.failed]
    assert failed.name == "no leaks"
    assert "1 messages waiting for w:b" in failed.failed
    await node.sys.resume(Name("w", "b"))


async def test_processes_that_came_to_stay_are_told(node: VirtualNode, top: Any) -> None:
    plan = at_once(names=["w:a"]) | {"invariants": {"settle": 0.5, "same_processes": True}}
    assert (await carried_out(node, plan)).held
    plan["attack"][0]["at"] = [0.0, 1.0]
    run = ChaosRun(ProcessField(node), read_plan(plan))
    going = asyncio.ensure_future(run.carry_out())
    await node.advance(0.5)
    await node.start(Worker)
    report = await node.drive(going)
    (failed,) = [one for one in report.invariants if one.failed]
    assert failed.failed == "5 Worker, there were 4", "three of the pool, one below, and another"


# What is told


async def test_the_same_seed_hits_the_same(node: VirtualNode, top: Any) -> None:
    plan = {"attack": [{"rate": 2.0, "among": [{"names": ["w:*"]}, {"below": "supervisor:pool"}]}], "duration": 5.0}
    runs = []
    for seed in (1, 1, 2):
        runs.append(await carried_out(node, plan, seed))
        await node.advance(30.0)
    told = [[(hit.planned, hit.target) for hit in report.hits] for report in runs]
    assert told[0] == told[1] != told[2]


async def test_a_run_is_repeated_against_the_same_targets(node: VirtualNode, top: Any) -> None:
    plan: dict[str, Any] = {
        "attack": [{"rate": 2.0}, {"every": 2.0, "names": ["w:*"], "how": "suspend", "for": 0.1}],
        "duration": 6.0,
    }
    plan["guard"] = {"never": ["once:1", "supervisor:pool"]}
    first = await carried_out(node, plan)
    await node.advance(30.0)
    hits = json.loads(json.dumps(first.as_dict()))["hits"]
    again = await carried_out(node, plan, seed=99, repeat=strikes_of(hits, read_plan(plan)))
    assert targets(again) == targets(first) != []
    assert [hit.how for hit in again.hits] == [hit.how for hit in first.hits]
    assert [hit.at for hit in again.hits] == pytest.approx([hit.at for hit in first.hits])


async def test_a_dry_run_tells_what_the_run_then_does(node: VirtualNode, top: Any) -> None:
    plan = {"attack": [{"rate": 1.0, "names": ["w:*"]}], "duration": 12.0, "guard": {"at_once": 3}}
    before = [str(cell.pid) for cell in node.processes()]
    preview = await ChaosRun(ProcessField(node), read_plan(plan), seed=5).preview()
    assert [str(cell.pid) for cell in node.processes()] == before, "nothing was touched"
    report = await carried_out(node, plan, seed=5)
    foretold = [strike["would_hit"] for strike in preview["strikes"] if "would_hit" in strike]
    assert foretold == targets(report) != []
    held_back = [strike["held_back"] for strike in preview["strikes"] if "held_back" in strike]
    assert len(held_back) == report.held_back.total() > 0


async def test_the_report_is_json_and_text(node: VirtualNode, top: Any) -> None:
    plan = {"name": "pool", "attack": [{"every": 3.0, "below": "supervisor:pool"}], "duration": 10.0}
    report = await carried_out(node, plan)
    data = json.loads(json.dumps(report.as_dict()))
    assert (data["plan"], data["seed"], data["held"], data["lost"]) == ("pool", 1, True, [])
    assert [hit["fate"] for hit in data["hits"]] == ["back"] * 3
    assert data["to_return"]["count"] == data["to_return"]["buckets"][-1]["count"] == 3
    assert data["to_return"]["p50"] <= data["to_return"]["p99"] <= data["to_return"]["max"]
    assert "time to return of 3: p50" in report.text()
    assert "held: no leaks" in report.text()


async def test_what_happens_is_told_while_it_does(node: VirtualNode, top: Any) -> None:
    told: list[dict[str, Any]] = []
    await carried_out(node, at_once(names=["w:a"]), tell=told.append)
    assert [event["event"] for event in told] == ["begun", "hit", "back", "over"]
    assert json.dumps(told)


async def test_a_run_is_made_once(node: VirtualNode, top: Any) -> None:
    run = ChaosRun(ProcessField(node), read_plan(at_once(names=["w:a"])))
    await node.drive(run.carry_out())
    with pytest.raises(ChaosRefused, match="carried out once"):
        await run.carry_out()


@pytest.mark.parametrize("seed", range(6))
async def test_a_house_under_everything_is_whole_afterwards(node: VirtualNode, seed: int) -> None:
    top = await furnished(node, intensity=50)
    before = [cell.kind for cell in node.processes()]
    plan = {
        "attack": [
            {"rate": 8.0},
            {"rate": 2.0, "how": "suspend", "for": 0.5},
            {"rate": 2.0, "how": "exit", "reason": "boom"},
        ],
        "duration": 20.0,
        "guard": {"at_once": 4, "never": ["once:1", "supervisor:pool"]},
        "invariants": {"same_processes": True},
    }
    report = await carried_out(node, plan, seed)
    assert report.held, report.text()
    assert len(report.hits) > 30
    assert top.cell is not None
    assert sorted(cell.kind for cell in node.processes()) == sorted(before)
    assert len(node.find(POOL).actor.children) == 3


@pytest.mark.parametrize("how", ["suspend", "stall"])
async def test_who_is_too_busy_is_left_alone_later_too(
    node: VirtualNode, top: Any, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked of it waits in its mail, when the run has given up on it."""

    async def busy(self: Worker, request: Any) -> None:
        await self.sleep(60.0)

    monkeypatch.setattr(Worker, "handle_cast", busy)
    node.cast(Name("w", "a"), "work")
    await node.idle()
    report = await carried_out(node, at_once(names=["w:a"], how=how, **{"for": 3.0}))
    assert (fates(report), "within" in report.hits[0].note) == (["unmoved"], True), report.hits
    began = time.perf_counter()
    await node.advance(120.0)
    assert not node.find(Name("w", "a")).suspended
    assert await node.sys.status(Name("w", "a"))
    assert time.perf_counter() - began < 2.0, "it held the loop"
