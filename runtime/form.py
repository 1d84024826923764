"""Which form of the runtime this is: pure Python, or with the way of a message compiled (see setup.py)."""

from __future__ import annotations

from typing import Final

from mirliton.runtime import scheduler

COMPILED: Final = not str(scheduler.__file__).endswith(".py")
"""Whether the message path runs as C extension modules. It does the same, about twice as fast."""
