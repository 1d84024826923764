"""The registry of message types."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from mirliton.runtime import message, registered
from mirliton.runtime.messages import type_named, type_of


@message("test.messages.point")
class Point:
    """Where."""

    x: int
    y: int = 0


def test_a_message_is_frozen_and_slotted() -> None:
    point: Any = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.x = 2
    assert not hasattr(point, "__dict__")
    assert (point, point.y, Point.__doc__) == (Point(1, 0), 0, "Where.")


def test_a_message_is_registered_under_its_tag() -> None:
    assert registered()["test.messages.point"] is Point
    assert type_named("test.messages.point").cls is Point
    entry = type_of(Point(1))
    assert entry is not None
    assert (entry.tag, entry.fields, entry.required) == ("test.messages.point", ("x", "y"), 1)
    assert type_of(1) is None


def test_a_tag_belongs_to_one_class() -> None:
    with pytest.raises(ValueError, match=r"test\.messages\.point.*Point"):

        @message("test.messages.point")
        class Other:
            pass


def test_the_same_class_may_be_registered_again() -> None:
    def define() -> Any:
        @message("test.messages.again")
        class Again:
            n: int

        return Again

    first, second = define(), define()
    assert first is not second
    assert registered()["test.messages.again"] is second


def test_the_runtime_has_only_tags_of_its_own_families() -> None:
    own = {tag for tag, cls in registered().items() if cls.__module__.startswith("mirliton.runtime")}
    assert own
    assert {tag.partition(".")[0] for tag in own} == {"gen_event", "key_registry", "otp", "statem", "sys"}
