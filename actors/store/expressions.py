"""The small language in which a view says what it emits.

An expression is data: a frozen dataclass of other expressions. It is evaluated here (`maps.py`) and stored with the
index it built, so that a process which does not declare a view can still keep its index current; it holds all that a
JavaScript map needs. Its meaning is JavaScript's: what is absent is *missing*, a missing member is left out of an
object and is null in an array, and missing, null, false, 0 and "" count as false.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar


class Expression:
    """Anything that has a value, given a document."""

    registry: ClassVar[dict[str, type[Expression]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.registry[cls.__name__] = cls


@dataclass(frozen=True, slots=True)
class Const(Expression):
    """A scalar that is the same for each document."""

    value: bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Field(Expression):
    """The document's value at a dotted path; `default` stands for a missing one."""

    path: str
    default: bool | int | str | None = None


@dataclass(frozen=True, slots=True)
class Each(Expression):
    """What is being iterated over (see Emit.each), or the value at a dotted path in it."""

    path: str = ""


@dataclass(frozen=True, slots=True)
class Lower(Expression):
    """A string in small letters; missing for anything else."""

    of: Expression


@dataclass(frozen=True, slots=True)
class Normalised(Expression):
    """A string in small letters with only a-z and 0-9 left, as Kazoo compares account names."""

    of: Expression


@dataclass(frozen=True, slots=True)
class First(Expression):
    """The first that counts as true, else the last."""

    of: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Joined(Expression):
    """The strings among the parts, with a separator between them."""

    of: tuple[Expression, ...]
    separator: str = " "


@dataclass(frozen=True, slots=True)
class Last(Expression):
    """The last element of an array; missing for anything else."""

    of: Expression


@dataclass(frozen=True, slots=True)
class Count(Expression):
    """How many elements an array or members an object has; 0 for anything else."""

    of: Expression


@dataclass(frozen=True, slots=True)
class Array(Expression):
    """An array of the parts."""

    of: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Object(Expression):
    """An object of the named parts, laid over the object `over` where one is given."""

    of: tuple[tuple[str, Expression], ...]
    over: Expression | None = None


@dataclass(frozen=True, slots=True)
class Equals(Expression):
    """Whether the value is this very scalar."""

    of: Expression
    value: bool | int | str | None


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """Whether the value counts as false."""

    of: Expression


@dataclass(frozen=True, slots=True)
class When(Expression):
    """One value or another, as the condition counts as true or false."""

    condition: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True, slots=True)
class Labels(Expression):
    """An array: the elements of each of `of` that is an array, then each label whose condition counts as true."""

    of: tuple[Expression, ...] = ()
    labels: tuple[tuple[str, Expression], ...] = ()


@dataclass(frozen=True, slots=True)
class EnabledIn(Expression):
    """The names of an object's members which are objects with a true `enabled`, in their order."""

    of: Expression


@dataclass(frozen=True, slots=True)
class FlowModules(Expression):
    """The modules of a callflow, each once, in the order of a walk from the root.

    A node counts when it has `data`, and that does not say `skip_module: true`.
    """

    of: Expression


def members(*names: str, **named: Expression) -> Object:
    """An object of the document's fields `names` under their own names, and of expressions under given ones."""
    return Object((*((name, Field(name)) for name in names), *named.items()))


def to_data(value: Any) -> Any:
    """An expression as JSON: an object with its class name under "op" and its fields."""
    if isinstance(value, Expression):
        parts: Any = value
        return {"op": type(value).__name__} | {
            field.name: to_data(getattr(value, field.name)) for field in fields(parts)
        }
    if isinstance(value, tuple):
        return [to_data(part) for part in value]
    return value


def from_data(data: Any) -> Any:
    """The expression of `to_data`. Raises ValueError for one that this version does not know."""
    if isinstance(data, dict):
        parts = dict(data)
        kind = Expression.registry.get(str(parts.pop("op", None)))
        if kind is None:
            raise ValueError(f"unknown operation {data.get('op')!r}")
        try:
            return kind(**{name: from_data(part) for name, part in parts.items()})
        except TypeError as error:
            raise ValueError(f"operation {data['op']!r}: {error}") from error
    if isinstance(data, list):
        return tuple(from_data(part) for part in data)
    return data


ID = Field("_id")
FLAGS = Labels(of=(Field("flags"),))
"""A document's flags; an empty array where it has none."""
