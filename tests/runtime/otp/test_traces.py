"""What real Erlang/OTP 25 did in each recorded process scenario, ours does too."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "reference" / "otp-traces"

NOT_YET = {
    "gen_statem": "there is no GenStatem yet",
    "process groups": "there are no process groups yet",
    "gen_server send_request": "there is no send_request; `background(self.call(…))` serves that need",
}
"""Groups of scenarios that use what we do not have."""

NO_THROW = "Python has no throw that counts as a callback's return value; `raise` is an error"
LEFT_OUT = {
    "gs-call-throw-ret": NO_THROW,
    "gs-call-die-throw_bad": NO_THROW,
    "gs-call-die-inf-throw_bad": NO_THROW,
    "gs-cast-throw_bad": NO_THROW,
    "gs-info-throw_bad": NO_THROW,
    "gs-init-throw-ok": NO_THROW,
    "gs-init-throw-bad": NO_THROW,
    "gs-init-nolink-throw-bad": NO_THROW,
    "gs-terminate-throw": NO_THROW,
    "gs-call-answer-twice": "a second answer to a call without timeout is dropped like any other late one",
    "gs-call-bad-timeout": "a timeout that is no number is a TypeError; a negative one is a timeout of 0",
    "gs-call-node": "it calls a name on another node",
    "gs-call-not-server": "a process that is no server receives a Call, whose form is ours",
    "reg-errors": "a process may have several names here; the rest is in test_registry.py",
    "sys-statistics": "counting is always on and part of sys.status",
    "sys-log": "there is no event log",
}
"""Single scenarios, each with its reason; docs/semantics.md tells the differences that are on purpose."""

RESULTS: dict[str, dict[int, Any]] = {
    # Mail to a name that nobody has is counted and gone here, an error there.
    "reg-basic": {7: "ok"},
    "reg-global": {13: "ok"},
}
"""Single steps whose result is ours, and what it is instead of Erlang's."""


def scenarios() -> list[Any]:
    if not (FOLDER / "index.json").is_file():
        return [pytest.param(None, marks=pytest.mark.skip("the recordings (../shared/reference) are not here"))]
    found = []
    for entry in json.loads((FOLDER / "index.json").read_text())["scenarios"]:
        if entry["kind"] != "proc":
            continue
        reason = NOT_YET.get(entry["group"]) or LEFT_OUT.get(entry["name"])
        marks = [pytest.mark.skip(reason)] if reason else []
        found.append(pytest.param(entry["name"], marks=marks, id=entry["name"]))
    return found


@pytest.mark.parametrize("name", scenarios())
async def test_a_recorded_scenario_goes_as_it_went_on_real_erlang(name: str, difference: Callable[..., Any]) -> None:
    scenario = json.loads((FOLDER / f"{name}.json").read_text())
    assert await difference(scenario, RESULTS.get(name, {})) == ""


def test_every_exception_is_of_a_scenario_that_exists(reference: Path) -> None:
    index = json.loads((reference / "otp-traces" / "index.json").read_text())["scenarios"]
    assert set(LEFT_OUT) | set(RESULTS) <= {entry["name"] for entry in index}
    assert set(NOT_YET) <= {entry["group"] for entry in index}
