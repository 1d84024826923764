"""Samples of every message, and Kazoo's own tables to hold them against."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from mirliton.actors import kapi
from mirliton.actors.kapi import wire
from mirliton.actors.kapi.shape import Part, Shape

TEXT = st.text(min_size=1, max_size=4)
WHOLE = st.integers(-(2**63), 2**63 - 1)
SCALAR = TEXT | WHOLE | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=3,
)
Strategy = st.SearchStrategy[Any]


def of_kind(kind: wire.Wire, anything: Strategy) -> Strategy:
    """Values that survive the edge unchanged: never empty, durations in whole units of the wire."""
    match kind:
        case wire.Text() | wire.Destination():
            return TEXT
        case wire.Choice(values):
            return st.sampled_from(values)
        case wire.Whole(minimum=minimum):
            return st.integers(minimum if minimum is not None else -(2**63), 2**63 - 1)
        case wire.Boolean():
            return st.booleans()
        case wire.Duration(per_second):
            return st.integers(0, 10**9).map(lambda units: units / per_second)
        case wire.Terminators():
            return st.lists(st.sampled_from("0123456789*#"), max_size=4).map(tuple)
        case wire.Array(item):
            return st.lists(of_kind(item, anything), min_size=1, max_size=2).map(tuple)
        case wire.Free():
            return anything
        case wire.Object():
            return st.dictionaries(TEXT, JSON, min_size=1, max_size=2)
        case Part(shape):
            return of_shape(shape, anything)
    assert type(kind).__name__ == "_Queued", f"no samples for {kind}"
    commands = [
        definition.shape
        for definition in kapi.definitions()
        if definition.exchange == "callctl" and definition.cls is not kapi.dialplan.Queue
    ]
    return st.sampled_from(commands).flatmap(lambda shape: of_shape(shape, anything))


@cache
def of_shape(shape: Shape, anything: Strategy, full: bool = False) -> Strategy:
    required = {f.name: of_kind(f.wire, anything) for f in shape.fields if f.required or full}
    optional = {f.name: of_kind(f.wire, anything) for f in shape.fields if not (f.required or full)}
    if "msg_id" in optional:  # otherwise the edge makes one, and the copy differs
        required["msg_id"] = optional.pop("msg_id")
    return st.fixed_dictionaries(required, optional=optional).map(lambda found: shape.cls(**found))


@pytest.fixture(scope="session")
def samples() -> Callable[..., Strategy]:
    """`samples(definition)`: messages of this definition, with some or (`full`) all of the optional headers.

    `anything` is what untyped headers hold.
    """

    def made(definition: kapi.Definition, anything: Strategy = JSON, full: bool = False) -> Strategy:
        return of_shape(definition.shape, anything, full)

    return made


@pytest.fixture(scope="session")
def json_values() -> Strategy:
    """Whatever a JSON parser may hand over."""
    return st.none() | JSON | st.just("") | st.lists(JSON, max_size=3) | st.just([]) | st.just({})


@pytest.fixture(scope="session")
def kazoo_kapi(reference: Path) -> dict[str, list[dict[str, Any]]]:
    """Kazoo's definitions by module."""
    found: dict[str, list[dict[str, Any]]] = json.loads((reference / "kazoo-kapi.json").read_text())["modules"]
    return found


@pytest.fixture(scope="session")
def kazoo_schema(reference: Path) -> Callable[[str], dict[str, Any]]:
    """Kazoo's JSON schema of this name."""

    def load(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((reference / "kazoo-schemas" / f"{name}.json").read_text())
        return found

    return load
