"""The description of the API (OpenAPI 3.1), made of what serves it: the routes, the declared resources, the schemas.

    describe(all_routes())["paths"]["/accounts/{account_id}/menus"]["put"]

Nothing is written twice: what is not in the routes is not in the description. Schemas are the documents' own, turned
from JSON Schema draft 4 into the dialect of OpenAPI; what that cannot say (`kazoo-validation`) is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from mirliton.api.envelope import VERSION
from mirliton.api.resource import Resource
from mirliton.api.routing import Route
from mirliton.config import schema

PREFIX: Final = "/v2"
_ID: Final = {"type": "string", "minLength": 1, "maxLength": 256}
_ACCOUNT_ID: Final = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_DROPPED: Final = frozenset({"$schema", "_id", "id", "kazoo-validation", "support_level"})
_NAMES: Final = frozenset({"properties", "patternProperties"})

_LIST_PARAMETERS: Final = (
    ("page_size", {"type": "integer", "minimum": 1, "maximum": 1000}, "rows of a page"),
    ("start_key", {"type": "string"}, "the next_start_key of the page before"),
    ("paginate", {"type": "boolean"}, "false: all rows in one answer"),
    ("ascending", {"type": "boolean"}, "the order of the rows"),
    ("has_key", {"type": "string"}, "only documents with this field"),
    ("key_missing", {"type": "string"}, "only documents without this field"),
    ("has_value", {"type": "string"}, "only documents where this field is not empty"),
    ("value_missing", {"type": "string"}, "only documents where this field is empty or missing"),
    ("created_from", {"type": "integer"}, "gregorian seconds"),
    ("created_to", {"type": "integer"}, "gregorian seconds"),
    ("modified_from", {"type": "integer"}, "gregorian seconds"),
    ("modified_to", {"type": "integer"}, "gregorian seconds"),
)
_SUMMARIES: Final = {"GET": "Get", "PUT": "Create", "POST": "Change", "PATCH": "Merge into", "DELETE": "Delete"}
_RIGHTS: Final = {
    "public": "Anybody.",
    "token": "Whoever has a token.",
    "account": "Administrators of the account and of those above it.",
    "master": "Administrators of the master account.",
}
_RESERVED: Final = {"above": "Those above the account alone.", "master": "The master account alone."}


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """The description of these routes."""
    used: dict[str, Any] = {}
    paths = {f"/{route.shape}": _path(route, used) for route in routes}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mirliton HTTP API",
            "version": VERSION,
            "license": {"name": "Mozilla Public License 2.0", "identifier": "MPL-2.0"},
        },
        "servers": [{"url": PREFIX}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {"Success": _SUCCESS, "Failure": _FAILURE, **dict(sorted(used.items()))},
            "responses": {"Failure": _answer("Refused, or failed", {"$ref": "#/components/schemas/Failure"})},
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _path(route: Route, used: dict[str, Any]) -> dict[str, Any]:
    parameters = [_path_parameter(segment[1:-1]) for segment in route.shape.split("/") if segment.startswith("{")]
    path: dict[str, Any] = {"parameters": parameters} if parameters else {}
    for method in route.allowed:
        path[method.lower()] = _operation(route, method, used)
    return path


def _operation(route: Route, method: str, used: dict[str, Any]) -> dict[str, Any]:
    is_one = route.shape.endswith("}")
    operation: dict[str, Any] = {
        "operationId": _operation_id(route.shape, method),
        "tags": [route.resource],
        "summary": f"{_SUMMARIES[method]} {route.resource}",
        "description": _who(route, method),
        "security": [] if route.scope == "public" else [{"token": []}, {"bearer": []}, {"basic": []}],
        "responses": {
            "201" if method == "PUT" else "200": _success(route, method, is_one, used),
            "default": {"$ref": "#/components/responses/Failure"},
        },
    }
    if route.documents is not None and method == "GET" and not is_one:
        operation["parameters"] = [
            {"name": name, "in": "query", "schema": kind, "description": text} for name, kind, text in _LIST_PARAMETERS
        ]
    if method in route.raw:
        operation["requestBody"] = {"content": {"application/octet-stream": {}}}
    elif method in ("PUT", "POST", "PATCH"):
        data = _document(route.documents, used) if route.documents is not None and method != "PATCH" else {}
        body = {"type": "object", "properties": {"data": data}, **({"required": ["data"]} if data else {})}
        operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return operation


def _who(route: Route, method: str) -> str:
    said = _RESERVED.get(route.reserved.get(method, ""), _RIGHTS[route.scope])
    plain = route.plain.get(method)
    if plain is None:
        return said
    whom = "too" if plain == "any" else "for what is theirs"
    return f"{said} Users of the account who are no administrators, {whom}."


def _success(route: Route, method: str, is_one: bool, used: dict[str, Any]) -> dict[str, Any]:
    envelope: dict[str, Any] = {"$ref": "#/components/schemas/Success"}
    if route.documents is None:
        return _answer("Done", envelope)
    data: dict[str, Any]
    shown = {"allOf": [_document(route.documents, used), {"type": "object", "required": ["id"]}]}
    data = shown if is_one or method == "PUT" else {"type": "array", "items": {"type": "object"}}
    if method == "DELETE":
        data = {"type": "object"}
    return _answer("Done", {"allOf": [envelope, {"type": "object", "properties": {"data": data}}]})


def _answer(description: str, kind: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": kind}}}


def _document(resource: Resource, used: dict[str, Any]) -> dict[str, Any]:
    """A reference to the schema of a resource's documents, which is put among those used with all it refers to."""
    todo = [resource.schema_name]
    while todo:
        name = todo.pop()
        if name not in used:
            used[name] = _converted(name)
            todo += _referred(schema(name))
    return {"$ref": f"#/components/schemas/{resource.schema_name}"}


@cache
def _converted(name: str) -> Any:
    return _convert(schema(name))


def _convert(node: Any, names: bool = False) -> Any:
    """A schema of draft 4 in the dialect of OpenAPI 3.1 (JSON Schema 2020-12)."""
    if isinstance(node, list):
        return [_convert(item) for item in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {key: _convert(value) for key, value in node.items()}
    if isinstance(node.get("$ref"), str):
        return {"$ref": f"#/components/schemas/{node['$ref']}"}
    made = {key: _convert(value, key in _NAMES) for key, value in node.items() if key not in _DROPPED}
    if "required" in made:
        # What has a default need not be given.
        given = [name for name in made["required"] if "default" not in made.get("properties", {}).get(name, {})]
        made = {key: value for key, value in made.items() if key != "required"} | ({"required": given} if given else {})
    for bound, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(made.get(bound), bool):
            exclusive = made.pop(bound)
            if exclusive and limit in made:
                made[bound] = made.pop(limit)
    return made


def _referred(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _referred(value)
    elif isinstance(node, list):
        for item in node:
            yield from _referred(item)


def _path_parameter(name: str) -> dict[str, Any]:
    kind = _ACCOUNT_ID if name == "account_id" else _ID
    return {"name": name, "in": "path", "required": True, "schema": kind}


def _operation_id(shape: str, method: str) -> str:
    words = [part for part in shape.replace("{", "").replace("}", "").replace("-", "_").split("/") if part]
    return method.capitalize() + "".join(word.title().replace("_", "") for word in "_".join(words).split("_"))


_TEXT: Final = {"type": "string"}
_COMMON: Final = {"request_id": _TEXT, "node": _TEXT, "timestamp": {**_TEXT, "format": "date-time"}, "version": _TEXT}
_SUCCESS: Final = {
    "type": "object",
    "required": ["data", "status", "revision", *_COMMON],
    "properties": {
        "data": {},
        "status": {"enum": ["success"]},
        **_COMMON,
        "revision": _TEXT,
        "auth_token": _TEXT,
        "page_size": {"type": "integer"},
        "start_key": _TEXT,
        "next_start_key": _TEXT,
        "tokens": {
            "type": "object",
            "properties": {"consumed": {"type": "integer"}, "remaining": {"type": "integer"}},
        },
    },
}
_FAILURE: Final = {
    "type": "object",
    "required": ["data", "status", "error", "message", *_COMMON],
    "properties": {
        "data": {"type": "object"},
        "status": {"enum": ["error", "fatal"]},
        "error": {**_TEXT, "pattern": "^[45][0-9]{2}$"},
        "message": _TEXT,
        **_COMMON,
    },
}
