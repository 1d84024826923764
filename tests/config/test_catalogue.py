"""The folder of schemas is whole, and nothing else can be reached through it."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from mirliton.config import UnknownSchema, schema, schema_names, validate
from mirliton.config.catalogue import FOLDER, portable_pattern, raw, subschemas

FIRST_VERSION = {
    "accounts",
    "users",
    "devices",
    "callflows",
    "menus",
    "vmboxes",
    "mailbox_message",
    "vm_message_metadata",
    "media",
    "cdrs",
    "user_auth",
    "api_auth",
    "limits",
    "caller_id",
    "call_recording",
    "call_recordings",
    "call_waiting",
    "dialplans",
    "endpoint.media",
    "formatters",
    "metaflows",
    "notify.callback",
    "profile",
    "custom_sip_headers",
    "callflows.user",
    "callflows.device",
    "callflows.ring_group",
    "callflows.menu",
    "callflows.play",
    "callflows.voicemail",
    "callflows.response",
    "callflows.callflow",
    "callflows.hangup",
}


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def test_what_the_first_version_uses_is_there() -> None:
    assert schema_names() >= FIRST_VERSION


@pytest.mark.parametrize("name", sorted(schema_names()))
def test_every_reference_names_a_shipped_file(name: str) -> None:
    assert set(references(schema(name))) <= schema_names()


@pytest.mark.parametrize("name", sorted(schema_names()))
def test_every_schema_is_valid_draft_4_and_carries_its_own_name(name: str) -> None:
    document = schema(name)
    assert document["_id"] == name
    assert document["$schema"] == "http://json-schema.org/draft-04/schema#"
    jsonschema_rs.meta.validate(document)


@pytest.mark.parametrize("name", sorted(schema_names()))
def test_every_schema_compiles_with_all_that_it_refers_to(name: str) -> None:
    # Kazoo's connectivity has no type of its own; the API lets nothing but objects come so far.
    assert validate(name, 0.5) or "type" not in schema(name), "no schema of a document takes a number"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_files_are_laid_out_so_that_a_diff_shows_one_change_per_line(path: Any) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", ["nope", "../schemas/users", "users.json", "", "/etc/passwd"])
def test_a_name_that_is_not_shipped_is_refused(name: str) -> None:
    for ask in (schema, raw, lambda name: validate(name, {})):
        with pytest.raises(UnknownSchema) as caught:
            ask(name)
        assert caught.value.name == name


def test_the_closest_name_is_suggested() -> None:
    with pytest.raises(UnknownSchema, match=r"did you mean callflows\.voicemail\?"):
        schema("callflows.voicemial")


def test_a_copy_can_be_changed_without_harm() -> None:
    schema("users")["properties"].clear()
    assert schema("users")["properties"]


def test_perls_character_classes_are_written_out() -> None:
    assert portable_pattern("^[[:alnum:]_]+$") == "^[0-9A-Za-z_]+$"
    left = [name for name in schema_names() if "[:" in portable_pattern(json.dumps(schema(name)))]
    assert left == []


def test_a_key_finds_the_schemas_that_apply_to_it() -> None:
    node = {
        "properties": {"a": {"title": "named"}},
        "patternProperties": {"^a$": {"title": "matched"}},
        "additionalProperties": {"title": "other"},
    }
    found = {key: [below["title"] for below in subschemas(node, key)] for key in ("a", "b", "a\n")}
    assert found == {"a": ["named", "matched"], "b": ["other"], "a\n": ["other"]}
