"""Lists as tables: what asks for `text/csv` (or `?accept=csv`) gets the rows of its page as CSV (RFC 4180)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any, Final

import orjson

from mirliton.api.context import Answer, Context, Page, Raw

_NUMBER: Final = re.compile(r"[+-][0-9 ()./-]*")


def listed(
    context: Context, rows: Sequence[dict[str, Any]], place: Page, name: str, columns: Sequence[str] | None = None
) -> Answer | Raw:
    """The rows as JSON or, where that is asked for, as a table.

    `columns` are its headings; by default all members that some row has, in the order of their appearance.
    """
    if not wants_csv(context):
        return Answer(list(rows), page=place)
    given = context.request.headers.get("X-File-Name") or context.query.get("file_name") or f"{name}.csv"
    return Raw(table(rows, columns), "text/csv; charset=utf-8", re.sub(r"[^A-Za-z0-9._-]", "_", given[:64]))


def wants_csv(context: Context) -> bool:
    """Whether a table is asked for."""
    asked: str = context.query.get("accept") or context.request.headers.get("Accept") or ""
    return asked.strip().lower().partition(";")[0] in ("csv", "text/csv")


def table(rows: Sequence[dict[str, Any]], columns: Sequence[str] | None = None) -> bytes:
    """The rows as CSV, with a line of headings."""
    headings = list(dict.fromkeys(key for row in rows for key in row)) if columns is None else columns
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(headings)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in headings])
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    """A value as a spreadsheet may read it: a name that a caller made up must not become a formula."""
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    shown = "" if value is None else str(value)
    if shown[:1] in ("=", "@", "\t", "\r") or (shown[:1] in ("+", "-") and not _NUMBER.fullmatch(shown)):
        return f"'{shown}"
    return shown
