"""Examples of the documentation, run as they stand.

The Python blocks of a page are one program, run in order on one event loop; `await` stands at the top level, as in
`python -m asyncio`, and `node` is a running node. A line that ends in a comment is checked against it:

    await node.call(BUCKET, Take(3))    # 7
    await node.call(BUCKET, Take(0))    # raises ServerDied: whatever follows a colon is for the reader

"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import re
import sys
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from unittest.mock import patch

import mirliton.runtime
from mirliton.runtime import Node, messages

PATIENCE: Final = 20.0
"""Seconds a page may take."""

_FENCE: Final = re.compile(r"^(?P<indent> *)```python\n(?P<code>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
_RAISES: Final = re.compile(r"raises (\w+)")


@dataclass
class Block:
    """Some lines of an example; `line` is where the first stands in its file."""

    code: str
    line: int


def blocks_of_page(text: str) -> list[Block]:
    """The fenced Python blocks of a Markdown page."""
    return [
        Block(textwrap.dedent(found["code"]), text[: found.start("code")].count("\n") + 1)
        for found in _FENCE.finditer(text)
    ]


def run(blocks: list[Block], file: str) -> int:
    """Run the blocks as one program. Returns how many lines were checked. Raises what the program raises."""
    checks = Checks()
    with module(file) as scope:
        scope["_checks"] = checks
        asyncio.run(_run(blocks, file, scope))
    return checks.made


@contextlib.contextmanager
def module(name: str) -> Iterator[dict[str, Any]]:
    """The names of a module that is there for as long as the example runs; its messages are forgotten then."""
    example = types.ModuleType(f"example_{re.sub(r'[^a-z0-9]', '_', name.lower())}")
    sys.modules[example.__name__] = example  # dataclasses look their module up
    try:
        yield example.__dict__
    finally:
        del sys.modules[example.__name__]
        messages.exchange(messages.types_in(lambda module: module == example.__name__), ())


def program_of(module: types.ModuleType) -> str:
    """The program in a docstring: every indented block of it, in order."""
    lines = (module.__doc__ or "").splitlines()
    program = [line if line.startswith("    ") else "" for line in lines]
    return textwrap.dedent("\n".join(program)).strip() + "\n"


def run_program(of: types.ModuleType) -> None:
    """Run the program in a docstring, on nodes that are strict as in any test; what it claims, it asserts."""
    program = program_of(of)
    assert "assert " in program, f"the example of {of.__name__} claims nothing"
    with module(of.__name__) as scope, patch.object(mirliton.runtime, "Node", partial(Node, strict=True)):
        exec(compile(program, f"<example of {of.__name__}>", "exec"), scope)


async def _run(blocks: list[Block], file: str, scope: dict[str, Any]) -> None:
    async with asyncio.timeout(PATIENCE), Node("demo@localhost", strict=True) as node:
        scope["node"] = node
        for block in blocks:
            tree = _checked(ast.parse(block.code, file), block.code.splitlines())
            ast.increment_lineno(tree, block.line - 1)
            code = compile(tree, file, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            running = eval(code, scope)
            if inspect.iscoroutine(running):
                await running
        assert node.strict_violations == []


class Checks:
    """What the program calls in place of the lines that are checked."""

    def __init__(self) -> None:
        self.made = 0

    def equals(self, value: Any, expected: str) -> None:
        self.made += 1
        assert repr(value) == expected, f"the example says {expected}, but it is {value!r}"

    def raises(self, name: str) -> Raises:
        self.made += 1
        return Raises(name)


class Raises:
    """A block that must raise an exception of that name, or of a class derived from it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        assert kind is not None, f"the example says it raises {self.name}, but it raises nothing"
        return self.name in (base.__name__ for base in kind.__mro__)


def _checked(tree: ast.Module, lines: list[str]) -> ast.Module:
    """The program with its commented expressions, at any depth, made into checks."""

    class Checking(ast.NodeTransformer):
        def visit_Expr(self, node: ast.Expr) -> ast.stmt:
            assert node.end_lineno is not None
            comment = lines[node.end_lineno - 1][node.end_col_offset :].strip()
            if not comment.startswith("#"):
                return node
            promise = comment[1:].strip()
            if (raises := _RAISES.match(promise)) is not None:
                guard = ast.parse(f"with _checks.raises({raises[1]!r}): pass").body[0]
                assert isinstance(guard, ast.With)
                guard.body = [node]
                return _placed(guard, node)
            if (expected := _literal(promise)) is None:
                return node
            check = ast.parse(f"_checks.equals(None, {expected!r})").body[0]
            assert isinstance(check, ast.Expr) and isinstance(check.value, ast.Call)
            check.value.args[0] = node.value
            return _placed(check, node)

    checked: ast.Module = Checking().visit(tree)
    return checked


def _placed(new: ast.stmt, old: ast.stmt) -> ast.stmt:
    for part in ast.walk(new):
        if "lineno" in part._attributes and getattr(part, "end_lineno", None) != old.end_lineno:
            ast.copy_location(part, old)
    return new


def _literal(promise: str) -> str | None:
    """The value that a comment promises, as its repr; None for a comment that promises none."""
    for text in (promise, promise.rpartition(": ")[0], promise.partition(": ")[0]):
        try:
            value = ast.parse(text, mode="eval").body
            return text if isinstance(value, ast.Call) else repr(ast.literal_eval(value))
        except (ValueError, SyntaxError):
            continue
    return None
