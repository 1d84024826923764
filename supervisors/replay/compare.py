"""Our trace against the recorded one, as strongly as the scenario says and as closely as the level asks.

| level | what is compared |
| --- | --- |
| 1 | behaviour: all events but reports |
| 2 | also the supervisors' reports |
| 3 | also crash reports and those of gen_server and gen_statem: all events |
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from mirliton.supervisors.replay.excused import EXCUSED
from mirliton.supervisors.replay.scenario import Scenario

LEVELS: Final = (1, 2, 3)

_SUPERVISOR_REPORTS: Final = (
    "progress",
    "child_terminated",
    "start_error",
    "shutdown_error",
    "shutdown",
    "unexpected_message",
)
Event = dict[str, Any]


def difference(scenario: Scenario, ours: list[dict[str, Any]], level: int = 1) -> str | None:
    """The first difference, in words; None when there is none. Quirks of the recording, and what is EXCUSED, may be."""
    if len(ours) != len(scenario.trace):
        return f"{len(ours)} trace entries where the recording has {len(scenario.trace)}"
    excused = EXCUSED.get(scenario.name, {})
    for number, (recorded, got) in enumerate(zip(scenario.trace, ours, strict=True)):
        if number in scenario.quirks or number in excused:
            continue
        found = _entry_difference(scenario.compare, recorded, got, level)
        if found is not None:
            return f"step {number} ({_step_text(scenario, number)}): {found}"
    return None


def _step_text(scenario: Scenario, number: int) -> str:
    if scenario.kind == "proc":
        return json.dumps(scenario.steps[number], sort_keys=True)
    if number == 0:
        return "start"
    if number > len(scenario.steps):
        return "final"
    return json.dumps(scenario.steps[number - 1], sort_keys=True)


def _entry_difference(mode: str, recorded: Event, got: Event, level: int) -> str | None:
    for key in ("result", "alive", "tree"):
        if recorded.get(key) != got.get(key):
            return f"{key} is {json.dumps(got.get(key))}, recorded {json.dumps(recorded.get(key))}"
    wanted = _grouped(mode, _selected(recorded["events"], level))
    found = _grouped(mode, _selected(got["events"], level))
    for group in [*wanted, *(group for group in found if group not in wanted)]:
        text = _list_difference(wanted.get(group, []), found.get(group, []))
        if text is not None:
            return text if mode == "total" else f"[{group}] {text}"
    return None


def _list_difference(wanted: list[Event], found: list[Event]) -> str | None:
    for position, (want, find) in enumerate(zip(wanted, found, strict=False), start=1):
        if want != find:
            return f"event {position} is {json.dumps(find)}, recorded {json.dumps(want)}"
    if len(found) > len(wanted):
        return f"event {len(wanted) + 1} is {json.dumps(found[len(wanted)])}, recorded none"
    if len(wanted) > len(found):
        return f"event {len(found) + 1} is missing, recorded {json.dumps(wanted[len(found)])}"
    return None


def _selected(events: Iterable[Event], level: int) -> list[Event]:
    kept = {1: (), 2: _SUPERVISOR_REPORTS}.get(level)
    return [event for event in events if event["ev"] != "report" or kept is None or event["label"] in kept]


def _grouped(mode: str, events: list[Event]) -> dict[str, list[Event]]:
    """The events in the groups within which their order counts."""
    if mode == "total":
        return {"": events}
    if mode == "set":
        return {"": sorted(events, key=lambda event: json.dumps(event, sort_keys=True))}
    groups: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        groups[_group(mode, event)].append(event)
    return dict(groups)


def _group(mode: str, event: Event) -> str:
    if event["ev"] == "report" and "sup" in event:
        if "nb_children" in event:
            return f"{event['sup']} {json.dumps(event['reason'])}"
        return str(event["sup"]) if mode == "per_process" else str(event["sup"]).rpartition("#")[0]
    process = str(event["p"])  # a report's has its number already
    if mode == "per_process":
        return f"{process}#{event['n']}" if "n" in event else process
    return process.partition("#")[0] if event["ev"] == "report" else process
