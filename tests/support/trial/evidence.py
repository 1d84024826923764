"""What is found when all is over: how each call ended, as its phone saw it; the record of each leg; what only two of
one entity could have done."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mirliton.actors.store import Document, SqliteStore
from trial.ground import SWITCHES
from trial.mixture import BY_NAME, RETRYABLE
from trial.town import LIMIT, LIMITED

PAGE: Final = 2000
Facts = dict[str, Any]


@dataclass
class Calls:
    """How they ended."""

    placed: Counter[str] = field(default_factory=Counter)
    by_us: list[str] = field(default_factory=list)
    """Answered calls that the phone did not end, and calls that were refused for good though they were fine."""
    stuck: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    """New calls that were refused with a cause after which one tries again, by cause."""


@dataclass
class Records:
    """Records against legs."""

    legs: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    of_nobody: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    """Those that say something else than what happened."""


@dataclass
class Doubles:
    """What there is only if an entity was active twice, or none of it."""

    agents: list[str] = field(default_factory=list)
    """An agent in two conversations at once: two of the agent, or of its queue."""
    over_limit: list[str] = field(default_factory=list)
    """More calls at once than the account may have: two of the account."""
    most_limited: int = 0
    messages: list[str] = field(default_factory=list)
    """Messages that were left and are not there, or are there twice."""


def read(folder: Path, what: str, switches: Sequence[str] = SWITCHES) -> list[Facts]:
    """What these have written down of "calls" or "legs"."""
    return [json.loads(line) for name in switches for line in (folder / f"{name}.{what}").read_text().splitlines()]


def judge_calls(calls: Iterable[Facts]) -> Calls:
    """Whoever hung up before its phone did."""
    found = Calls()
    for call in calls:
        kind = BY_NAME[call["kind"]]
        found.placed[kind.name] += 1
        told = f"{kind.name} {call['uuid']}: {call['cause']} after {call['ended'] - call['began']:.1f} s"
        if call["stuck"]:
            found.stuck.append(told)
        elif call["by_phone"] or call["cause"] in kind.ours:
            continue
        elif not call["answered"] and call["cause"] in RETRYABLE:
            found.refused[call["cause"]] += 1
        else:
            found.by_us.append(told)
    return found


def judge_records(legs: list[Facts], calls: list[Facts], records: list[Document]) -> Records:
    """One record of each leg, of nothing else, and it says what was."""
    found = Records(len(legs))
    kinds = {call["uuid"]: BY_NAME[call["kind"]] for call in calls if call["by_phone"] and not call["stuck"]}
    by_leg = {leg["uuid"]: leg for leg in legs}
    counts = Counter(str(record["call_id"]) for record in records)
    found.lost = sorted(by_leg.keys() - counts.keys())
    found.of_nobody = sorted(counts.keys() - by_leg.keys())
    found.doubled = sorted(call_id for call_id, count in counts.items() if count > 1)
    for record in records:
        leg = by_leg.get(str(record["call_id"]))
        if leg is None:
            continue
        said = (str(record.get("call_direction")), str(record.get("hangup_cause")))
        kind = kinds.get(leg["of"])
        if record.get("pvt_provisional"):
            found.strange.append(f"{leg['uuid']} is provisional still")
        elif kind is not None and kind.records and said not in kind.records:
            found.strange.append(
                f"{kind.name} {leg['uuid']} says {said}; the switch: {leg['cause']} {leg['disposition']}"
            )
    return found


def judge_doubles(legs: list[Facts], calls: list[Facts], messages: dict[str, Counter[str]]) -> Doubles:
    """`messages` counts those of each account by the call that left them."""
    found = Doubles()
    talks: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for leg in legs:
        if leg["phone"].startswith("agent") and leg["direction"] == "outbound" and leg["answered"]:
            talks[leg["phone"]].append((leg["answered"], leg["ended"]))
    for phone, spans in talks.items():
        if (most := _at_once(spans)) > 1:
            found.agents.append(f"{phone} was in {most} conversations at once")
    ends = {leg["uuid"]: leg for leg in legs}
    limited = [
        (ends[call["uuid"]]["answered"], ends[call["uuid"]]["ended"])
        for call in calls
        if call["account"] == LIMITED.account_id and ends[call["uuid"]]["answered"]
    ]
    found.most_limited = _at_once(limited)
    if found.most_limited > LIMIT:
        found.over_limit.append(f"{found.most_limited} calls at once, {LIMIT} are allowed")
    for call in calls:
        count = messages.get(call["account"], Counter())[call["uuid"]]
        if count > 1:
            found.messages.append(f"{call['uuid']} left {count} messages")
        if call["spoke"] and not count:
            found.messages.append(f"the message of {call['uuid']} is not there")
    return found


def _at_once(spans: list[tuple[float, float]]) -> int:
    """The most that overlap. One that ends when another begins does not overlap with it."""
    moments = sorted([(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans], key=lambda each: each)
    most = now = 0
    for _, step in moments:
        now += step
        most = max(most, now)
    return most


async def records_in(store: SqliteStore) -> list[Document]:
    """Every record there is, in whatever database."""
    return [doc async for doc in _documents(store) if doc.get("pvt_type") == "cdr"]


async def messages_in(store: SqliteStore) -> dict[str, Counter[str]]:
    """The messages of each account, by the call that left them."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    async for doc in _documents(store):
        if doc.get("pvt_type") == "mailbox_message":
            call_id = doc["metadata"].get("call_id") or ""
            found[str(doc["pvt_account_id"])][str(call_id)] += 1
    return found


async def _documents(store: SqliteStore) -> AsyncIterator[Document]:
    for db in await store.databases():
        if db != "anonymous_cdrs" and not (db.startswith("account/") and "-" in db):
            continue
        after = ""
        while True:
            rows = (await store.all_docs(db, include_docs=True, startkey=after, limit=PAGE)).rows
            fresh = [row for row in rows if row.id != after]
            for row in fresh:
                if row.doc is not None:
                    yield row.doc
            if len(rows) < PAGE:
                break
            after = str(fresh[-1].id)
