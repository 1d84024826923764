"""What can be wrong with a setting, a schema's name or a document.

    ConfigError
    ├── SettingsError      the settings do not hold together; lists every SettingProblem at once
    ├── UnknownSchema      no schema of that name is shipped
    └── InvalidDocument    a document broke its schema; lists every ValidationError at once

`SettingProblem` and `ValidationError` are facts, not exceptions: they are collected and shown together.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Step = str | int
"""One step into a document: a key of an object or the index (from 0) in an array."""


class ConfigError(Exception):
    """Base of everything this package raises on bad input."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was most likely meant to be, or None when nothing is close."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """One setting that cannot be used.

    `source` says where it was read (a file's path, or the name of an environment variable), `key` is the
    setting (`api.port`), `value` the text as given (None when there is none to show, as for a secret).
    """

    source: str
    key: str
    expectation: str
    value: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        # A key in a TOML file may hold anything, line breaks and terminal codes too.
        key = self.key if self.key.isprintable() and len(self.key) < 100 else f"{self.key[:100]!a}"
        given = "" if self.value is None else f" is {self.value}, but"
        text = f"{self.source}: {key}{given} {self.expectation}"
        return f"{text} (did you mean {self.hint}?)" if self.hint else text


class SettingsError(ConfigError):
    """The settings cannot be used. `problems` holds all that is wrong, in the order it was found."""

    def __init__(self, problems: Iterable[SettingProblem]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        count = len(self.problems)
        super().__init__(f"{count} setting{'' if count == 1 else 's'} cannot be used:\n{lines}")


class UnknownSchema(ConfigError):
    """`name` is not one of the shipped schemas; `suggestion` is the closest that is, if any is close."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.suggestion = nearest(name, known)
        hint = f" (did you mean {self.suggestion}?)" if self.suggestion else ""
        super().__init__(f"there is no schema named {name!r}{hint}")


@dataclass(frozen=True, slots=True)
class ValidationError:
    """One rule that a document breaks, with the facts that Crossbar shows.

    `path` leads to the field, `rule` is Crossbar's name of the rule (required, type, enum, minLength …), and
    `details` may hold `target` (what the rule asks for), `value` and `cause` (what was given) and `format`.
    Arrays and objects are never repeated in `value`, nor is any field that holds a secret.
    """

    path: tuple[Step, ...]
    rule: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def field(self) -> str:
        """The path as Crossbar writes it: steps joined with dots, a dot inside a key as %2E."""
        return ".".join(str(step).replace(".", "%2E") for step in self.path)

    def body(self) -> dict[str, Any]:
        """What Crossbar puts below the rule's name."""
        return {"message": self.message, **self.details}

    def __str__(self) -> str:
        return f"{self.field or 'the document'}: {self.message} ({self.rule})"


def crossbar_body(errors: Iterable[ValidationError]) -> dict[str, dict[str, dict[str, Any]]]:
    """The `data` of Crossbar's answer 400 (Kazoo reference 5.4): field, then rule, then the rule's facts.

    Of two errors with the same field and rule the first is shown.
    """
    fields: dict[str, dict[str, dict[str, Any]]] = {}
    for error in errors:
        fields.setdefault(error.field, {}).setdefault(error.rule, error.body())
    return fields


class InvalidDocument(ConfigError):
    """A document broke the schema `schema`; `errors` are all its errors."""

    def __init__(self, schema: str, errors: Iterable[ValidationError]) -> None:
        self.schema = schema
        self.errors = tuple(errors)
        lines = "\n".join(f"  {error}" for error in self.errors)
        super().__init__(f"the document does not fit the schema {schema}:\n{lines}")
