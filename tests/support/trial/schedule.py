"""What is done, when and to whom: something every few seconds, by a seed, written as plans for `mirliton chaos`."""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trial.ground import API, NODES

EVERY: Final = 3.0
BROKER_FIRST: Final = 60.0
BROKER_EVERY: Final = 180.0
SHARES: Final = {
    "actors": 25,
    "kill": 25,
    "stall": 5,
    "stop": 8,
    "long stop": 5,
    "drop": 8,
    "cut": 6,
    "hang": 6,
    "long hang": 3,
    "half_open": 4,
    "delay": 5,
}
"""How often each is drawn."""
TARGETS: Final = {"ecallmgr1": 2, "ecallmgr2": 3, "whapps1": 2, "whapps2": 3, API: 1}
"""How often each node is. Some live longer, so that a slow growth of their memory shows."""
HOW: Final[dict[str, dict[str, Any]]] = {
    "kill": {"what": "programs", "how": "kill"},
    "stall": {"what": "programs", "how": "stall", "for": 60.0},
    "stop": {"what": "programs", "how": "stop", "for": 1.0},
    "long stop": {"what": "programs", "how": "stop", "for": 3.6},
    "drop": {"what": "connections", "how": "drop"},
    "cut": {"what": "connections", "how": "cut", "for": 2.0},
    "hang": {"what": "connections", "how": "hang", "for": 2.0},
    "long hang": {"what": "connections", "how": "hang", "for": 8.0},
    "half_open": {"what": "connections", "how": "half_open", "for": 3.0},
    "delay": {"what": "connections", "how": "delay", "delay": 0.05, "jitter": 0.05, "for": 3.0},
    "broker": {"what": "services", "how": "restart"},
}
"""A long stop outlasts the lease and not the stall bound; a long hang outlasts both the silence and the lease."""
RETURNED_WITHIN: Final = 60.0


@dataclass(frozen=True)
class Blow:
    """One thing that is done; `at` in seconds from the begin."""

    at: float
    kind: str
    target: str


def blows(duration: float, seed: int) -> list[Blow]:
    """All of them, in order."""
    return list(_blows(duration, random.Random(f"trial {seed}")))


def _blows(duration: float, chance: random.Random) -> Iterator[Blow]:
    at, broker = EVERY, BROKER_FIRST
    while at < duration:
        kind = chance.choices(list(SHARES), list(SHARES.values()))[0]
        target = chance.choices(list(TARGETS), list(TARGETS.values()))[0]
        if at >= broker:
            broker += BROKER_EVERY
            yield Blow(at, "broker", "broker")
        else:
            yield Blow(at, kind, target)
        at += EVERY


def outer_plan(all_blows: list[Blow], duration: float, seed: int, folder: Path) -> str:
    """The plan, as TOML, of all that is done from outside of the nodes."""
    moments: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for blow in all_blows:
        if blow.kind != "actors":
            moments[blow.kind, blow.target].append(blow.at)
    lines = [f'name = "the long trial"\nseed = {seed}\nduration = {duration + EVERY}\n']
    for (kind, target), at in moments.items():
        lines.append(f'[[attack]]\nname = "{kind}"\nnames = ["{target}"]\nat = {at}\n')
        lines += [f"{key} = {value!r}\n".replace("'", '"') for key, value in HOW[kind].items()]
    lines.append("[guard]\nat_once = 3\nstop_on_failure = false\n")
    lines.append(f"[invariants]\nreturned_within = {RETURNED_WITHIN}\nsettle = 0.0\n[proxies]\n")
    lines += [f'{name} = "{folder / f"{name}.proxy"}"\n' for name in NODES]
    hand = Path(__file__).with_name("broker_hand.py")
    command = [sys.executable, str(hand), str(folder / "broker.hand")]
    lines.append(f"[services.broker]\nrestart = {command!r}\ntimeout = 90.0\n".replace("'", '"'))
    return "".join(lines)


ACTORS: Final[list[dict[str, Any]]] = [
    {"names": ["call:*"], "beyond_intensity": True, "label": "call"},
    {"names": ["call:*"], "above": True, "beyond_intensity": True, "label": "call_supervisor"},
    {"names": ["cf_exe:*"], "beyond_intensity": True, "label": "executor"},
    {"names": ["account:*"], "label": "account"},
    {"names": ["queue:*"], "label": "queue"},
    {"names": ["agent:*"], "label": "agent"},
    {"names": ["switch:*"], "label": "connection"},
    {"names": ["service:store"], "label": "store"},
    {"names": ["service:cdr"], "label": "cdr"},
    {"names": ["service:channels"], "label": "channels"},
    {"names": ["service:switch_http"], "label": "switch_http"},
    {"names": ["service:registrar"], "label": "registrar"},
    {"names": ["service:callflow"], "label": "callflow"},
]


def actor_plan(seed: int) -> dict[str, Any]:
    """A short plan for the processes of one node: four of whatever kinds it has."""
    return {
        "name": "actors",
        "seed": seed,
        "duration": 2.0,
        "attack": [{"among": ACTORS, "every": 0.25, "count": 4}],
        "guard": {"at_once": 4, "stop_on_failure": False},
        "invariants": {"returned_within": 10.0, "no_leaks": False, "settle": 0.0},
    }
