"""A plan is data: what it may say, and how wrong ones are told, all at once and where."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from mirliton.supervisors.chaos import Attack, Guard, Invariants, Pick, Plan, PlanError, Service, load_plan, read_plan
from mirliton.supervisors.chaos.plan import key_of

WHOLE = """
name = "calls"
seed = 7
duration = 30.0

[[attack]]
name = "one of many"
rate = 2.0
count = 100
each = 2
among = [
    { names = ["call:*"], label = "calls" },
    { kinds = ["Executor"], beyond_intensity = true },
    { names = ["account:*"], above = true },
]

[[attack]]
names = ["service:api"]
below = "supervisor:mirliton"
how = "suspend"
for = 2.5
at = [1, 2.5]

[guard]
never = ["service:store"]
at_once = 3
stop_on_failure = false

[invariants]
returned_within = 0.5
may_give_up = ["Supervisor"]
checks = ["switches"]
"""
EACH_WRONG: list[tuple[Any, list[str]]] = [
    (7, ["the plan is 7, but the plan must be a table"]),
    ({}, ["attack must be 1 to 100 tables, each headed [[attack]]"]),
    ({"attack": {}}, ["attack must be 1 to 100 tables, each headed [[attack]]"]),
    ({"attack": [3]}, ["attack.0 is 3, but must be a table"]),
    ({"attack": [{}]}, ["attack.0.rate must be given, or every, or at: exactly one of them"]),
    (
        {"attack": [{"rate": 1.0, "every": 1.0}]},
        ["attack.0.rate is 'rate, every', but must be given, or every, or at: exactly one of them"],
    ),
    ({"attack": [{"rate": 0}]}, ["attack.0.rate is 0, but must be a number from 0.0001 to 1000"]),
    ({"attack": [{"rate": float("nan")}]}, ["attack.0.rate is nan, but must be a number from 0.0001 to 1000"]),
    ({"attack": [{"rate": True}]}, ["attack.0.rate is True, but must be a number from 0.0001 to 1000"]),
    (
        {"attack": [{"at": [1, "2"]}]},
        ["attack.0.at is [1, '2'], but must be a list, each of which must be a number from 0 to 86400"],
    ),
    (
        {"attack": [{"rate": 1.0, "names": "call:*"}]},
        ["attack.0.names is 'call:*', but must be a list of at most 1000"],
    ),
    ({"attack": [{"rate": 1.0, "how": "stop"}]}, ["must be one of 'kill', 'exit', 'suspend', 'stall' for processes"]),
    (
        {"attack": [{"rate": 1.0, "how": "kil"}]},
        ["attack.0.how is 'kil', but must be one of 'kill', 'exit', 'suspend', 'stall', 'stop', 'drop', 'cut',"],
    ),
    ({"attack": [{"rate": 1.0, "how": "exit", "reason": "kill"}]}, ["attack.0.reason is 'kill', but must be another"]),
    ({"attack": [{"rate": 1.0, "what": "programs", "kinds": ["X"]}]}, ["attack.0.among.0 must pick programs by names"]),
    (
        {"attack": [{"rate": 1.0, "what": "connections", "how": "delay"}]},
        ["attack.0.delay must be above 0, or jitter"],
    ),
    (
        {"attack": [{"rate": 1.0, "what": "connections", "how": "throttle"}]},
        ["attack.0.bytes_per_second must be given"],
    ),
    (
        {"attack": [{"rate": 1.0, "what": "services", "how": "kill"}]},
        ["attack.0.how is 'kill', but must be one of 'restart' for services"],
    ),
    (
        {"attack": [{"rate": 1.0}], "services": {"broker": {"restart": [], "answers": "here"}}},
        [
            "services.broker.restart must be a command and its words",
            "services.broker.answers is 'here', but must be host:port",
        ],
    ),
    (
        {"attack": [{"rate": 1.0}], "services": {"broker": {"start": ["x"]}}},
        ["services.broker.start is not a key of a plan here (did you mean restart?)"],
    ),
    ({"attack": [{"rate": 1.0}], "proxies": {"broker": 7}}, ["proxies.broker is 7, but must be text of one line"]),
    ({"attack": [{"rate": 1.0}], "proxies": []}, ["proxies is [], but must be a table"]),
    (
        {"attack": [{"rate": 1.0, "names": ["a:b"], "among": [{}]}]},
        ["attack.0.names must stand in the tables of among, where there are any"],
    ),
    ({"attack": [{"rate": 1.0, "among": []}]}, ["attack.0.among is [], but must be a list of tables"]),
    (
        {"attack": [{"rate": 1.0, "among": [{"name": ["a:b"]}]}]},
        ["attack.0.among.0.name is not a key of a plan here (did you mean names?)"],
    ),
    (
        {"attack": [{"rate": 1.0, "seconds": 2}]},
        ["attack.0.seconds is not a key of a plan here"],
    ),
    ({"attack": [{"rate": 1.0}], "gard": {}}, ["gard is not a key of a plan here (did you mean guard?)"]),
    ({"attack": [{"rate": 1.0}], "guard": 1}, ["guard is 1, but must be a table"]),
    (
        {"attack": [{"rate": 1.0}], "guard": {"at_once": 0}},
        ["guard.at_once is 0, but must be a whole number from 1 to 100000"],
    ),
    ({"attack": [{"rate": 1.0}], "seed": -1}, ["seed is -1, but must be a whole number from 0"]),
    ({"attack": [{"rate": 1.0}], "name": "a\nb"}, ["name is 'a\\nb', but must be text of one line"]),
]


def test_a_whole_plan_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(WHOLE)
    groups = (
        Pick(names=("call:*",), label="calls"),
        Pick(kinds=("Executor",), beyond_intensity=True),
        Pick(names=("account:*",), above=True),
    )
    second = Attack(
        (Pick(names=("service:api",), below="supervisor:mirliton"),), how="suspend", seconds=2.5, at=(1.0, 2.5)
    )
    assert load_plan(path) == Plan(
        (Attack(groups, "one of many", rate=2.0, count=100, each=2), second),
        "calls",
        7,
        30.0,
        Guard(("service:store",), 3, stop_on_failure=False),
        Invariants(returned_within=0.5, may_give_up=("Supervisor",), checks=("switches",)),
    )


@pytest.mark.parametrize(("data", "said"), EACH_WRONG)
def test_what_cannot_be_meant_is_told_with_where_it_stands(data: Any, said: list[str]) -> None:
    with pytest.raises(PlanError) as raised:
        read_plan(data)
    found = [str(problem) for problem in raised.value.problems]
    assert len(found) == len(said), found
    for line, expected in zip(found, said, strict=True):
        assert expected in line


def test_all_problems_are_told_at_once() -> None:
    attacks = [{"rate": 1.0, "how": "stop"}, {"every": -1}, {"at": [1.0], "colour": "red"}]
    with pytest.raises(PlanError) as raised:
        read_plan({"attack": attacks, "guard": {"never": 5}, "invariants": {"every": 0}, "seed": "x"}, "p.toml")
    places = [problem.where for problem in raised.value.problems]
    assert places == [
        f"p.toml: {where}"
        for where in ("seed", "guard.never", "invariants.every", "attack.0.how", "attack.1.every", "attack.2.colour")
    ]
    assert "6 things in the plan cannot be meant" in str(raised.value)


def test_a_plan_made_in_python_is_held_to_the_same() -> None:
    with pytest.raises(PlanError, match=r"attack\.0\.rate is 5000\.0, but must be from 0\.0001 to 1000"):
        Plan((Attack(rate=5000.0),))
    with pytest.raises(PlanError, match=r"attack\.0\.how is 'explode'"):
        Plan((Attack(rate=1.0, how="explode"),))  # type: ignore[arg-type] # what the test is about


@pytest.mark.parametrize(
    ("content", "said"), [(b"attack = [", "is not TOML"), (b"\xff", "is not TOML"), (b"#" * 2_000_000, "at most")]
)
def test_a_file_that_is_no_toml_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_bytes(content)
    with pytest.raises(PlanError, match=said):
        load_plan(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"none\.toml cannot be read: No such file"):
        load_plan(tmp_path / "none.toml")


def documented(root: Path) -> list[str]:
    """The plans in TOML on the page."""
    blocks = re.findall(r"```toml\n(.*?)```", (root / "docs" / "chaos.md").read_text(), re.DOTALL)
    return [block for block in blocks if "[[attack]]" in block]


def test_the_plans_of_the_page_can_be_meant(root: Path) -> None:
    processes, outside = (read_plan(tomllib.loads(block)) for block in documented(root))
    assert (processes.whats, outside.whats) == ({"processes"}, {"programs", "connections", "services"})


def test_the_page_shows_every_key_with_its_default(root: Path) -> None:
    shown, outside = (
        re.findall(r"^(?:# )?(\w+) = ([^#\n]+?)\s*(?:#|$)", block, re.MULTILINE) for block in documented(root)
    )
    keys = {key for key, _ in shown + outside}
    parts = (Plan, Attack, Pick, Guard, Invariants, Service)
    tables = {"attack", "guard", "invariants", "proxies", "services"}
    known = {key_of(each.name) for part in parts for each in fields(part)} - tables
    assert known - keys == {"label"}, "label is shown in a table of among"
    for part in (Guard, Invariants):
        for each in fields(part):
            text = [value for key, value in shown if key == each.name][-1]  # after those of attacks
            default = list(each.default) if isinstance(each.default, tuple) else each.default
            given = tomllib.loads(f"value = {text}")["value"]
            assert given == default or each.name == "never", each.name
