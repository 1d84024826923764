"""Tables as CSV (RFC 4180) in UTF-8, with a line of headings."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

MOST_ROWS: Final = 100_000
MOST_COLUMNS: Final = 200
Row = dict[str, str]

_NUMBER: Final = re.compile(r"[+-][0-9 ()./-]*")


class BadTable(ValueError):
    """What was given is no table; says where."""


def read(data: bytes) -> tuple[list[str], list[Row]]:
    """The headings, and the rows by heading; missing cells at the end of a row are empty. Raises BadTable."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadTable(f"it is not UTF-8 (at byte {error.start})") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    headings: list[str] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if headings is None:
                headings = _headings(cells)
            elif len(cells) > len(headings):
                raise BadTable(
                    f"line {reader.line_num} has {len(cells)} cells where there are {len(headings)} headings"
                )
            elif len(rows) >= MOST_ROWS:
                raise BadTable(f"it has more than {MOST_ROWS} rows")
            else:
                rows.append(dict(zip(headings, [*cells, *[""] * (len(headings) - len(cells))], strict=True)))
    except csv.Error as error:
        raise BadTable(f"line {reader.line_num} cannot be read: {error}") from None
    if headings is None:
        raise BadTable("it has no line of headings")
    return headings, rows


def write(headings: Sequence[str], rows: Sequence[Mapping[str, Any]], *, heading: bool = True) -> str:
    """The rows as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if heading:
        writer.writerow(headings)
    for row in rows:
        writer.writerow([cell(row.get(name)) for name in headings])
    return text.getvalue()


def cell(value: Any) -> str:
    """A value as a spreadsheet may read it: what a caller made up must not become a formula."""
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    shown = "" if value is None else str(value)
    if shown[:1] in ("=", "@", "\t", "\r") or (shown[:1] in ("+", "-") and not _NUMBER.fullmatch(shown)):
        return f"'{shown}"
    return shown


def _headings(cells: list[str]) -> list[str]:
    headings = [cell.strip() for cell in cells]
    if len(headings) > MOST_COLUMNS:
        raise BadTable(f"it has more than {MOST_COLUMNS} columns")
    if not all(headings):
        raise BadTable("a column has no heading")
    twice = sorted({heading for heading in headings if headings.count(heading) > 1})
    if twice:
        raise BadTable(f"columns stand there twice: {', '.join(twice)[:200]}")
    return headings
