"""A view's declaration as a JavaScript map, of the same meaning as `maps.py` gives it.

The text is one function in strict mode and ECMAScript 5, which every engine takes that CouchDB had (SpiderMonkey 1.8.5
to QuickJS) and pouchdb-server too. What it needs beyond the language it carries along: an engine shares nothing between
the maps of different design documents. Like `maps.py`, it is total: no document makes it throw.
"""

from __future__ import annotations

import json
from functools import singledispatch
from typing import Any, Final

from mirliton.actors.store import expressions as e
from mirliton.actors.store.views import Emit, View

# name: (text, the helpers it needs in turn)
_HELPERS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "isObject": (
        "function isObject(v) { return typeof v === 'object' && v !== null && !Array.isArray(v); }",
        (),
    ),
    "at": (
        "function at(v, path) { for (var i = 0; i < path.length; i += 1) { "
        "if (!isObject(v) || !Object.prototype.hasOwnProperty.call(v, path[i])) { return undefined; } "
        "v = v[path[i]]; } return v; }",
        ("isObject",),
    ),
    "or": ("function or(v, absent) { return v === undefined ? absent : v; }", ()),
    "lower": ("function lower(v) { return typeof v === 'string' ? v.toLowerCase() : undefined; }", ()),
    "normalised": (
        "function normalised(v) { "
        "return typeof v === 'string' ? v.toLowerCase().replace(/[^a-z0-9]/g, '') : undefined; }",
        (),
    ),
    "first": (
        "function first(parts) { for (var i = 0; i < parts.length; i += 1) { if (parts[i]) { return parts[i]; } } "
        "return parts[parts.length - 1]; }",
        (),
    ),
    "joined": (
        "function joined(parts, separator) { return parts.filter(function (v) { return typeof v === 'string'; })"
        ".join(separator); }",
        (),
    ),
    "last": (
        "function last(v) { return Array.isArray(v) && v.length ? v[v.length - 1] : undefined; }",
        (),
    ),
    "count": (
        "function count(v) { return Array.isArray(v) ? v.length : isObject(v) ? Object.keys(v).length : 0; }",
        ("isObject",),
    ),
    "array": (
        "function array(parts) { return parts.map(function (v) { return v === undefined ? null : v; }); }",
        (),
    ),
    "object": (
        "function object(over, members) { var made = {}, names = isObject(over) ? Object.keys(over) : [], i; "
        "for (i = 0; i < names.length; i += 1) { made[names[i]] = over[names[i]]; } "
        "for (i = 0; i < members.length; i += 1) { "
        "if (members[i][1] !== undefined) { made[members[i][0]] = members[i][1]; } } return made; }",
        ("isObject",),
    ),
    "labels": (
        "function labels(given, made) { var all = [], i; "
        "for (i = 0; i < given.length; i += 1) { if (Array.isArray(given[i])) { all = all.concat(given[i]); } } "
        "for (i = 0; i < made.length; i += 1) { if (made[i][1]) { all.push(made[i][0]); } } return all; }",
        (),
    ),
    "enabledIn": (
        "function enabledIn(v) { return !isObject(v) ? [] : "
        "Object.keys(v).filter(function (name) { return at(v[name], ['enabled']); }); }",
        ("isObject", "at"),
    ),
    "flowModules": (
        "function flowModules(v) { var found = [], waiting = [v], node, children, i; while (waiting.length) { "
        "node = waiting.pop(); if (!isObject(node)) { continue; } "
        "if (typeof node.module === 'string' && node.module && node.data && "
        "at(node.data, ['skip_module']) !== true && found.indexOf(node.module) < 0) { found.push(node.module); } "
        "if (isObject(node.children)) { children = Object.keys(node.children); "
        "for (i = children.length - 1; i >= 0; i -= 1) { waiting.push(node.children[children[i]]); } } } "
        "return found; }",
        ("isObject", "at"),
    ),
    "elements": (
        "function elements(v) { return Array.isArray(v) ? v : isObject(v) ? Object.keys(v) : []; }",
        ("isObject",),
    ),
}


def javascript(view: View) -> str:
    """The view's map function."""
    needed: dict[str, None] = {}
    emitters = [_emitter(emit, needed) for emit in view.emits]
    soft = "!" if view.soft_deleted else ""
    lines = [
        "function (doc) {",
        "  'use strict';",
        *(f"  {_HELPERS[name][0]}" for name in _with_their_own(needed)),
        f"  if ({soft}doc.pvt_deleted) {{ return; }}",
        *emitters,
        "}",
    ]
    return "\n".join(lines)


def _with_their_own(needed: dict[str, None]) -> list[str]:
    """The helpers needed, and those that these need."""
    waiting, all_of_them = list(needed), set(needed)
    while waiting:
        for name in _HELPERS[waiting.pop()][1]:
            if name not in all_of_them:
                all_of_them.add(name)
                waiting.append(name)
    return [name for name in _HELPERS if name in all_of_them]


def _emitter(emit: Emit, needed: dict[str, None]) -> str:
    """The statements for one kind of row."""
    use = _Use(needed)
    conditions = []
    if emit.types:
        conditions.append(f"{_json(list(emit.types))}.indexOf(doc.pvt_type) >= 0")
    if emit.except_types:
        conditions.append(f"{_json(list(emit.except_types))}.indexOf(doc.pvt_type) < 0")
    about_all = " && ".join(conditions) or "true"
    where = " && ".join([f"({_js(condition, use)})" for condition in emit.where]) or "true"
    emitted = f"if (key !== undefined) {{ emit(key, {_value(emit, use)}); }}"
    row = f"if ({where}) {{ var key = {_js(emit.key, use)}; {emitted} }}"
    if emit.each is None:
        return f"  if ({about_all}) {{ (function () {{ var each; {row} }}()); }}"
    return f"  if ({about_all}) {{ {use('elements')}({_js(emit.each, use)}).forEach(function (each) {{ {row} }}); }}"


def _value(emit: Emit, use: _Use) -> str:
    """The value as an expression that is never undefined, which would be left out of the row."""
    if isinstance(emit.value, e.Const | e.Array | e.Object | e.Labels):
        return _js(emit.value, use)
    return f"{use('or')}({_js(emit.value, use)}, null)"


class _Use:
    """Notes which helpers an expression calls."""

    def __init__(self, needed: dict[str, None]) -> None:
        self._needed = needed

    def __call__(self, name: str) -> str:
        self._needed[name] = None
        return name


def _json(value: Any) -> str:
    return json.dumps(value)  # ASCII only: no engine trips over a character


def _all(parts: tuple[e.Expression, ...], use: _Use) -> str:
    return "[" + ", ".join([_js(part, use) for part in parts]) + "]"


def _named(parts: tuple[tuple[str, e.Expression], ...], use: _Use) -> str:
    return "[" + ", ".join([f"[{_json(name)}, {_js(part, use)}]" for name, part in parts]) + "]"


@singledispatch
def _js(expression: e.Expression, use: _Use) -> str:
    raise TypeError(f"no JavaScript for {type(expression).__name__}")


@_js.register
def _(expression: e.Const, use: _Use) -> str:
    return _json(expression.value)


@_js.register
def _(expression: e.Field, use: _Use) -> str:
    found = f"{use('at')}(doc, {_json(expression.path.split('.'))})"
    return found if expression.default is None else f"{use('or')}({found}, {_json(expression.default)})"


@_js.register
def _(expression: e.Each, use: _Use) -> str:
    return f"{use('at')}(each, {_json(expression.path.split('.'))})" if expression.path else "each"


@_js.register
def _(expression: e.Lower, use: _Use) -> str:
    return f"{use('lower')}({_js(expression.of, use)})"


@_js.register
def _(expression: e.Normalised, use: _Use) -> str:
    return f"{use('normalised')}({_js(expression.of, use)})"


@_js.register
def _(expression: e.First, use: _Use) -> str:
    return f"{use('first')}({_all(expression.of, use)})"


@_js.register
def _(expression: e.Joined, use: _Use) -> str:
    return f"{use('joined')}({_all(expression.of, use)}, {_json(expression.separator)})"


@_js.register
def _(expression: e.Last, use: _Use) -> str:
    return f"{use('last')}({_js(expression.of, use)})"


@_js.register
def _(expression: e.Count, use: _Use) -> str:
    return f"{use('count')}({_js(expression.of, use)})"


@_js.register
def _(expression: e.Array, use: _Use) -> str:
    return f"{use('array')}({_all(expression.of, use)})"


@_js.register
def _(expression: e.Object, use: _Use) -> str:
    over = _js(expression.over, use) if expression.over else "null"
    return f"{use('object')}({over}, {_named(expression.of, use)})"


@_js.register
def _(expression: e.Equals, use: _Use) -> str:
    return f"({_js(expression.of, use)}) === {_json(expression.value)}"


@_js.register
def _(expression: e.Not, use: _Use) -> str:
    return f"!({_js(expression.of, use)})"


@_js.register
def _(expression: e.When, use: _Use) -> str:
    parts = (expression.condition, expression.then, expression.otherwise)
    condition, then, otherwise = (_js(part, use) for part in parts)
    return f"(({condition}) ? ({then}) : ({otherwise}))"


@_js.register
def _(expression: e.Labels, use: _Use) -> str:
    return f"{use('labels')}({_all(expression.of, use)}, {_named(expression.labels, use)})"


@_js.register
def _(expression: e.EnabledIn, use: _Use) -> str:
    return f"{use('enabledIn')}({_js(expression.of, use)})"


@_js.register
def _(expression: e.FlowModules, use: _Use) -> str:
    return f"{use('flowModules')}({_js(expression.of, use)})"
