"""A text that must not be seen: not in a log, a traceback, a settings dump or a formatted message.

>>> password = Secret("hunter2")
>>> f"{password} {password!r}"
'(hidden) Secret(hidden)'
>>> password.reveal()
'hunter2'
"""

from __future__ import annotations

import hmac
from typing import NoReturn, final


@final
class Secret:
    """Wraps a text. Only `reveal` gives it; everything that prints, serialises or iterates does not.

    Equal when the texts are equal (compared in constant time); true unless the text is empty.
    """

    __slots__ = ("_Secret__text",)

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_Secret__text", text)

    def reveal(self) -> str:
        """The text itself; ask for it where it is used and keep it in no variable that lives on."""
        text: str = object.__getattribute__(self, "_Secret__text")
        return text

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret cannot be changed")

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __str__(self) -> str:
        return "(hidden)"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.reveal().encode(), other.reveal().encode())

    def __hash__(self) -> int:
        return hash((Secret, self.reveal()))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")
