"""Every field of each callflow action's schema is read by the action, or it is said here why it has no meaning."""

from __future__ import annotations

import ast
import importlib
import inspect
from functools import cache

import pytest

from mirliton.config import schema
from mirliton.whapps.callflow.actions import ACTIONS

TEXTS = "phones are rung and not sent texts"
MESSAGE = "the kind that the message to stepswitch says; carriers are asked for calls and nothing else"
WITHOUT_MEANING: dict[tuple[str, str], str] = {
    ("device", "can_text_self"): TEXTS,
    ("user", "can_text_self"): TEXTS,
    ("route_to_cid", "can_text_self"): TEXTS,
    ("offnet", "resource_type"): MESSAGE,
    ("resources", "resource_type"): MESSAGE,
    **{
        (action, field): reason
        for action in ("conference", "conference_feature")
        for field, reason in {
            "config": "a conference has a document: its actor and its successors read that",
            "play_entry_tone": "all who come are announced alike, as the conference's document says",
            "play_exit_tone": "all who leave are announced alike, as the conference's document says",
        }.items()
    },
}
"""Action and field, and the reason."""
IN_THE_EXECUTOR = frozenset({"skip_module"})
PACKAGE = "mirliton.whapps.callflow"


@cache
def read_by(module: str) -> frozenset[str]:
    """The texts that a module of callflow, or another of callflow that it imports, has as literals."""
    found: set[str] = set()
    seen, ahead = set(), [module]
    while ahead:
        name = ahead.pop()
        if name in seen or name in (PACKAGE, f"{PACKAGE}.executor", f"{PACKAGE}.actions"):
            continue
        seen.add(name)
        tree = ast.parse(inspect.getsource(importlib.import_module(name)))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                found.add(node.value)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
                parts = [node.module or "", *(f"{node.module}.{each.name}" for each in node.names)]
                ahead += [each for each in parts if _is_module(each)]
    return frozenset(found)


@cache
def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def fields() -> list[tuple[str, str]]:
    found = []
    for name in sorted(ACTIONS):
        properties = schema(f"callflows.{name}").get("properties", {})
        found += [(name, field) for field in sorted(properties)]
    return found


@pytest.mark.parametrize(("name", "field"), fields(), ids=str)
def test_an_action_reads_each_field_of_its_schema(name: str, field: str) -> None:
    reads = field in IN_THE_EXECUTOR or field in read_by(f"{PACKAGE}.actions.{name}")
    assert reads is ((name, field) not in WITHOUT_MEANING)
