"""A view's declaration as a Python function from a document to its rows.

The function is total: a document of any shape gives rows or none, never an exception, for a view must not be able to
stop a write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import singledispatch
from typing import Any, Final, TypeAlias

from mirliton.actors.store import expressions as e
from mirliton.actors.store.documents import Document
from mirliton.actors.store.views import Emit, View


class Missing(Enum):
    """The type of MISSING."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
"""What a document does not have; JavaScript's undefined."""

Evaluate: TypeAlias = Callable[[Document, Any], Any]
"""From the document and the element being iterated over to a value or MISSING."""

Mapped: TypeAlias = tuple[Any, Any]
"""A row's key and value."""


class Map:
    """A view's map."""

    __slots__ = ("_emitters", "_soft_deleted", "_types")

    def __init__(self, view: View) -> None:
        self._emitters = [_emitter(emit) for emit in view.emits]
        self._soft_deleted = view.soft_deleted
        self._types = (
            None
            if any(not emit.types for emit in view.emits)
            else frozenset(kind for emit in view.emits for kind in emit.types)
        )

    def rows(self, doc: Document) -> list[Mapped]:
        """All rows that a document (with its `_id`) emits, in order."""
        # Most documents are of no interest to most views, and a write asks them all.
        if self._types is not None:
            kind = doc.get("pvt_type")
            if not isinstance(kind, str) or kind not in self._types:
                return []
        if truthy(doc.get("pvt_deleted", MISSING)) is not self._soft_deleted:
            return []
        return [row for emitter in self._emitters for row in emitter(doc)]


def _emitter(emit: Emit) -> Callable[[Document], Iterator[Mapped]]:
    key, value = _compile(emit.key), _compile(emit.value)
    where = [_compile(condition) for condition in emit.where]
    each = _compile(emit.each) if emit.each else None

    def rows(doc: Document) -> Iterator[Mapped]:
        kind = doc.get("pvt_type")
        if (emit.types and kind not in emit.types) or kind in emit.except_types:
            return
        for element in _elements(each(doc, MISSING)) if each else (MISSING,):
            if not all(truthy(condition(doc, element)) for condition in where):
                continue
            found = key(doc, element)
            if found is not MISSING:
                emitted = value(doc, element)
                yield found, None if emitted is MISSING else emitted

    return rows


def _elements(value: Any) -> Iterable[Any]:
    """An array's elements, an object's member names; nothing else can be iterated over."""
    if isinstance(value, dict):
        return ordered(value)
    return value if isinstance(value, list) else ()


def ordered(members: dict[str, Any]) -> list[str]:
    """An object's member names as JavaScript lists them: first those that could be array indexes, by number."""
    indexes = sorted((name for name in members if _INDEX.fullmatch(name) and int(name) < _NO_INDEX), key=int)
    return [*indexes, *(name for name in members if name not in indexes)] if indexes else list(members)


_INDEX = re.compile("0|[1-9][0-9]{0,9}")
_NO_INDEX = 2**32 - 1


def truthy(value: Any) -> bool:
    """Whether a value counts as true, as JavaScript sees it: an empty array or object does."""
    if value is MISSING or value is None or value is False or value == "":
        return False
    return not (isinstance(value, int | float) and value == 0)


def _at(value: Any, path: list[str]) -> Any:
    for step in path:
        if not isinstance(value, dict):
            return MISSING
        value = value.get(step, MISSING)
    return value


@singledispatch
def _compile(expression: e.Expression) -> Evaluate:
    raise TypeError(f"no evaluation for {type(expression).__name__}")


@_compile.register
def _(expression: e.Const) -> Evaluate:
    constant = expression.value
    return lambda doc, element: constant


@_compile.register
def _(expression: e.Field) -> Evaluate:
    path, default = expression.path.split("."), expression.default
    absent: Any = MISSING if default is None else default
    if len(path) == 1:
        name = path[0]
        return lambda doc, element: doc.get(name, absent)

    def evaluate(doc: Document, element: Any) -> Any:
        value = _at(doc, path)
        return absent if value is MISSING else value

    return evaluate


@_compile.register
def _(expression: e.Each) -> Evaluate:
    path = expression.path.split(".") if expression.path else []
    return lambda doc, element: _at(element, path)


@_compile.register
def _(expression: e.Lower) -> Evaluate:
    return _on_text(expression.of, str.lower)


@_compile.register
def _(expression: e.Normalised) -> Evaluate:
    unwanted = re.compile("[^a-z0-9]")
    return _on_text(expression.of, lambda text: unwanted.sub("", text.lower()))


def _on_text(of: e.Expression, change: Callable[[str], str]) -> Evaluate:
    inner = _compile(of)

    def evaluate(doc: Document, element: Any) -> Any:
        value = inner(doc, element)
        return change(value) if isinstance(value, str) else MISSING

    return evaluate


@_compile.register
def _(expression: e.First) -> Evaluate:
    parts = [_compile(part) for part in expression.of]

    def evaluate(doc: Document, element: Any) -> Any:
        value: Any = MISSING
        for part in parts:
            value = part(doc, element)
            if truthy(value):
                break
        return value

    return evaluate


@_compile.register
def _(expression: e.Joined) -> Evaluate:
    parts = [_compile(part) for part in expression.of]
    separator = expression.separator

    def evaluate(doc: Document, element: Any) -> Any:
        values = [part(doc, element) for part in parts]
        return separator.join([value for value in values if isinstance(value, str)])

    return evaluate


@_compile.register
def _(expression: e.Last) -> Evaluate:
    inner = _compile(expression.of)

    def evaluate(doc: Document, element: Any) -> Any:
        value = inner(doc, element)
        return value[-1] if isinstance(value, list) and value else MISSING

    return evaluate


@_compile.register
def _(expression: e.Count) -> Evaluate:
    inner = _compile(expression.of)

    def evaluate(doc: Document, element: Any) -> Any:
        value = inner(doc, element)
        return len(value) if isinstance(value, list | dict) else 0

    return evaluate


@_compile.register
def _(expression: e.Array) -> Evaluate:
    parts = [_compile(part) for part in expression.of]

    def evaluate(doc: Document, element: Any) -> Any:
        values = [part(doc, element) for part in parts]
        return [None if value is MISSING else value for value in values]

    return evaluate


@_compile.register
def _(expression: e.Object) -> Evaluate:
    parts = [(name, _compile(part)) for name, part in expression.of]
    over = _compile(expression.over) if expression.over else None

    def evaluate(doc: Document, element: Any) -> Any:
        base = over(doc, element) if over else {}
        made = dict(base) if isinstance(base, dict) else {}
        for name, part in parts:
            value = part(doc, element)
            if value is not MISSING:
                made[name] = value
        return made

    return evaluate


@_compile.register
def _(expression: e.Equals) -> Evaluate:
    inner, wanted = _compile(expression.of), expression.value

    def evaluate(doc: Document, element: Any) -> Any:
        value = inner(doc, element)
        # Python takes True for 1; JavaScript's === does not.
        return value == wanted and isinstance(value, bool) is isinstance(wanted, bool)

    return evaluate


@_compile.register
def _(expression: e.Not) -> Evaluate:
    inner = _compile(expression.of)
    return lambda doc, element: not truthy(inner(doc, element))


@_compile.register
def _(expression: e.When) -> Evaluate:
    condition, then, otherwise = map(_compile, (expression.condition, expression.then, expression.otherwise))
    return lambda doc, element: (then if truthy(condition(doc, element)) else otherwise)(doc, element)


@_compile.register
def _(expression: e.Labels) -> Evaluate:
    labels = [(label, _compile(condition)) for label, condition in expression.labels]
    arrays = [_compile(array) for array in expression.of]

    def evaluate(doc: Document, element: Any) -> Any:
        given = [array(doc, element) for array in arrays]
        made = [label for array in given if isinstance(array, list) for label in array]
        return made + [label for label, condition in labels if truthy(condition(doc, element))]

    return evaluate


@_compile.register
def _(expression: e.EnabledIn) -> Evaluate:
    inner = _compile(expression.of)

    def evaluate(doc: Document, element: Any) -> Any:
        members = inner(doc, element)
        if not isinstance(members, dict):
            return []
        return [name for name in ordered(members) if truthy(_at(members[name], ["enabled"]))]

    return evaluate


@_compile.register
def _(expression: e.FlowModules) -> Evaluate:
    inner = _compile(expression.of)

    def evaluate(doc: Document, element: Any) -> Any:
        modules: dict[Any, None] = {}
        waiting = [inner(doc, element)]
        while waiting:
            node = waiting.pop()
            if not isinstance(node, dict):
                continue
            module, data = node.get("module"), node.get("data", MISSING)
            if isinstance(module, str) and module and truthy(data) and _at(data, ["skip_module"]) is not True:
                modules[module] = None
            children = node.get("children")
            if isinstance(children, dict):
                waiting.extend(children[name] for name in reversed(ordered(children)))
        return list(modules)

    return evaluate
