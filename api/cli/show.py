"""What a person sees: one call going through, step by step, and what to try next (a program of `mirliton run`)."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Final

from mirliton.api.cli.client import Control
from mirliton.api.cli.demo import ADMIN, REALM, kept_password
from mirliton.api.cli.errors import CommandError, NotRunning
from mirliton.config import Settings
from mirliton.supervisors.node_heartbeat import Heartbeat

NODE_TIMEOUT: Final = 30.0
CALL_TIMEOUT: Final = 60.0
CDR_TIMEOUT: Final = 15.0


def main(heartbeat: Heartbeat, settings: Settings) -> int:
    """Wait for the node, show a call, print what to try; the exit status. Runs once."""
    heartbeat.ready()
    try:
        _wait_for_node(settings)
        say("")
        say(f"  API      http://{settings.api.host}:{settings.api.port}/v2   user {ADMIN}, account name demo")
        say(f"  password {kept_password(settings.node.state_dir)}")
        if settings.metrics.enabled:
            say(f"  metrics  http://{settings.metrics.host}:{settings.metrics.port}/metrics")
        say("")
        if settings.simulator.enabled:
            show_call(settings, "alice", "1002", seconds=3.0)
        say_what_next()
    except CommandError as error:
        sys.stderr.write(f"mirliton: {error}\n")
        return os.EX_TEMPFAIL
    return os.EX_OK


def show_call(settings: Settings, caller: str, number: str, *, seconds: float, digits: str = "") -> str:
    """Place a call on the simulated switch and print what becomes of it; returns the hangup cause."""
    path = settings.control_socket
    script: list[dict[str, Any]] = [{"do": "await_answer"}]
    if digits:
        script.append({"do": "digits", "text": digits, "after": 2.0})
    script.append({"do": "hang_up", "after": seconds})
    with Control(path, CALL_TIMEOUT) as events, Control(path) as control:
        news = events.follow()
        request = {
            "do": "call",
            "from": f"{caller}@{REALM}",
            "to": number,
            "name": caller.capitalize(),
            "context": settings.ecallmgr.freeswitch_context,
            "script": script,
        }
        say(f"  {caller} calls {number} …")
        placed = control.ask("simulator", switch=settings.simulator.name, request=request)
        call_id = placed["uuid"]
        legs = {call_id: caller}
        cause = ""
        for event in news:
            _learn(legs, call_id, event)
            if event["call_id"] not in legs:
                continue
            line = _told(event, legs)
            if line:
                say(f"    {line}")
            if event["event"] == "CHANNEL_DESTROY" and event["call_id"] == call_id:
                cause = str(event["cause"])
                break
        _show_records(control, list(legs))
        say("")
        return cause


def _learn(legs: dict[str, str], call_id: str, event: dict[str, Any]) -> None:
    """A leg that is bridged to a known one, or that was called for it, belongs to the call."""
    if event["direction"] == "outbound" and event["call_id"] not in legs and event["other_leg"] in legs:
        legs[event["call_id"]] = str(event["to"] or event["callee"] or "the other phone")


def _told(event: dict[str, Any], legs: dict[str, str]) -> str:
    who = legs[event["call_id"]]
    outbound = event["direction"] == "outbound"
    match event["event"]:
        case "CHANNEL_PARK":
            return "the switch parks the call; a call actor and an executor take it"
        case "CHANNEL_CREATE" if outbound:
            return f"{who} is called"
        case "CHANNEL_PROGRESS" if outbound:
            return f"{who} rings"
        case "CHANNEL_ANSWER" if outbound:
            return f"{who} answers"
        case "CHANNEL_ANSWER":
            return f"{who} is answered"
        case "CHANNEL_BRIDGE" if not outbound:
            return f"they talk ({who} and {legs.get(str(event['other_leg']), 'the other')})"
        case "DTMF":
            return f"{who} presses a key"
        case "CHANNEL_DESTROY":
            return f"{who}'s leg has ended: {event['cause']}"
    return ""


def _show_records(control: Control, call_ids: list[str]) -> None:
    deadline = time.monotonic() + CDR_TIMEOUT
    records: list[dict[str, Any]] = []
    while time.monotonic() < deadline:
        records = control.ask("cdrs", call_ids=call_ids)
        if len(records) == len(call_ids):
            break
        time.sleep(0.1)
    say(f"  the store has {len(records)} CDRs, one per leg:")
    for record in records:
        say(
            f"    {record.get('call_direction', ''):8} {record.get('caller_id_number', ''):>8} → "
            f"{record.get('caller_destination_number', ''):10} {record.get('billing_seconds', 0)} s billed  "
            f"{record.get('hangup_cause', '')}  {record['id']}"
        )


def say_what_next() -> None:
    """What to try, in another terminal."""
    say("  Try next, in another terminal (the command is .venv/bin/mirliton here):")
    say("    mirliton call alice 2000          ring everybody; carol is busy")
    say("    mirliton call bob 3000 --digits 1 the menu, and then alice")
    say("    mirliton tree                     every process and what it supervises")
    say("    mirliton kill channels            kill the channel table (or any process); calls go on")
    say("    mirliton explain channels         what was killed, why, and what came back")
    say("  Ctrl-C here stops everything in order.")
    say("")


def _wait_for_node(settings: Settings) -> None:
    deadline = time.monotonic() + NODE_TIMEOUT
    while True:
        try:
            with Control(settings.control_socket, 5.0) as control:
                control.ask("status")
                if not settings.simulator.enabled or _registered(control, settings):
                    return
        except CommandError:
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise NotRunning(str(settings.control_socket))
        time.sleep(0.1)


def _registered(control: Control, settings: Settings) -> bool:
    listed = control.ask("simulator", switch=settings.simulator.name, request={"do": "list"})
    return bool(listed["phones"])


def say(text: str) -> None:
    """Print a line for a person."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
