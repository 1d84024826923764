"""Filling in templates that customers may have written.

Kazoo's templates are Django's; what its own use of that language is Jinja's too. A template comes from whoever may edit
an account, so it is held to what cannot take long or reach further than its macros: text, values, filters, conditions
and loops over a value, none of them inside another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from itertools import islice
from math import prod
from typing import Any, Final, cast

from jinja2 import Template, TemplateError, Undefined, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST: Final = 256 * 1024
"""Characters of a template."""
LONGEST_RENDERED: Final = 2 * 1024 * 1024
MOST_NODES: Final = 1000
"""Values, filters, conditions … that a template may have."""
LONGEST_CONSTANT: Final = 1000
"""Characters of a text inside an expression."""
MOST_ROUNDS: Final = 100
"""Elements that a loop goes over."""
MOST_FILTERED: Final = 4_000_000
"""Characters that all filters together may read or write. These four bound how long it takes to fill in a template."""
_NODES: Final = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Const),
    *(nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Filter),
    *(nodes.Test, nodes.For, nodes.Tuple),
)
_FILTERS: Final = frozenset(
    {"capitalize", "default", "escape", "e", "first", "join", "last", "length", "lower", "title", "trim", "upper"}
)


class InvalidTemplate(Exception):
    """A template that cannot be filled in. `problem` says why, with the line where there is one."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def render(source: str, macros: Mapping[str, Any], *, html: bool) -> str:
    """The template with its macros filled in, escaped for HTML or not. A macro that there is none of is empty.

    What no encoding can carry (half a surrogate pair) comes out as a question mark. Raises InvalidTemplate.
    """
    made: list[str] = []
    length = 0
    try:
        template = _compiled(source, html)
        cast(_Environment, template.environment).left = MOST_FILTERED
        for piece in template.generate(macros):
            made.append(piece)
            length += len(piece)
            if length > LONGEST_RENDERED:
                raise InvalidTemplate(f"it becomes longer than {LONGEST_RENDERED} characters")
    except (TemplateError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise InvalidTemplate(str(error)) from error
    return "".join(made).encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=256)
def _compiled(source: str, html: bool) -> Template:
    if len(source) > LONGEST:
        raise InvalidTemplate(f"it has {len(source)} characters, and may have {LONGEST}")
    environment = _Environment(autoescape=html, undefined=_Empty, cache_size=0)
    environment.globals.clear()
    environment.filters = {name: environment.charging(environment.filters[name]) for name in _FILTERS}
    environment.filters[_ROUNDS] = _rounds
    try:
        tree = environment.parse(source)
        _check(tree, in_loop=False)
        if sum(1 for _ in tree.find_all(nodes.Node)) > MOST_NODES:
            raise InvalidTemplate(f"it may have {MOST_NODES} values and conditions, and has more")
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, _ROUNDS, [], [], None, None, lineno=loop.lineno)
        return environment.from_string(tree)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise InvalidTemplate(f"{error}" + (f" (line {line})" if line else "")) from error
    except (RecursionError, SyntaxError):  # Python's own bounds on how deep a block may be
        raise InvalidTemplate("it is nested too deeply") from None


class _Environment(ImmutableSandboxedEnvironment):
    """Has its filters pay for what they go through. A template is filled in without a pause, so one count will do."""

    left = MOST_FILTERED

    def charging(self, filter_: Callable[..., Any]) -> Callable[..., Any]:
        """The filter, which refuses when too much has been filtered already."""

        @wraps(filter_)
        def charged(*args: Any) -> Any:
            # join writes a text between all elements of another: so a product.
            self.left -= prod(len(one) + 1 for one in args if isinstance(one, str | list | tuple))
            if self.left < 0:
                raise InvalidTemplate(f"its filters have more than {MOST_FILTERED} characters to go through")
            return filter_(*args)

        return charged


_ROUNDS: Final = "rounds"


def _rounds(value: Any) -> list[Any]:
    """What a loop goes over."""
    return list(islice(value, MOST_ROUNDS))


class _Empty(Undefined):
    """What is not there: empty, and so is every member of it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, name: Any) -> Any:
        return self


def _check(node: nodes.Node, *, in_loop: bool) -> None:
    """Raise InvalidTemplate for what a mail's template may not have."""
    if not isinstance(node, _NODES):
        raise InvalidTemplate(f"a mail's template may not have a {type(node).__name__} (line {node.lineno})")
    if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        raise InvalidTemplate(f"there is no filter {node.name!r} (line {node.lineno})")
    if isinstance(node, nodes.Const) and isinstance(node.value, str) and len(node.value) > LONGEST_CONSTANT:
        raise InvalidTemplate(f"a text is longer than {LONGEST_CONSTANT} characters (line {node.lineno})")
    if isinstance(node, nodes.For):
        if in_loop or node.recursive:
            raise InvalidTemplate(f"a loop may not be inside another (line {node.lineno})")
        in_loop = True
    for child in node.iter_child_nodes():
        _check(child, in_loop=in_loop)
