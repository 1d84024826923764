"""What was asked of a view, checked: the same questions are refused whichever backend is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Unpack

from mirliton.actors.store import checks
from mirliton.actors.store.collation import HIGH, encode
from mirliton.actors.store.errors import BadQuery, TooLarge
from mirliton.actors.store.interface import UNSET, IdOptions
from mirliton.actors.store.values import Limits
from mirliton.actors.store.views import Reduce, View

Range = tuple[bytes, bytes]
"""Encoded keys from the first (included) up to the second (not included)."""

_MOST_ROWS = 10**9
_JUST_ABOVE = b"\x00"
# No encoded key is the beginning of another one, so nothing but the key itself lies between it and this.

EVERYTHING: Range = (b"", HIGH)


@dataclass(frozen=True, slots=True)
class Query:
    """A question to one view. `ranges` are read one after the other, each in the direction of `descending`."""

    view: View
    ranges: tuple[Range, ...]
    descending: bool
    limit: int | None
    skip: int
    include_docs: bool
    reduce: Reduce | None
    """How the rows are reduced; None: not at all."""
    group: bool
    """One row per key (or per first `group_level` elements of it) instead of one for everything."""
    group_level: int | None

    @property
    def whole(self) -> bool:
        """Whether every row of the view is asked."""
        return self.ranges == (EVERYTHING,)


def view_query(
    view: View,
    most_keys: int,
    *,
    key: Any = UNSET,
    keys: Sequence[Any] | None = None,
    startkey: Any = UNSET,
    endkey: Any = UNSET,
    inclusive_end: bool = True,
    descending: bool = False,
    limit: int | None = None,
    skip: int = 0,
    include_docs: bool = False,
    reduce: bool | None = None,
    group: bool = False,
    group_level: int | None = None,
) -> Query:
    """The question that these options ask. Raises BadQuery, and TooLarge for more than `most_keys` keys."""
    check_paging(view.name, limit, skip)
    if reduce and not view.reduce:
        raise BadQuery(view.name, "it has no reduce")
    reducing = view.reduce if reduce is not False else None
    grouped = group or group_level is not None
    if grouped and not reducing:
        raise BadQuery(view.name, "only a reduced view can be grouped")
    if group_level is not None and (group_level < 1 or isinstance(group_level, bool)):
        raise BadQuery(view.name, f"group_level counts from 1, not {group_level}")
    if include_docs and reducing:
        raise BadQuery(view.name, "a reduced row has no document to include")
    if keys is not None and reducing and not (group and group_level is None):
        raise BadQuery(view.name, "a reduce over several keys needs group=True")
    return Query(
        view=view,
        ranges=_ranges(view.name, key, keys, startkey, endkey, inclusive_end, descending, most_keys),
        descending=descending,
        limit=limit,
        skip=skip,
        include_docs=include_docs,
        reduce=reducing,
        group=grouped,
        group_level=group_level,
    )


@dataclass(frozen=True, slots=True)
class IdQuery:
    """A question to all documents by id."""

    keys: Sequence[str] | None = None
    """The ids that are asked, already cut to the page; else the range and the page count."""
    startkey: str | None = None
    endkey: str | None = None
    inclusive_end: bool = True
    descending: bool = False
    limit: int | None = None
    skip: int = 0
    include_docs: bool = False

    @property
    def range(self) -> tuple[str, str | None]:
        """The ids from the first (included) up to the second (not included; None: no end)."""
        just_above = "\0"  # no id lies between an id and the id with this behind it
        first, last = (self.endkey, self.startkey) if self.descending else (self.startkey, self.endkey)
        if first is not None and self.descending and not self.inclusive_end:
            first += just_above
        if last is not None and (self.descending or self.inclusive_end):
            last += just_above
        return first or "", last


def id_query(limits: Limits, **options: Unpack[IdOptions]) -> IdQuery:
    """The question that these options ask. Raises BadQuery, and TooLarge for more ids than `limits` allow."""
    asked = IdQuery(**options)
    check_paging("_all_docs", asked.limit, asked.skip)
    checks.id_range(asked.keys, asked.startkey, asked.endkey)
    if asked.keys is None:
        return asked
    ids = checks.ids(asked.keys, limits)
    end = None if asked.limit is None else asked.skip + asked.limit
    return replace(asked, keys=ids[asked.skip : end])


def check_paging(view: str, limit: int | None, skip: int) -> None:
    """Raises BadQuery where the page is not one."""
    for name, value in (("limit", limit), ("skip", skip)):
        if value is not None and (type(value) is not int or not 0 <= value <= _MOST_ROWS):
            raise BadQuery(view, f"{name} must be a whole number from 0 to {_MOST_ROWS}, not {str(value)[:40]}")


def _ranges(
    view: str,
    key: Any,
    keys: Sequence[Any] | None,
    startkey: Any,
    endkey: Any,
    inclusive_end: bool,
    descending: bool,
    most_keys: int,
) -> tuple[Range, ...]:
    by_range = startkey is not UNSET or endkey is not UNSET
    if (key is not UNSET) + (keys is not None) + by_range > 1:
        raise BadQuery(view, "key, keys and startkey/endkey exclude one another")
    if key is not UNSET:
        return (_only(view, key),)
    if keys is not None:
        if not isinstance(keys, list | tuple):
            raise BadQuery(view, f"keys must be a list, not a {type(keys).__name__}")
        if len(keys) > most_keys:
            raise TooLarge(f"the list of keys for {view}", len(keys), most_keys, "keys")
        return tuple(_only(view, one) for one in keys)
    start, end = _encoded(view, startkey), _encoded(view, endkey)
    if start is not None and end is not None and (start < end if descending else start > end):
        raise BadQuery(view, "no key can lie between startkey and endkey; exchange them or turn descending round")
    if descending:
        low = b"" if end is None else end if inclusive_end else end + _JUST_ABOVE
        return ((low, HIGH if start is None else start + _JUST_ABOVE),)
    high = HIGH if end is None else end + _JUST_ABOVE if inclusive_end else end
    return ((start or b"", high),)


def _only(view: str, key: Any) -> Range:
    encoded = _encoded(view, key)
    if encoded is None:
        raise BadQuery(view, "UNSET is not a key")
    return encoded, encoded + _JUST_ABOVE


def _encoded(view: str, key: Any) -> bytes | None:
    if key is UNSET:
        return None
    try:
        return encode(key)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadQuery(view, f"the key {ascii(key)[:80]} cannot be one: {error}") from error
