"""The alerting rules: each fires on what it is for and stays silent on what is well, and names only what there is."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from metrics_page import complaints, documented

Series = dict[str, tuple[str, str]]
"""By series (without `instance`), its values where there is trouble and where all is well; one value every 30 s."""
MINUTES: Final = 30
"""For so long the series go on; the alerts are looked at the minute before."""


@dataclass(frozen=True)
class Case:
    """What an alert fires on, and the labels it then has beside `instance` and `severity`."""

    series: Series
    labels: dict[str, str] = field(default_factory=dict)


def growing(series: str, bad: str, good: str = "0") -> Series:
    """A counter that grows by so much every 30 s."""
    return {series: (f"0+{bad}x60", f"0+{good}x60")}


def lasting(series: str, bad: str, good: str = "0") -> Series:
    """A gauge that stays."""
    return {series: (f"{bad}x60", f"{good}x60")}


def slow(series: str, bound: str, good: str) -> Series:
    """A histogram: all values lie just below `bound`, where all is well below `good`."""
    name, _, labels = series.partition("{")
    more = f",{labels}" if labels else "}"
    return {
        f'{name}{{le="{good}"{more}': ("0x60", "0+100x60"),
        f'{name}{{le="{bound}"{more}': ("0+100x60", "0+100x60"),
        f'{name}{{le="+Inf"{more}': ("0+100x60", "0+100x60"),
    }


SOCKET = {"switch": "fs1", "socket": "events"}
CASES: Final = {
    "MirlitonNodeAway": Case(lasting('up{job="mirliton"}', "0", "1"), {"job": "mirliton"}),
    "MirlitonNodeRestarts": Case(
        growing('process_start_time_seconds{job="mirliton"}', "60"),
        {"job": "mirliton"},
    ),
    "MirlitonLoopLags": Case(slow("mirliton_loop_lag_seconds_bucket", "0.25", "0.01")),
    "MirlitonCollectorPauses": Case(slow('mirliton_gc_pause_seconds_bucket{generation="2"}', "0.1", "0.005")),
    "MirlitonHandlerEnded": Case(growing('mirliton_handlers_ended_total{class="Call"}', "1"), {"class": "Call"}),
    "MirlitonRunQueueLong": Case(lasting("mirliton_run_queue", "5000", "3")),
    "MirlitonFilesRunOut": Case(
        lasting('process_open_fds{job="mirliton"}', "900", "100")
        | lasting('process_max_fds{job="mirliton"}', "1024", "1024"),
        {"job": "mirliton"},
    ),
    "MirlitonMessagesSetAside": Case(
        growing('mirliton_entity_set_aside_total{reason="deaths"}', "1"), {"reason": "deaths"}
    ),
    "MirlitonShardsReconnect": Case(growing("mirliton_entity_connects_total", "1")),
    "MirlitonEntityDeadLetters": Case(lasting("mirliton_entity_dead_letters", "2")),
    "MirlitonShardsUnowned": Case(lasting("mirliton_entity_shards_unowned", "3")),
    "MirlitonLeasesLost": Case(growing("mirliton_entity_lease_losses_total", "1")),
    "MirlitonNodeAlone": Case(lasting("mirliton_nodes_up", "0", "3")),
    "MirlitonTakenOverOften": Case(
        growing('mirliton_takeovers_total{application="ecallmgr"}', "1"), {"application": "ecallmgr"}
    ),
    "MirlitonSupervisorGaveUp": Case(
        growing('mirliton_supervisor_gave_up_total{supervisor="call"}', "1"), {"supervisor": "call"}
    ),
    "MirlitonRestarts": Case(
        growing('mirliton_supervisor_restarts_total{supervisor="cdr",child="Listener",reason="crash"}', "2"),
        {"supervisor": "cdr", "reason": "crash"},
    ),
    "MirlitonCrashes": Case(
        growing('mirliton_exited_total{class="Executor",reason="crash"}', "1")
        | growing('mirliton_exited_total{class="Executor",reason="normal"}', "100", "100"),
        {"class": "Executor"},
    ),
    "MirlitonStartsFail": Case(
        growing('mirliton_supervisor_failed_starts_total{supervisor="api",child="metrics"}', "1"),
        {"supervisor": "api", "child": "metrics"},
    ),
    "MirlitonMailboxLong": Case(
        lasting('mirliton_mailbox_longest{class="Channels"}', "6000", "12"), {"class": "Channels"}
    ),
    "MirlitonMailboxFull": Case(
        growing('mirliton_mailbox_full_total{class="Channels",rule="drop_oldest"}', "1"),
        {"class": "Channels", "rule": "drop_oldest"},
    ),
    "MirlitonDeadLetters": Case(growing("mirliton_dead_letters_total", "600", "3")),
    "MirlitonSwitchAway": Case(lasting('mirliton_switch_connected{switch="fs1"}', "0", "1"), {"switch": "fs1"}),
    "MirlitonEventBacklog": Case(
        lasting('mirliton_event_socket_queued{switch="fs1",socket="events"}', "4000", "20"), SOCKET
    ),
    "MirlitonCommandsTimeOut": Case(
        growing('mirliton_event_socket_timed_out_total{switch="fs1",socket="events"}', "2"), SOCKET
    ),
    "MirlitonChannelsRepaired": Case(growing("mirliton_channels_repaired_total", "3")),
    "MirlitonRecordsWait": Case(lasting("mirliton_legs_unrecorded", "900", "4")),
    "MirlitonRecordsLeft": Case(growing("mirliton_records_left_total", "1")),
    "MirlitonLookupsFail": Case(
        growing('mirliton_lookups_total{section="dialplan",outcome="failed"}', "1"), {"section": "dialplan"}
    ),
    "MirlitonCarriersFail": Case(
        {
            "mirliton_offnet_failures_total": ("0+10x60", "0+1x60"),
            "mirliton_offnet_asked_total": ("0+20x60", "0+20x60"),
        }
    ),
    "MirlitonNoCarrier": Case(growing("mirliton_offnet_unroutable_total", "2")),
    "MirlitonMailsWait": Case(lasting("mirliton_mails_waiting", "500", "3")),
    "MirlitonMailsGivenUp": Case(growing("mirliton_mails_given_up_total", "2")),
    "MirlitonApiFaults": Case(
        growing('mirliton_api_requests_total{resource="users",method="GET",status="5xx"}', "20")
        | growing('mirliton_api_requests_total{resource="users",method="GET",status="2xx"}', "100", "100"),
    ),
    "MirlitonCallsRefused": Case(growing('mirliton_routes_overloaded_total{why="delay"}', "10"), {"why": "delay"}),
    "MirlitonApiTurnsAway": Case(growing("mirliton_api_turned_away_total", "60")),
    "MirlitonLoginsGuessed": Case(growing("mirliton_api_logins_failed_total", "60", "2")),
}


@pytest.fixture(scope="module")
def rules_file(root: Path) -> Path:
    return root / "config" / "prometheus" / "mirliton.rules.yml"


@pytest.fixture(scope="module")
def rules(rules_file: Path) -> dict[str, Any]:
    groups = yaml.safe_load(rules_file.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not on the PATH (Debian: apt-get install prometheus)")
    return found


def test_every_expression_names_only_metrics_and_labels_that_there_are(rules: dict[str, Any], root: Path) -> None:
    page = documented(root)
    assert {name: wrong for name, rule in rules.items() if (wrong := complaints(rule["expr"], page))} == {}


def test_what_there_is_not_is_noticed(root: Path) -> None:
    page = documented(root)
    assert complaints('rate(mirliton_exited_total{reason="crash"}[5m])', page) == []
    assert complaints("mirliton_nonsense > 1", page) == ["no metric mirliton_nonsense"]
    assert complaints("mirliton_exited", page) == ["no metric mirliton_exited"]
    assert complaints("mirliton_loop_lag_seconds", page) == ["no metric mirliton_loop_lag_seconds"]
    assert complaints('mirliton_run_queue{class="Call"}', page) == ["mirliton_run_queue has no label class"]
    assert len(complaints("sum by (supervisor) (mirliton_processes)", page)) == 1
    assert len(complaints("mirliton_processes / on (switch) mirliton_mailbox_longest", page)) == 1
    with pytest.raises(ValueError, match="unclosed"):
        complaints("sum by (class mirliton_processes", page)


def test_every_alert_has_a_severity_and_says_what_is_wrong_and_what_to_do(rules: dict[str, Any]) -> None:
    for name, rule in rules.items():
        assert rule["labels"]["severity"] in ("page", "ticket"), name
        known = {"instance", *CASES[name].labels}
        told = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert told <= known, f"{name} tells of {told - known}, which it has not"
        assert len(rule["annotations"]["description"]) > 20, name


def test_every_alert_is_tried(rules: dict[str, Any]) -> None:
    assert set(CASES) == set(rules)


def test_the_rules_are_sound(promtool: str, rules_file: Path) -> None:
    done = subprocess.run([promtool, "check", "rules", str(rules_file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_where_there_is_trouble_and_nowhere_else(
    promtool: str, rules_file: Path, rules: dict[str, Any], tmp_path: Path
) -> None:
    groups = yaml.safe_load(rules_file.read_text())["groups"]
    for group in groups:
        for rule in group["rules"]:
            del rule["annotations"]  # promtool would want each text as it comes out
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))
    tests = [_promtool_test(name, case, rules[name]) for name, case in CASES.items()]
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": tests}))
    done = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _promtool_test(name: str, case: Case, rule: dict[str, Any]) -> dict[str, Any]:
    """The same series on two instances, one in trouble: the alert is to fire for that one."""
    return {
        "name": name,
        "interval": "30s",
        "input_series": [
            {"series": _on(instance, series), "values": values[place]}
            for series, values in case.series.items()
            for place, instance in enumerate(("bad", "good"))
        ],
        "alert_rule_test": [
            {
                "eval_time": f"{MINUTES - 1}m",
                "alertname": name,
                "exp_alerts": [{"exp_labels": {"instance": "bad", **rule["labels"], **case.labels}}],
            }
        ],
    }


def _on(instance: str, series: str) -> str:
    name, _, labels = series.partition("{")
    return f'{name}{{instance="{instance}",{labels}' if labels else f'{name}{{instance="{instance}"}}'
