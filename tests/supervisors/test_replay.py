"""The conformance harness, and with it our processes and supervisors against what real Erlang/OTP 25 did."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from mirliton.supervisors.replay import Scenario, difference, load, replay
from mirliton.supervisors.replay.__main__ import main
from mirliton.supervisors.replay.compare import LEVELS
from mirliton.supervisors.replay.excused import EXCUSED
from mirliton.supervisors.replay.scenario import ScenarioError

TRACES = Path(__file__).resolve().parents[2].parent / "shared" / "reference" / "otp-traces"


def recorded(kind: str) -> list[Any]:
    """The scenarios of a kind, or one parameter that skips where they are not laid out."""
    if not TRACES.is_dir():
        reason = "the recorded scenarios (../shared/reference/otp-traces) are not beside this checkout"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason))]
    listed = json.loads((TRACES / "index.json").read_text())["scenarios"]
    return [pytest.param(entry["name"], id=entry["name"]) for entry in listed if entry["kind"] == kind]


@pytest.mark.parametrize("name", recorded("supervisor"))
async def test_our_supervisors_do_what_otps_do(name: str) -> None:
    scenario = load(TRACES / f"{name}.json")
    trace = await replay(scenario)
    for level in LEVELS:
        assert difference(scenario, trace, level) is None


@pytest.mark.parametrize("name", recorded("proc"))
async def test_our_processes_do_what_erlangs_do(name: str) -> None:
    scenario = load(TRACES / f"{name}.json")
    trace = await replay(scenario)
    for level in LEVELS:
        assert difference(scenario, trace, level) is None


def test_the_page_lists_the_scenarios_that_are_excused(root: Path, reference: Path) -> None:
    page = (root / "docs" / "semantics.md").read_text()
    section = page.partition("\n## Where Mirliton differs from OTP\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([\w-]+)`, steps? ([\d, ]+) \|", section, re.MULTILINE)
    listed = {name: {int(step) for step in steps.split(", ")} for name, steps in rows}
    quirks = {}
    for file in sorted((reference / "otp-traces").glob("*.json")):
        content = json.loads(file.read_text())
        if content.get("quirk"):
            quirks[content["name"]] = set(content["quirk"])
    assert listed == {name: set(steps) for name, steps in EXCUSED.items()} | quirks


def test_what_is_excused_does_differ(reference: Path) -> None:
    """An excuse that is no longer needed must go."""

    async def differs(name: str, step: int) -> bool:
        whole = load(reference / "otp-traces" / f"{name}.json")
        ours = await replay(whole)
        kept = dataclasses.replace(
            whole, name="not excused", trace=whole.trace[step : step + 1], steps=whole.steps[step:]
        )
        return difference(kept, ours[step : step + 1]) is not None

    for name, steps in EXCUSED.items():
        for step in steps:
            assert asyncio.run(differs(name, step)), (name, step)


# The harness itself, on a scenario that needs no reference


def scenario_file(folder: Path, **changes: Any) -> Path:
    """A recording of one permanent child that is killed once, as OTP answers it."""
    init = {"ev": "init", "out": "ok"}
    child = {"p": "root/a", "type": "worker"}
    report = {"ev": "report", "id": "a", "sup": "root#1"}
    start = {
        "step": 0,
        "op": "start",
        "result": {"t": ["ok", {"pid": "root#1"}]},
        "events": [
            init | {"p": "root", "type": "supervisor", "n": 1},
            init | child | {"n": 1},
            report | {"label": "progress", "pid": "root/a#1"},
        ],
        "alive": ["root#1", "root/a#1"],
        "tree": {"root#1": [["a", "root/a#1", "worker"]]},
    }
    kill = {
        "step": 1,
        "op": "kill",
        "result": "ok",
        "events": [
            {"ev": "exit", "p": "root/a", "n": 1, "reason": "killed"},
            report
            | {"label": "child_terminated", "context": "child_terminated", "reason": "killed", "pid": "root/a#1"},
            init | child | {"n": 2},
            report | {"label": "progress", "pid": "root/a#2"},
        ],
        "alive": ["root#1", "root/a#2"],
        "tree": {"root#1": [["a", "root/a#2", "worker"]]},
    }
    final = {
        "step": 2,
        "op": "final",
        "result": "ok",
        "events": [
            {"ev": "exit", "p": "root/a", "n": 2, "reason": "shutdown"},
            {"ev": "exit", "p": "root", "n": 1, "reason": "shutdown"},
        ],
        "alive": [],
        "tree": {},
    }
    content = {
        "format": 1,
        "kind": "supervisor",
        "name": "one-kill",
        "compare": "total",
        "tree": {"id": "root", "strategy": "one_for_one", "children": [{"id": "a"}]},
        "steps": [{"op": "kill", "target": "root/a"}],
        "trace": [start, kill, final],
    }
    folder.mkdir(exist_ok=True)
    file = folder / f"{changes.get('name', content['name'])}.json"
    file.write_text(json.dumps(content | changes))
    return file


def test_a_scenario_that_agrees_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "--level", "2", str(scenario_file(tmp_path))]) == 0
    assert capsys.readouterr().out == "1 passed, 0 failed\n"


def test_without_check_our_trace_is_printed_in_the_files_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = scenario_file(tmp_path)
    assert main([str(file)]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(file.read_text())


def test_the_first_difference_of_each_file_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = scenario_file(tmp_path)
    trace = json.loads(good.read_text())["trace"]
    trace[1]["events"][0]["reason"] = "boom"
    bad = scenario_file(tmp_path, name="other", trace=trace)
    assert main(["--check", str(good), str(bad)]) == 1
    first, total = capsys.readouterr().out.splitlines()
    assert first.startswith('other.json: step 1 ({"op": "kill", "target": "root/a"}): event 1 is ')
    assert '"killed"' in first
    assert '"boom"' in first
    assert total == "1 passed, 1 failed"


def test_what_holds_no_steps_is_named_and_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = tmp_path / "index.json"
    index.write_text('{"otp": "25.2.3", "scenarios": []}')
    facts = tmp_path / "facts-apps.json"
    facts.write_text('{"format": 1, "kind": "measured", "name": "facts-apps"}')
    assert main(["--check", str(index), str(facts), str(scenario_file(tmp_path))]) == 0
    captured = capsys.readouterr()
    assert captured.out == "1 passed, 0 failed\n"
    assert captured.err.splitlines() == [
        "index.json: skipped: a list of scenarios",
        "facts-apps.json: skipped: measured facts, not steps",
    ]


def test_a_step_it_cannot_do_fails_that_file_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = scenario_file(tmp_path, name="odd", steps=[{"op": "juggle", "target": "root/a"}])
    assert main(["--check", str(odd), str(scenario_file(tmp_path))]) == 1
    out = capsys.readouterr().out
    assert "odd.json: the replay failed: ValueError" in out
    assert "juggle" in out
    assert out.endswith("1 passed, 1 failed\n")


def a_proc_scenario(folder: Path, act: list[Any], **changes: Any) -> Path:
    """One actor that does one thing, without a result worth comparing."""
    step = {"op": "do", "who": "A", "act": act}
    trace = [{"result": "ok", "events": [], "alive": ["A#1"]} for _ in range(2)]
    content = {"scripts": {}, "steps": [{"op": "spawn", "as": "A"}, step], "trace": trace}
    return scenario_file(folder, name="proc", kind="proc", **content, **changes)


def test_a_proc_scenario_prints_what_its_actors_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(a_proc_scenario(tmp_path, ["register", "n", "A"]))]) == 0
    born, did = json.loads(capsys.readouterr().out)["trace"]
    assert born["events"] == [{"ev": "init", "p": "A", "n": 1, "out": "ok", "type": "worker"}]
    assert did == {"step": 1, "op": "do", "result": True, "events": [], "alive": ["A#1"]}


@pytest.mark.parametrize(
    ("act", "complaint"),
    [
        (["juggle"], "step 1: action 'juggle' is not known"),
        (["seq", [["whereis", "n"], ["juggle", 3]]], "step 1: action 'juggle' is not known"),
    ],
)
def test_an_action_that_nobody_knows_is_told_before_anything_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], act: list[Any], complaint: str
) -> None:
    assert main(["--check", str(a_proc_scenario(tmp_path, act))]) == 1
    assert complaint in capsys.readouterr().out


def test_a_script_with_an_unknown_action_is_told_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = a_proc_scenario(tmp_path, ["links"])
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"scripts": {"go": {"do": [["juggle"]]}}}))
    assert main(["--check", str(file)]) == 1
    assert "script 'go': action 'juggle' is not known" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "no JSON"),
        ("[]", "no scenario"),
        (
            '{"kind": "proc", "name": "x", "format": 1, "scripts": {}, "steps": [], "trace": [], "quirk": 3}',
            "quirk is 3, not a list",
        ),
        ('{"kind": "opera", "name": "x", "format": 1}', "kind 'opera' is not known"),
        ('{"kind": "proc", "name": "x", "format": 1, "steps": [], "trace": []}', "'scripts' is missing"),
        (
            '{"kind": "proc", "name": "x", "format": 1, "scripts": {}, "steps": [], "trace": [{}]}',
            "has no list of events",
        ),
        ('{"kind": "supervisor", "name": "x", "format": 2}', "format 2 is not known"),
        ('{"kind": "supervisor", "name": "x", "format": 1}', "'tree' is missing"),
        ('{"kind": "supervisor", "name": "x", "format": 1, "tree": {}, "steps": [1], "trace": []}', "step 1 has no op"),
    ],
)
def test_what_is_no_scenario_gets_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, complaint: str
) -> None:
    file = tmp_path / "x.json"
    file.write_text(content)
    with pytest.raises(ScenarioError):
        load(file)
    assert main(["--check", str(file)]) == 2
    err = capsys.readouterr().err
    assert complaint in err
    assert err.count("\n") == 1


def test_a_missing_file_gets_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "absent.json")]) == 2
    assert "No such file" in capsys.readouterr().err


# What the comparison lets pass, and what not


def event(path: str, n: int = 1, **more: Any) -> dict[str, Any]:
    return {"ev": "exit", "p": path, "n": n, "reason": "shutdown"} | more


def entry(*events: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"result": "ok", "alive": [], "tree": {}, "events": list(events)} | more


def scenario(mode: str, *trace: dict[str, Any], quirks: frozenset[int] = frozenset()) -> Scenario:
    return Scenario("s", "supervisor", mode, {}, [], list(trace), quirks)


A, B = event("root/a"), event("root/b")
A2 = event("root/a", 2)


@pytest.mark.parametrize(
    ("mode", "ours", "same"),
    [
        ("total", (A, B, A2), True),
        ("total", (B, A, A2), False),
        ("per_path", (B, A, A2), True),
        ("per_path", (A2, B, A), False),
        ("per_process", (A2, B, A), True),
        ("per_process", (A2, B), False),
        ("per_process", (A2, B, A, A), False),
        ("set", (A2, B, A), True),
        ("set", (A2, B, B), False),
    ],
)
def test_the_mode_says_how_strong_the_order_is(mode: str, ours: Any, same: bool) -> None:
    recording = scenario(mode, entry(A, B, A2))
    assert (difference(recording, [entry(*ours)]) is None) is same


def test_reports_count_from_level_two_on_and_crash_reports_from_three() -> None:
    report = {"ev": "report", "label": "progress", "sup": "root#1", "id": "a", "pid": "root/a#1"}
    recording = scenario("total", entry(A, report))
    assert difference(recording, [entry(A)], level=1) is None
    assert difference(recording, [entry(A)], level=2) is not None
    crash = {"ev": "report", "label": "crash", "p": "root/a#1", "class": "exit", "reason": "boom"}
    assert difference(scenario("total", entry(A, crash)), [entry(A)], level=2) is None
    assert difference(scenario("total", entry(A, crash)), [entry(A)], level=3) is not None


@pytest.mark.parametrize("key", ["result", "alive", "tree"])
def test_results_and_trees_must_be_equal_in_every_mode(key: str) -> None:
    recording = scenario("set", entry(A))
    ours = copy.deepcopy(entry(A)) | {key: "other"}
    assert key in str(difference(recording, [ours]))


def test_steps_named_as_oddities_are_not_compared() -> None:
    recording = scenario("total", entry(A), entry(B), quirks=frozenset({1}))
    assert difference(recording, [entry(A), entry(A)]) is None
    assert difference(recording, [entry(B), entry(A)]) is not None
    assert difference(recording, [entry(A)]) is not None
