"""Every message that Kazoo defines is defined here, with its headers, values and routing key."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from mirliton.actors import kapi
from mirliton.actors.kapi.envelope import SHAPE as ENVELOPE
from mirliton.actors.kapi.kinds import Array, Choice
from mirliton.actors.kapi.shape import Shape

Row = dict[str, Any]

OURS = {"kapi.error": "any module may answer with an error, and the table is by module"}
PARTS = {
    ("kapi_dialplan", "Invite-Format"): kapi.endpoint.Endpoint,
    ("kapi_dialplan", "Duration-ON"): kapi.dialplan.Tone,
}
"""What the table has among the messages, and is an object inside one; by a header that it requires."""

EXTRA = {
    "kapi.dialplan.say": {"Gender"},  # Kazoo names its values and its schema has it, only the list forgot it
    "kapi.dialplan.receive_fax": {"Insert-At"},  # the same
    # later Kamailio configurations have these, which this table does not
    "kapi.authn.authn_resp": {"Trusted-Auth"},
    "kapi.authn.authn_err": {"Permanent-Error"},
    "kapi.nodes.advertise": {"Roles", "Runtime-Info", "Startup"},
    "kapi.registration.reg_flush": {"Cache-Only"},
}
SAME = {"kapi_omnipresence": {"reset": "presence"}}
"""Messages of one module that another module has too."""
COMPUTED = {
    "kapi.cdr.report": "cdr.report.{1}.{2}",
    "kapi.pivot.pivot_req": "pivot.req.{1}",  # the table has only where it begins
}
"""Keys that are built where the message is published, so that the table has none, or half."""


def event_of(row: Row) -> set[str]:
    names = row["values"].get("Event-Name", row["name"])
    return set(names) if isinstance(names, list) else {names}


def is_of(definition: kapi.Definition, row: Row) -> bool:
    """Whether the definition can be the row's message: nothing that the row fixes differs."""
    for header, value in definition.fixed.items():
        told = row["values"].get(header)
        if told is not None and told != value:
            return issubclass(definition.cls, kapi.call.CallEvent) and str(told).startswith("fun ")
    if {"Event-Name", "Application-Name"} & row["values"].keys() or row["name"] in ("report", "undefined"):
        return True
    return any(definition.tag.endswith(name.removeprefix("conf_")) or name in definition.tag for name in event_of(row))


def asked_for(row: Row) -> tuple[set[str], tuple[tuple[str, ...], ...]]:
    """The headers that Kazoo requires, and the groups of which it requires one."""
    groups = [tuple(name.strip("[]").split("|")) for name in row["required"] if name.startswith("[")]
    if "required_any_of" in row:
        groups.append(tuple(row["required_any_of"]))
    return {name for name in row["required"] if not name.startswith("[")}, tuple(groups)


def headers(shape: Shape, *, required: bool) -> set[str]:
    return {field.header for field in shape.fields if field.required is required}


@pytest.fixture(scope="session")
def rows(kazoo_kapi: dict[str, list[Row]]) -> list[tuple[str, Row]]:
    """Kazoo's table: the module and what it says of one message."""
    return [(module, row) for module, rows in kazoo_kapi.items() for row in rows]


@pytest.fixture(scope="session")
def claims(rows: list[tuple[str, Row]]) -> list[tuple[str, Row, list[kapi.Definition]]]:
    """Each row of the table with the definitions of ours that it can be."""
    by_module: dict[str, list[kapi.Definition]] = {}
    for definition in kapi.definitions():
        by_module.setdefault(f"kapi_{definition.family}", []).append(definition)
    return [
        (module, row, [one for one in by_module.get(home(module, row), ()) if fits(one, row)])
        for module, row in rows
        if part_of(module, row) is None
    ]


def home(module: str, row: Row) -> str:
    return f"kapi_{SAME.get(module, {}).get(row['name'], module.removeprefix('kapi_'))}"


def fits(definition: kapi.Definition, row: Row) -> bool:
    needed = asked_for(row)[0]
    ours = headers(definition.shape, required=True) - {"Event-Category", "Event-Name"}
    return is_of(definition, row) and ours | (definition.fixed.keys() & needed) == needed


def part_of(module: str, row: Row) -> type | None:
    return next((part for (of, header), part in PARTS.items() if of == module and header in row["required"]), None)


def test_the_table_is_whole(rows: list[tuple[str, Row]]) -> None:
    assert len(rows) == 337


def test_each_of_kazoos_messages_is_one_of_ours(claims: list[tuple[str, Row, list[kapi.Definition]]]) -> None:
    wrong = {}
    for module, row, found in claims:
        events = bool(found) and all(issubclass(one.cls, kapi.call.CallEvent) for one in found)
        if len(found) != 1 and not events:
            wrong[f"{module}.{row['name']}.{row['values'].get('Application-Name')}"] = [one.tag for one in found]
    assert not wrong


def test_each_of_ours_is_one_of_kazoos(claims: list[tuple[str, Row, list[kapi.Definition]]]) -> None:
    known = {one.tag for _, _, found in claims for one in found}
    unknown = {definition.tag for definition in kapi.definitions()} - known
    assert unknown == OURS.keys() | LATER


LATER = {
    # what the SIP proxy and Kazoo of today say to one another about registrations and calls
    "kapi.channels.channel_status_req",
    "kapi.registration.search_req",
    "kapi.registration.search_partial_resp",
    "kapi.registration.search_resp",
}


def test_headers_and_their_values_are_kazoos(
    claims: list[tuple[str, Row, list[kapi.Definition]]], enum: Callable[[str, str], set[str] | None]
) -> None:
    wrong = []
    for _, row, found in claims:
        for one in found:
            wrong += [f"{one.tag}: {problem}" for problem in differences(one.tag, one.shape, one.fixed, row, enum)]
    assert not wrong


def differences(
    tag: str, shape: Shape, fixed: dict[str, str], row: Row, enum: Callable[[str, str], set[str] | None]
) -> list[str]:
    """What our headers, their groups and the values they may have are, and Kazoo's are not; or the other way."""
    needed, groups = asked_for(row)
    wrong = []
    if shape.one_of != groups:
        wrong.append(f"one of {shape.one_of}, not {groups}")
    in_groups = {header for group in groups for header in group}
    own = {"Event-Category", "Event-Name"}
    optional = set(row["optional"]) - needed
    extra = headers(shape, required=False) - in_groups - optional - ENVELOPE.headers - EXTRA.get(tag, set()) - own
    missing = optional - headers(shape, required=False) - fixed.keys()
    if extra or missing:
        wrong.append(f"has {extra}, lacks {missing}")
    told = {header: {value} if isinstance(value, str) else set(value) for header, value in row["values"].items()}
    for field in shape.fields:
        if field.header in own:
            continue
        values = set(field.wire.values) if isinstance(field.wire, Choice) else None
        expected = told.get(field.header) or (enum(tag, field.header) if values else None)
        if values != expected:
            wrong.append(f"{field.header} is one of {values}, not {expected}")
    return wrong


@pytest.fixture(scope="session")
def enum(kazoo_schema: Callable[[str], dict[str, Any]]) -> Callable[[str, str], set[str] | None]:
    """The values that Kazoo's JSON schema allows for a header, where the table names none."""

    def values(tag: str, header: str) -> set[str] | None:
        family = tag.rpartition(".")[0]
        for name in (tag, *(f"{family}.{other}" for other in ALIKE.get(tag.rpartition(".")[2], ()))):
            try:
                allowed = kazoo_schema(name)["properties"].get(header, {}).get("enum")
            except FileNotFoundError:
                continue
            if allowed is not None:
                return set(allowed)
        return None

    return values


ALIKE = {
    **dict.fromkeys(("login", "logout", "login_queue", "logout_queue"), ("pause",)),
    "login_resp": ("sync_resp",),
}
"""Messages without a schema that have the headers of others with one."""


def test_parts_have_kazoos_headers_and_values(rows: list[tuple[str, Row]]) -> None:
    found = {part: row for module, row in rows if (part := part_of(module, row)) is not None}
    assert set(found) == set(PARTS.values())
    for part, row in found.items():
        assert not differences("", Shape(part), {}, row, lambda tag, header: None)
        assert headers(Shape(part), required=True) == set(row["required"])


def test_messages_are_published_where_kazoo_publishes_them(
    claims: list[tuple[str, Row, list[kapi.Definition]]],
) -> None:
    wrong = []
    for _, row, found in claims:
        for one in found:
            bind = COMPUTED.get(one.tag) or row.get("bind")
            if bind is None:
                continue
            pattern = re.sub(r"\\\{\d\\\}", "[^.]+", re.escape(bind.rpartition("=> ")[2]))
            if pattern != re.escape("?") and not re.fullmatch(pattern, one.bindings[0].routing_key):
                wrong.append(f"{one.tag}: {one.bindings[0].routing_key} is not {bind}")
    assert not wrong


def test_what_goes_to_one_queue_has_no_key_of_its_own() -> None:
    for definition in kapi.definitions():
        if kapi.EXCHANGES[definition.exchange] == "direct" and definition.key is None:
            assert not [one for one in definition.bindings if one.exchange == definition.exchange]
        else:
            assert definition.bindings


def test_every_event_of_the_other_leg_that_kazoo_allows_can_be_asked_for(kazoo_schema: Any) -> None:
    field = next(
        field for field in kapi.definition_of(kapi.dialplan.Bridge).shape.fields if field.header == "B-Leg-Events"
    )
    assert isinstance(field.wire, Array)
    assert isinstance(field.wire.item, Choice)
    allowed = kazoo_schema("kapi.dialplan.bridge")["properties"]["B-Leg-Events"]["items"]["enum"]
    assert set(field.wire.item.values) == set(allowed)
