"""Every message has Kazoo's headers, values and routing key: compared with the definitions read from Kazoo."""

import re
from typing import Any

import pytest

from mirliton.actors import kapi
from mirliton.actors.kapi.envelope import SHAPE as ENVELOPE
from mirliton.actors.kapi.shape import Shape
from mirliton.actors.kapi.wire import Array, Choice

# any module may answer with an error, and the table is by module
DEFINED = [definition for definition in kapi.definitions() if definition.tag != "kapi.error"]

EXTRA = {
    "kapi.dialplan.say": {"Gender"},  # Kazoo names its values and its schema has it, only the list forgot it
}


def row(definition: kapi.Definition, table: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Kazoo's definition of the same message."""
    family = definition.tag.split(".")[1]
    rows = table[f"kapi_{family}"]
    if family == "cdr":
        return rows[0]
    fixed = definition.fixed
    for candidate in rows:
        values = candidate["values"]
        if all(values.get(header) == value for header, value in fixed.items()):
            return candidate
    assert isinstance(definition.cls, type)
    assert issubclass(definition.cls, kapi.call.CallEvent), f"Kazoo has no {fixed}"
    return rows[0]


def headers(shape: Shape, *, required: bool) -> set[str]:
    return {field.header for field in shape.fields if field.required is required}


def choices(shape: Shape) -> dict[str, set[str]]:
    return {field.header: set(field.wire.values) for field in shape.fields if isinstance(field.wire, Choice)}


def compare_shape(shape: Shape, fixed: dict[str, str], known: dict[str, Any], extra: set[str]) -> None:
    required = headers(shape, required=True) | (fixed.keys() - {"Event-Category", "Event-Name"})
    assert required == set(known["required"])
    added = extra | (ENVELOPE.headers - set(known["optional"]))
    assert headers(shape, required=False) - added == set(known["optional"]) - set(known["required"])
    restricted = {
        header: {values} if isinstance(values, str) else set(values)
        for header, values in known["values"].items()
        if header not in fixed and header in shape.headers
    }
    assert choices(shape) == restricted


@pytest.mark.parametrize("definition", DEFINED, ids=lambda definition: definition.tag)
def test_a_message_has_kazoos_headers_and_values(
    definition: kapi.Definition, kazoo_kapi: dict[str, list[dict[str, Any]]]
) -> None:
    known = row(definition, kazoo_kapi)
    compare_shape(definition.shape, definition.fixed, known, EXTRA.get(definition.tag, set()))
    groups = known.get("required_any_of")
    assert definition.shape.one_of == ((tuple(groups),) if groups else ())


@pytest.mark.parametrize("definition", DEFINED, ids=lambda definition: definition.tag)
def test_a_message_is_published_where_kazoo_publishes_it(
    definition: kapi.Definition, kazoo_kapi: dict[str, list[dict[str, Any]]]
) -> None:
    bind = row(definition, kazoo_kapi).get("bind")
    if definition.tag == "kapi.cdr.report":
        bind = "cdr.report.{1}.{2}"  # built where it is published, so the table has none
    if bind is None:
        assert definition.key is None
        return
    assert definition.key is not None
    pattern = bind.rpartition("=> ")[2]
    if isinstance(definition.key, str):
        key = re.sub(r"\{\w+\}", "x", definition.key)
        if pattern != "?":
            assert re.fullmatch(re.sub(r"\\\{\d\\\}", "[^.]+", re.escape(pattern)), key)


def test_an_endpoint_has_kazoos_headers_and_values(kazoo_kapi: dict[str, list[dict[str, Any]]]) -> None:
    known = next(entry for entry in kazoo_kapi["kapi_dialplan"] if entry["required"] == ["Invite-Format"])
    compare_shape(Shape(kapi.endpoint.Endpoint), {}, known, set())


def test_a_tone_has_kazoos_headers(kazoo_kapi: dict[str, list[dict[str, Any]]]) -> None:
    known = next(entry for entry in kazoo_kapi["kapi_dialplan"] if "Duration-ON" in entry["required"])
    compare_shape(Shape(kapi.dialplan.Tone), {}, known, set())


def test_every_event_of_the_other_leg_that_kazoo_allows_can_be_asked_for(kazoo_schema: Any) -> None:
    field = next(
        field for field in kapi.definition_of(kapi.dialplan.Bridge).shape.fields if field.header == "B-Leg-Events"
    )
    assert isinstance(field.wire, Array)
    assert isinstance(field.wire.item, Choice)
    allowed = kazoo_schema("kapi.dialplan.bridge")["properties"]["B-Leg-Events"]["items"]["enum"]
    assert set(field.wire.item.values) == set(allowed)
