"""What the command line prints: plain text, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


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
