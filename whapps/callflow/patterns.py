"""Patterns that a tenant wrote (of a callflow, of a menu's hunting), matched in bounded time.

Python's matcher tries one way after the other and cannot be stopped while it does, so a pattern that may have too many
ways is not run at all: it counts as one that does not match. What is refused can be said in other words: a repetition
of a repetition (`(\\d+)*`), many repetitions in a row (`\\d*\\d*\\d*\\d*`), many groups with alternatives in a row.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import comb
from typing import Final

MAX_PATTERN: Final = 256
"""Characters (Kazoo's schema allows as many)."""
MAX_SUBJECT: Final = 64
"""Characters of the number that is matched."""
MAX_WAYS: Final = 1_000_000
"""Ways in which a pattern may be tried: some milliseconds."""

_ATOM: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
"""An escaped character, or a set of characters: what a pattern repeats."""
_GROUP_KIND: Final = re.compile(r"\(\?(?:P<\w+>|<?[=!]|[aiLmsux-]*[:)])")
_MARKED: Final = re.compile(r"([*+?}])[+?]")
"""A repetition that is marked as lazy or possessive."""
_NESTED: Final = re.compile(r"\)[*+{]|[*+}]\)?[*+{]")


def match(pattern: str, text: str) -> re.Match[str] | None:
    """Where `pattern` is found in `text`; None where it is not, or where the pattern is not one to run."""
    compiled = usable(pattern)
    return compiled.search(text) if compiled is not None and len(text) <= MAX_SUBJECT else None


@lru_cache(maxsize=2048)
def usable(pattern: str) -> re.Pattern[str] | None:
    """The pattern, ready to match; None for one that is wrong, or could take long."""
    if len(pattern) > MAX_PATTERN or _ways(pattern) > MAX_WAYS:
        return None
    try:
        return re.compile(pattern, re.ASCII)
    except (re.error, OverflowError, RecursionError):
        return None


def _ways(pattern: str) -> float:
    """In how many ways the pattern may be tried on the longest subject, estimated from above."""
    bare = _MARKED.sub(r"\1", _GROUP_KIND.sub("(", _ATOM.sub("x", pattern)))
    if _NESTED.search(bare):
        return float("inf")
    # n repetitions in a row share the subject out among them; each `?` is there or not.
    ways = comb(MAX_SUBJECT + (repetitions := sum(map(bare.count, "*+{"))), repetitions) * 2.0 ** bare.count("?")
    if "|" in bare:
        groups = bare.count("(") + 1
        ways *= (1.0 + bare.count("|") / groups) ** groups
    anchored = bare.startswith("^") and not _alternates(bare)
    return ways if anchored else ways * MAX_SUBJECT


def _alternates(bare: str) -> bool:
    """Whether there are alternatives outside of all groups."""
    depth = 0
    for sign in bare:
        depth += (sign == "(") - (sign == ")")
        if sign == "|" and depth == 0:
            return True
    return False
