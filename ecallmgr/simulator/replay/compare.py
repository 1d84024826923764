"""Where a replay differs from its recording, in short lines.

    leg A: missing CHANNEL_STATE(CS_CONSUME_MEDIA) after CHANNEL_STATE(CS_ROUTING)
    leg A: extra CODEC after CHANNEL_EXECUTE(answer)
    CHANNEL_ANSWER: header variable_rtp_use_pt missing
    CHANNEL_BRIDGE: header Caller-ANI is '', recorded '1000'
    answer 7: …

Legs are lettered in the recording's order. Legs whose beginning was not recorded are left out: they belong
to what was recorded before.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from mirliton.ecallmgr.simulator.events import Value
from mirliton.ecallmgr.simulator.replay.capture import Recording
from mirliton.ecallmgr.simulator.replay.driver import Legs, Replayed, event_key
from mirliton.ecallmgr.simulator.replay.remote import Event, text

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Rules:
    """Headers that are not compared, as shell patterns: `absent` not at all, `varying` only their presence.

    `used` collects the patterns that excused a difference, so that one can find those that no longer do.
    """

    absent: Sequence[str] = ()
    varying: Sequence[str] = ()
    used: set[str] = field(default_factory=set)
    _found: dict[tuple[str, bool], str] = field(default_factory=dict)

    def excuses(self, header: str, *, value_only: bool) -> bool:
        """Whether a difference in this header (in its value only, or in its presence) does not count."""
        key = (header, value_only)
        if key not in self._found:
            patterns = [*self.absent, *self.varying] if value_only else self.absent
            self._found[key] = next((one for one in patterns if fnmatchcase(header, one)), "")
        pattern = self._found[key]
        if pattern:
            self.used.add(pattern)
        return bool(pattern)


def differences(recording: Recording, replayed: Replayed, rules: Rules) -> list[str]:
    """All differences, sorted, each once."""
    recorded = list(recording.events())
    legs = Legs(recorded)
    pairs = legs.pairs(replayed.events)
    found: set[str] = set()
    found |= _compare_events(recorded, replayed.events, legs, pairs, rules, "")
    visible = [item.event for item in recording.items if item.kind == "event" and not item.hidden]
    if len(visible) != len(recorded):
        found |= _compare_events(visible, replayed.seen, legs, pairs, rules, "filtered ")
    found |= _compare_answers(recording, replayed, pairs, rules)
    found |= {f"failure: {error!r}" for error in replayed.failures}
    return sorted(found)


def letters(recording: Recording) -> dict[str, str]:
    """Recorded uuid (without aliases) to letter, for the legs that are compared."""
    recorded = list(recording.events())
    legs = Legs(recorded)
    return {uuid: letter for uuid, (letter, _) in _by_leg(recorded, legs).items()}


def _by_leg(events: list[Event], legs: Legs) -> dict[str, tuple[str, list[Event]]]:
    grouped: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        grouped[legs.name(text(event, "Unique-ID"))].append(event)
    lettered: dict[str, tuple[str, list[Event]]] = {}
    leftovers = legs.leftovers(events)
    for uuid, own in grouped.items():
        if not uuid:
            lettered[uuid] = ("-", own)
        elif uuid not in leftovers:
            letter = chr(ord("A") + sum(1 for key in lettered if key))
            lettered[uuid] = (letter, own)
    return lettered


def _compare_events(
    recorded: list[Event], actual: list[Event], legs: Legs, pairs: dict[str, str], rules: Rules, prefix: str
) -> set[str]:
    found: set[str] = set()
    by_actual: dict[str, list[Event]] = defaultdict(list)
    for event in actual:
        by_actual[legs.name(text(event, "Unique-ID"))].append(event)
    lettered = _by_leg(recorded, legs)
    known = {""} | {pairs.get(uuid, uuid) for uuid in lettered}
    for uuid in by_actual:
        if uuid not in known:
            found.add(f"{prefix}leg {by_actual[uuid][0].get('Channel-Name')}: not recorded")
    translate = {actual_uuid: uuid for uuid, actual_uuid in pairs.items()}
    for uuid, (letter, own) in lettered.items():
        mine = by_actual.get(pairs.get(uuid, uuid), [])
        found |= _compare_leg(f"{prefix}leg {letter}", own, mine, translate, rules)
    return found


def _compare_leg(
    name: str, recorded: list[Event], actual: list[Event], translate: Mapping[str, str], rules: Rules
) -> set[str]:
    found: set[str] = set()
    left, right = [event_key(event) for event in recorded], [event_key(event) for event in actual]
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for verb, a1, a2, b1, b2 in matcher.get_opcodes():
        if verb == "equal":
            for one, other in zip(recorded[a1:a2], actual[b1:b2], strict=True):
                found |= _compare_headers(one, other, translate, rules)
            continue
        before = left[a1 - 1] if a1 else "the beginning"
        found |= {f"{name}: missing {key} after {before}" for key in left[a1:a2]}
        found |= {f"{name}: extra {key} after {before}" for key in right[b1:b2]}
    return found


def _compare_headers(recorded: Event, actual: Event, translate: Mapping[str, str], rules: Rules) -> set[str]:
    found: set[str] = set()
    name = str(recorded["Event-Name"])
    for header in recorded.keys() | actual.keys():
        if header not in actual:
            if not rules.excuses(header, value_only=False):
                found.add(f"{name}: header {header} missing")
        elif header not in recorded:
            if not rules.excuses(header, value_only=False):
                found.add(f"{name}: header {header} not recorded")
        else:
            one, other = recorded[header], _translate(actual[header], translate)
            if one != other and not _both_random(one, other) and not rules.excuses(header, value_only=True):
                found.add(f"{name}: header {header} is {_short(other)}, recorded {_short(one)}")
    return found


def _translate(value: Value, translate: Mapping[str, str]) -> Value:
    """A value with the simulated uuids replaced by the recorded ones."""
    if isinstance(value, list):
        return [_replace(one, translate) for one in value]
    return _replace(value, translate)


def _replace(value: str, translate: Mapping[str, str]) -> str:
    return _UUID.sub(lambda match: translate.get(match[0], match[0]), value)


def _both_random(one: Value, other: Value) -> bool:
    """Two uuids that stand for no leg are as good as equal."""
    return isinstance(one, str) and isinstance(other, str) and bool(_UUID.fullmatch(one) and _UUID.fullmatch(other))


def _short(value: Value) -> str:
    shown = repr(value)
    return shown if len(shown) <= 120 else shown[:117] + "…'"


def _compare_answers(recording: Recording, replayed: Replayed, pairs: Mapping[str, str], rules: Rules) -> set[str]:
    expected = [item.data for item in recording.items if item.kind == "answer"]
    translate = {actual: uuid for uuid, actual in pairs.items()}
    found: set[str] = set()
    for number, (one, other) in enumerate(zip(expected, replayed.answers, strict=False), 1):
        left, right = _dump(one), _dump(other)
        if left is not None and right is not None:
            found |= {f"answer {number}: {line}" for line in _compare_headers(left, right, translate, rules)}
        elif _answer_text(one, {}) != _answer_text(other, translate):
            found.add(f"answer {number}: {_answer_short(other)}, recorded {_answer_short(one)}")
    if len(expected) != len(replayed.answers):
        found.add(f"{len(replayed.answers)} answers, {len(expected)} recorded")
    return found


def _dump(answer: bytes) -> Event | None:
    """The event that `uuid_dump … json` answered with, if this is such an answer."""
    body = answer.partition(b"\n\n")[2]
    if not body.startswith(b'{"Event-Name":"CHANNEL_DATA"'):
        return None
    event: Event = json.loads(body)
    return event


def _answer_text(answer: bytes, translate: Mapping[str, str]) -> str:
    """An answer without what varies: unknown uuids and times."""
    plain = _replace(answer.decode("utf-8", "replace"), translate)
    plain = _UUID.sub("<uuid>", plain)
    plain = re.sub(r"UP \d+ years.*microseconds?", "UP <time>", plain)
    plain = re.sub(r"\b1[78]\d{8}\b", "<epoch>", plain)
    plain = re.sub(r'"hostname":"[^"]*"', '"hostname":"<host>"', plain)
    plain = re.sub(r"EXP\([^)]*\) EXPSECS\(\d+\)", "EXP(<time>)", plain)
    if plain.startswith("Content-Type: api/response"):
        plain = re.sub(r"Content-Length: \d+", "Content-Length: <n>", plain, count=1)
    return plain


def _answer_short(answer: bytes) -> str:
    return _short(answer.decode("utf-8", "replace").partition("\n\n")[2] or answer.decode("utf-8", "replace"))
