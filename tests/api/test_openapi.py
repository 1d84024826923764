"""The description of the API is made of what serves it, and a page shows it that fetches nothing from elsewhere."""

import json
import re

import jsonschema_rs
import pytest

from mirliton.api.openapi import describe
from mirliton.api.routes import all_routes
from mirliton.config import conform


@pytest.fixture(scope="module")
def description():
    return json.loads(json.dumps(describe(all_routes())))


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def test_it_has_every_url_and_method_and_no_other(description):
    described = {
        (path, method.upper())
        for path, operations in description["paths"].items()
        for method in operations
        if method != "parameters"
    }
    assert described == {(f"/{route.shape}", method) for route in all_routes() for method in route.methods}


def test_every_parameter_of_a_url_is_described(description):
    for path, operations in description["paths"].items():
        named = [parameter["name"] for parameter in operations.get("parameters", [])]
        assert named == re.findall(r"{([^}]*)}", path), path


def test_every_reference_leads_somewhere(description):
    for reference in set(references(description)):
        place = description
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_operations_have_names_of_their_own(description):
    names = [
        operation["operationId"]
        for operations in description["paths"].values()
        for method, operation in operations.items()
        if method != "parameters"
    ]
    assert len(names) == len(set(names))


def test_its_schemas_are_valid_and_take_what_the_documents_own_take(description):
    schemas = description["components"]["schemas"]
    assert {"users", "devices", "callflows", "menus", "rates", "list_entries"} <= set(schemas)
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": {"schemas": schemas}}
    for name in schemas:
        validator = jsonschema_rs.Draft202012Validator(
            {**whole, "$ref": f"#/components/schemas/{name}"}, pattern_options=jsonschema_rs.RegexOptions()
        )
        if name not in ("Success", "Failure"):
            for document in ({}, {"name": "a"}, {"name": ""}, {"name": "a", "enabled": 5}, {"first_name": "a"}):
                if conform(name, document, strict=True).ok and not conform(name, {}).ok:
                    assert validator.is_valid(document), (name, document)
    users = jsonschema_rs.Draft202012Validator({**whole, "$ref": "#/components/schemas/users"})
    assert users.is_valid({"first_name": "Ada", "last_name": "King"})
    assert not users.is_valid({"first_name": "Ada", "last_name": "King", "priv_level": "king"})


def test_who_may_is_said(description):
    limits = description["paths"]["/accounts/{account_id}/limits"]
    assert limits["post"]["description"].startswith("Those above the account alone.")
    assert description["paths"]["/user_auth"]["put"]["security"] == []
    assert {"token": []} in limits["get"]["security"]


async def test_it_is_served_and_so_is_a_page(world):
    served = await world.get("/openapi.json")
    assert (served.status, served.headers["Content-Type"]) == (200, "application/json")
    assert served.body["openapi"] == "3.1.0"
    page = await world.get("/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    text = page.raw.decode()
    assert "//" not in re.sub(r"<!doctype[^>]*>", "", text)
    for address in re.findall(r'(?:src|href)="([^"]+)"', text):
        asset = await world.get(f"/{address}")
        assert asset.status == 200
        assert len(asset.raw) > 50
    assert (await world.get("/docs/..%2fLICENSE")).status == 404
    assert (await world.get("/docs/swagger-editor.js")).status == 404
