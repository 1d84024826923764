"""Values that end up in exit reasons and answers, which must be able to travel."""

from __future__ import annotations

from typing import Any

from mirliton.runtime import CodecError, encode


def sendable(value: Any) -> Any:
    """The value, or its description in words where the codec would refuse it (a faulty spec may hold anything)."""
    if is_sendable(value):
        return value
    if type(value) is tuple:
        return tuple(sendable(part) for part in value)
    return repr(value)


def is_sendable(value: Any) -> bool:
    """Whether the codec takes this value."""
    try:
        encode(value)
    except CodecError:
        return False
    return True
