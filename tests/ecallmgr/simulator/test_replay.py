"""The recorded commands must yield the recorded events: same legs, events, order within a leg, headers, answers."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from mirliton.ecallmgr.simulator import Dialplan, Sounds
from mirliton.ecallmgr.simulator.replay import Recording, Rules, differences, read_recording, replay

LISTED: dict[str, Any] = tomllib.loads((Path(__file__).parent / "deviations.toml").read_text())
SCENARIOS = sorted(LISTED["scenarios"])


def the_recorded_dialplan() -> Dialplan:
    """The extensions that the recorded switch had; `park` was matched by a pattern there."""
    return Dialplan(
        {
            "answer_park": [("answer", None), ("park", None)],
            "busy": [("hangup", "USER_BUSY")],
            "ring": [("ring_ready", None), ("sleep", "60000"), ("hangup", "NO_ANSWER")],
            "uas": [("set", "hangup_after_bridge=true"), ("bridge", "sofia/internal/uas@127.0.0.1:5066")],
        },
        pattern="park",
    )


def the_recorded_sounds(recording: Recording) -> Sounds:
    """The files that were played: as long as the recording says, or missing where it says so."""
    sounds = Sounds()
    for event in recording.events():
        played = event.get("Playback-File-Path")
        if event["Event-Name"] == "PLAYBACK_STOP" and isinstance(played, str) and "://" not in played:
            sounds.add(played, int(str(event["variable_playback_ms"])) / 1000)
        if event.get("Application-Response") == "FILE NOT FOUND" and event["Event-Name"] == "CHANNEL_EXECUTE_COMPLETE":
            sounds.add(str(event["Application-Data"]), None)
    return sounds


def matches(line: str, pattern: str) -> bool:
    return fnmatchcase(line, pattern.replace("[", "[[]"))


@pytest.fixture(scope="module")
def rules() -> Rules:
    return Rules(absent=list(LISTED["absent"]), varying=list(LISTED["varying"]))


@pytest.fixture(scope="module")
def captures(reference: Path) -> Path:
    return reference / "esl-captures"


async def found_differences(captures: Path, name: str, rules: Rules) -> list[str]:
    recording = read_recording(captures, name)
    replayed = await replay(
        recording,
        dialplan=the_recorded_dialplan(),
        sounds=the_recorded_sounds(recording),
        info_digits=name != "collect_digits_info_ignored",
    )
    return differences(recording, replayed, rules)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_the_recorded_commands_yield_the_recorded_events(name: str, captures: Path, rules: Rules) -> None:
    found = await found_differences(captures, name, rules)
    expected = LISTED["scenarios"][name]
    unlisted = [line for line in found if not any(matches(line, pattern) for pattern in expected)]
    assert not unlisted, "differences that deviations.toml does not list"
    gone = [pattern for pattern in expected if not any(matches(line, pattern) for line in found)]
    assert not gone, "deviations.toml lists what no longer differs"


async def test_every_rule_about_headers_is_still_needed(captures: Path) -> None:
    rules = Rules(absent=list(LISTED["absent"]), varying=list(LISTED["varying"]))
    for name in SCENARIOS:
        await found_differences(captures, name, rules)
    assert {*LISTED["absent"], *LISTED["varying"]} - rules.used == set()


def test_every_recording_is_replayed_or_excused(captures: Path) -> None:
    recorded = {path.name.removesuffix(".txt") for path in captures.glob("*.txt") if ".json." not in path.name}
    assert recorded == set(SCENARIOS) | set(LISTED["not_replayed"])


def reasons(table: object) -> Iterator[str]:
    if isinstance(table, dict):
        for value in table.values():
            yield from reasons(value)
    else:
        yield str(table)


def test_every_deviation_has_a_reason() -> None:
    assert all(len(reason) > 3 for reason in reasons(LISTED))
