"""Carriers: what a resource's document says, with what it leaves out filled in. Kazoo: the documents `resource`.

A resource takes the numbers that one of its `rules` matches, and sends what the rule captures. One with `classifiers`
takes, for each that it has enabled, the numbers of that kind, with a weight and a prefix of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

from mirliton.actors.store import Document
from mirliton.actors.store.documents import is_deleted
from mirliton.whapps.callflow import patterns
from mirliton.whapps.callflow.fields import flag, mapping, number, text
from mirliton.whapps.numbers.rules import LONGEST, NumberRules

WEIGHT: Final = 50
GRACE: Final = 5
MOST_GATEWAYS: Final = 50


@dataclass(frozen=True, slots=True)
class Gateway:
    """One gateway of a resource: its place in the document, and what stands there."""

    index: int
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    """A carrier, or what of it is for one kind of number. `is_global`: for all accounts."""

    id: str
    name: str
    document: Document
    is_global: bool
    weight: int
    flags: frozenset[str]
    requires_flags: bool
    ignores_flags: bool
    emergency: bool
    rules: tuple[str, ...]
    cid_rules: tuple[str, ...]
    gateways: tuple[Gateway, ...]
    grace: float
    prefix: str = ""
    suffix: str = ""
    kind: str | None = None
    """The classifier that it is for; None for one with rules."""

    def takes(self, called: str, rules: NumberRules) -> str | None:
        """What is sent for a number; None where it is not for this carrier."""
        if self.kind is not None and rules.classify(called).name != self.kind:
            return None
        for rule in self.rules:
            found = self._match(rule, called)
            if found is not None:
                root = found[1] if found.re.groups and found[1] is not None else called
                return f"{self.prefix}{root}{self.suffix}"
        if self.kind is not None and not self.rules:
            return f"{self.prefix}{called}{self.suffix}"
        return None

    def takes_caller(self, caller: str) -> bool:
        """Whether it takes calls that show this number."""
        return not self.cid_rules or any(self._match(rule, caller) is not None for rule in self.cid_rules)

    def _match(self, rule: str, subject: str) -> re.Match[str] | None:
        # What an operator wrote for all is run as it is; a tenant's own must not be able to take long.
        if not self.is_global:
            return patterns.match(rule, subject)
        compiled = _compiled(rule)
        return compiled.search(subject) if compiled is not None and len(subject) <= LONGEST else None


def resources_of(docs: Iterable[Document], *, is_global: bool) -> list[Resource]:
    """The carriers that are enabled, each split up by its classifiers."""
    found: list[Resource] = []
    for doc in docs:
        if is_deleted(doc) or doc.get("pvt_type") != "resource" or not flag(doc, "enabled", True):
            continue
        found += _split(_whole(doc, is_global))
    return found


def _whole(doc: Document, is_global: bool) -> Resource:
    gateways = doc.get("gateways")
    listed = gateways[:MOST_GATEWAYS] if isinstance(gateways, list) else []
    return Resource(
        id=str(doc["_id"]),
        name=text(doc, "name") or str(doc["_id"]),
        document=doc,
        is_global=is_global,
        weight=number(doc, "weight_cost", WEIGHT, 0, 100),
        flags=frozenset(_texts(doc, "flags")),
        requires_flags=flag(doc, "require_flags", False),
        ignores_flags=flag(doc, "ignore_flags", False),
        emergency=flag(doc, "emergency", False),
        rules=_texts(doc, "rules"),
        cid_rules=_texts(doc, "cid_rules"),
        gateways=tuple(
            Gateway(index, gateway)
            for index, gateway in enumerate(listed)
            if isinstance(gateway, dict) and flag(gateway, "enabled", True)
        ),
        grace=float(number(doc, "grace_period", GRACE, 1, 20)),
    )


def _split(resource: Resource) -> list[Resource]:
    classifiers = mapping(resource.document, "classifiers")
    if not classifiers:
        return [resource]
    kept = [resource] if resource.rules else []
    for name, spec in classifiers.items():
        if isinstance(spec, dict) and flag(spec, "enabled", True):
            regex = text(spec, "regex")
            kept.append(
                replace(
                    resource,
                    kind=name,
                    rules=(regex,) if regex is not None else (),
                    weight=number(spec, "weight_cost", resource.weight, 0, 100),
                    prefix=text(spec, "prefix") or "",
                    suffix=text(spec, "suffix") or "",
                    emergency=flag(spec, "emergency", resource.emergency),
                )
            )
    return kept


def _texts(doc: Mapping[str, Any], name: str) -> tuple[str, ...]:
    listed = doc.get(name)
    return tuple(one for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()


@lru_cache(maxsize=2048)
def _compiled(rule: str) -> re.Pattern[str] | None:
    try:
        return re.compile(rule, re.ASCII)
    except (re.error, OverflowError, RecursionError):
        return None
