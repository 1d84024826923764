"""An action: what a task does with each row that it is given, or lists without any."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mirliton.actors.store import InvalidName, NotFound, Store
from mirliton.actors.store.names import account_db
from mirliton.whapps.tasks.table import Row

OutRow = Mapping[str, Any]


class RowFailed(Exception):
    """A row that cannot be done; why stands in the output beside it."""


@dataclass(frozen=True, slots=True)
class Run:
    """What an action is given: where it works, and for whom."""

    store: Store
    clock: Callable[[], float]
    """Unix seconds."""
    task_id: str
    account_id: str
    auth_account_id: str
    """Whose user made the task."""
    master: bool
    """Whether that is the master account."""

    async def reaches(self, account_id: str) -> bool:
        """Whether the task's account has power over this one: it is it, or above it, or the master made the task."""
        if self.master or account_id == self.account_id:
            return True
        try:
            account = await self.store.get(account_db(account_id), account_id)
        except (NotFound, InvalidName):
            return False
        tree = account.get("pvt_tree")
        return isinstance(tree, list) and self.account_id in tree


DoRow = Callable[[Run, int, Row], Awaitable[OutRow]]
"""Do one row; its number counts from 0. May be called again for a row that is done, and must not do it twice. Raises
RowFailed; StoreError ends the attempt, and the row is tried again later."""

DoList = Callable[[Run, Any], AsyncIterator[tuple[Sequence[OutRow], Any]]]
"""Pages of rows, each with what tells where the next begins: what the first is begun with is None, or a kept one."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do. It goes through rows that it is given (`row`), or lists (`listing`) without input."""

    category: str
    name: str
    description: str
    mandatory: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    """The columns of what it lists; what it does to rows gives them back with what it adds, and with an error."""
    row: DoRow | None = None
    listing: DoList | None = None
    masters: bool = False
    """Whether only the master account may."""

    def help(self) -> dict[str, Any]:
        """What the API says of it."""
        told: dict[str, Any] = {
            "description": self.description,
            "expected_content": "text/csv" if self.row is not None else None,
            "mandatory": list(self.mandatory),
            "optional": list(self.optional),
        }
        return {key: value for key, value in told.items() if value is not None}

    def problems(self, headings: Sequence[str]) -> dict[str, list[str]]:
        """What is wrong with the columns of an input, in Kazoo's words."""
        missing = [name for name in self.mandatory if name not in headings]
        unknown = [name for name in headings if name not in (*self.mandatory, *self.optional)]
        return {
            key: value for key, value in (("missing_mandatory_fields", missing), ("unknown_fields", unknown)) if value
        }

    def columns(self, headings: Sequence[str]) -> tuple[str, ...]:
        """Of its output."""
        if self.row is None:
            return self.output
        return tuple(dict.fromkeys((*headings, *self.output, "error")))
