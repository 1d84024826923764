"""What the command line prints: plain text, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mirliton.supervisors.chaos.report import ms, report_text


def tree(branch: dict[str, Any]) -> str:
    """A supervision tree as a picture."""
    return "\n".join(_lines(branch, "", ""))


def _lines(branch: dict[str, Any], first: str, rest: str) -> Iterator[str]:
    name = (branch.get("names") or [branch["id"]])[0]
    facts = [name, branch.get("class", ""), branch["pid"] or ""]
    if branch["status"] != "waiting":
        facts.append(branch["status"])
    if branch.get("mailbox_length"):
        facts.append(f"{branch['mailbox_length']} messages waiting")
    if branch.get("restarts"):
        facts.append(f"restarted {branch['restarts']} times")
    yield first + "  ".join(filter(None, facts))
    children = branch.get("children", [])
    for child in children:
        last = child is children[-1]
        yield from _lines(child, f"{rest}{'└─ ' if last else '├─ '}", f"{rest}{'   ' if last else '│  '}")


def table(facts: dict[str, Any]) -> str:
    """Facts, a line each."""
    width = max(map(len, facts), default=0)
    return "\n".join(f"{key:{width}}  {_text(value)}" for key, value in facts.items())


def anything(answer: Any) -> str:
    """A text as it is, facts a line each, a list of facts with blank lines between, other lists an item a line."""
    match answer:
        case str():
            return answer
        case dict():
            return table(answer)
        case [dict(), *_]:
            return "\n\n".join(map(anything, answer))
        case list():
            return "\n".join(map(_text, answer))
    return _text(answer)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of as many texts each, under one another."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def processes(picture: dict[str, Any]) -> str:
    """The nodes of a host, a line each, and the host itself below them."""
    rows = [["NODE", "STATE", "PID", "SECONDS", "STARTS", "MEMORY", ""], *map(_process, picture["nodes"])]
    host = picture["host"]
    return "\n".join([columns(rows), "", f"host {host['state']}, pid {host['os_pid']}: {host['status']}"])


def _process(node: dict[str, Any]) -> list[str]:
    memory = "-" if node["memory"] is None else f"{node['memory'] / 2**20:.0f} MB"
    notes = [f"waits for {', '.join(node['waits_for'])}"] if node["waits_for"] else []
    notes += [f"starts in {node['to_start_in']:g} s"] if node["to_start_in"] is not None else []
    notes += [f"to be restarted: {node['to_restart']}"] if node["to_restart"] else []
    notes += [f"before: {node['previous']}"] if node["previous"] else []
    facts = [node["name"], node["state"], _text(node["os_pid"]), f"{node['seconds']:.0f}", str(node["starts"]), memory]
    return [*facts, "; ".join(notes)]


def explanation(answer: dict[str, Any]) -> str:
    """What happened to a child of a supervisor: its history, or the dossier of a process that is gone."""
    if "explanation" in answer:
        return f"supervised by {answer['supervisor']}\n{table(answer['explanation'])}"
    lines = [f"{answer['process']} is supervised by {answer['supervisor']}"]
    for entry in answer["history"]:
        facts = [entry["when"], entry["event"], entry["pid"] or ""]
        facts += [f"reason {entry['reason']}"] if entry["reason"] else []
        facts += [f"sent by {entry['sent_by']}"] if entry.get("sent_by") else []
        facts += [f"so: {entry['action']}"] if entry["action"] else []
        facts += [f"dossier {entry['dossier']}"] if entry["dossier"] else []
        lines.append("  " + "  ".join(filter(None, facts)))
    return "\n".join(lines)


def dossiers(found: list[dict[str, Any]]) -> str:
    """Crashes, newest last."""
    return "\n\n".join(table({key: value for key, value in dossier.items() if value}) for dossier in found) or (
        "no process has crashed"
    )


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{key}={_text(item)}" for key, item in value.items()) or "-"
    return "-" if value is None else str(value)


def chaos_event(event: dict[str, Any]) -> str:
    """One line of a run of chaos; empty for what is in the report anyway."""
    match event["event"]:
        case "begun":
            return f"{event['plan']}, seed {event['seed']}"
        case "hit":
            return f"{event['at']:8.2f} s  {event['how']} {event['target']} ({event['class']} {event['pid']})"
        case "back":
            return f"{'':10}  {event['target']} is back after {ms(event['took'])}"
        case "lost" | "gone" | "unmoved":
            note = f": {event['note']}" if event.get("note") else ""
            return f"{'':10}  {event['target']} is {event['event']}{note}"
        case "failed":
            return f"{'':10}  this did not hold: {event['invariant']}"
        case "going_on":
            return f"{event['seconds']:8.2f} s  {event['state']}: {event['hits']} hits, {event['down']} down"
        case _:
            return ""


def chaos_preview(preview: dict[str, Any]) -> str:
    """What a plan would hit."""
    lines = [f"{preview['plan']}, seed {preview['seed']}, if all stays as it is now:"]
    for strike in preview["strikes"]:
        said = strike.get("would_hit")
        said = f"{said} ({strike['class']} {strike['pid']})" if said else f"held back: {strike['held_back']}"
        lines.append(f"{strike['at']:8.2f} s  {strike['how']} {said}")
    for group in preview["groups"]:
        lines.append(f"{group['group']}: {group['fits']} fit, {group['may_be_hit']} may be hit")
        lines += [f"  not {target}: {why}" for target, why in group["spared"].items()]
    return "\n".join(lines)


def chaos_report(report: dict[str, Any]) -> str:
    """What came of a run of chaos."""
    return report_text(report)
