"""Reading a scenario file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

FORMAT: Final = 1
MODES: Final = ("total", "per_path", "per_process", "set")
REPLAYED: Final = ("supervisor", "proc")
"""The kinds of scenario that can be replayed."""
NOT_REPLAYED: Final = {"index": "a list of scenarios", "measured": "measured facts, not steps"}
"""What else lies beside them, and what it is."""


class ScenarioError(Exception):
    """A file that is no scenario, or one that this version cannot run."""

    def __init__(self, file: Path, detail: str) -> None:
        super().__init__(f"{file}: {detail}")
        self.file = file
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Scenario:
    """One recorded scenario.

    In a supervisor scenario `trace[i]` is what step i - 1 gave, the first is the start, the last the end; in a proc
    scenario it is what step i gave.
    """

    name: str
    kind: str
    compare: str = "total"
    tree: dict[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    trace: list[dict[str, Any]] = field(default_factory=list)
    quirks: frozenset[int] = frozenset()
    """Steps whose recorded content is an oddity of that OTP version, not to be copied."""
    ignore_failed_attempts: bool = False
    """A child is kept retrying: its failing starts are left out of the trace."""
    document: dict[str, Any] = field(default_factory=dict)
    """All that the file holds."""
    scripts: dict[str, Any] = field(default_factory=dict)
    """What the servers of a proc scenario do, by request."""


def load(file: Path) -> Scenario:
    """The scenario in `file`. Raises ScenarioError, saying what is wrong."""
    try:
        data = json.loads(file.read_bytes())
    except OSError as error:
        raise ScenarioError(file, error.strerror or str(error)) from None
    except (ValueError, RecursionError) as error:
        raise ScenarioError(file, f"no JSON: {error}") from None
    if isinstance(data, dict) and isinstance(data.get("scenarios"), list):
        return Scenario(file.stem, "index")
    if not isinstance(data, dict) or not isinstance(data.get("kind"), str) or not isinstance(data.get("name"), str):
        raise ScenarioError(file, "no scenario: it lacks kind and name")
    if data["kind"] in NOT_REPLAYED:
        return Scenario(data["name"], data["kind"])
    if data["kind"] not in REPLAYED:
        raise ScenarioError(file, f"kind {data['kind']!r} is not known, only {', '.join(REPLAYED)}")
    return _scenario(file, data)


def _scenario(file: Path, data: dict[str, Any]) -> Scenario:
    if data.get("format") != FORMAT:
        raise ScenarioError(file, f"format {data.get('format')!r} is not known, only {FORMAT}")
    of_its_kind = ("tree", dict) if data["kind"] == "supervisor" else ("scripts", dict)
    for key, kind in (of_its_kind, ("steps", list), ("trace", list)):
        if not isinstance(data.get(key), kind):
            raise ScenarioError(file, f"{key!r} is missing or no {kind.__name__}")
    for position, step in enumerate(data["steps"], start=1):
        if not isinstance(step, dict) or not isinstance(step.get("op"), str):
            raise ScenarioError(file, f"step {position} has no op")
    for position, entry in enumerate(data["trace"], start=1):
        if not isinstance(entry, dict) or not _are_events(entry.get("events")):
            raise ScenarioError(file, f"trace entry {position} has no list of events")
    quirks = data.get("quirk", [])
    if not isinstance(quirks, list) or not all(isinstance(number, int) for number in quirks):
        raise ScenarioError(file, f"quirk is {quirks!r}, not a list of step numbers")
    compare = data.get("compare", "total")
    if compare not in MODES:
        raise ScenarioError(file, f"compare is {compare!r}, not one of {', '.join(MODES)}")
    return Scenario(
        data["name"],
        data["kind"],
        compare,
        data.get("tree", {}),
        data["steps"],
        data["trace"],
        frozenset(quirks),
        bool(data.get("ignore_failed_attempts", False)),
        data,
        data.get("scripts", {}),
    )


def _are_events(events: Any) -> bool:
    return isinstance(events, list) and all(isinstance(event, dict) and "ev" in event for event in events)
