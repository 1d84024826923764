"""The rows of a channel table by leg and by account, and a memory of the legs that have gone."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from typing import Any, Final

from mirliton.ecallmgr.row import Row

REMEMBERED: Final = 20_000
"""Legs that are known to have gone: events that come late (a switch sends some) do not bring them back."""


class Table:
    """Rows by leg id. Whatever changes a row's id or account goes through here."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._accounts: defaultdict[str, set[str]] = defaultdict(set)
        self._indexed: dict[str, str] = {}
        self._gone: OrderedDict[str, tuple[int | None, bool]] = OrderedDict()
        self.ended = 0
        """Rows of ended legs: their record is not stored yet."""

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, uuid: str) -> bool:
        return uuid in self._rows

    def get(self, uuid: str) -> Row | None:
        return self._rows.get(uuid)

    def up(self) -> Iterator[Row]:
        """The legs that are up."""
        return (row for row in list(self._rows.values()) if not row.ended)

    def of_account(self, account_id: str) -> list[Row]:
        """The legs of an account that are up."""
        rows = (self._rows[uuid] for uuid in self._accounts.get(account_id, ()))
        return [row for row in rows if not row.ended]

    def put(self, row: Row) -> None:
        """Take a row in, or note that its account may have changed."""
        uuid = row.uuid
        self._rows[uuid] = row
        account_id = row.account_id
        if self._indexed.get(uuid) != account_id:
            self._forget_account(uuid)
            if account_id is not None:
                self._accounts[account_id].add(uuid)
                self._indexed[uuid] = account_id

    def end(self, row: Row) -> None:
        """Its leg has ended; the row stays until `remove`."""
        if not row.ended:
            row.ended = True
            self.ended += 1

    def remove(self, row: Row) -> None:
        """Forget a row; an ended one is remembered as gone."""
        if self._rows.pop(row.uuid, None) is None:
            return
        self._forget_account(row.uuid)
        if row.ended:
            self.ended -= 1
            self._gone[row.uuid] = (row.leg.channel_created_time, row.provisional)
            if len(self._gone) > REMEMBERED:
                self._gone.popitem(last=False)

    def rename(self, old: str, leg: Any, run: str) -> None:
        """The leg `old` is `leg` from now on, for the legs that talk with it, too."""
        row = self._rows.get(old)
        if row is None or row.ended or leg.call_id in self._rows:
            return
        self._rows.pop(old)
        self._forget_account(old)
        row.learn(leg, run)
        self.put(row)
        for other in self._rows.values():
            if other.other_leg == old:
                other.other_leg = leg.call_id

    def is_gone(self, leg: Any) -> bool:
        """Whether this leg (a kapi call event) has gone. A new one may have the id of an earlier: it was made later."""
        found = self._gone.get(leg.call_id)
        if found is None:
            return False
        made, created = leg.channel_created_time, found[0]
        return made is None or created is None or made <= created

    def remembers(self, uuid: str) -> bool:
        """Whether a leg of this id has gone."""
        return uuid in self._gone

    def gone_provisionally(self, uuid: str) -> bool:
        """Whether a leg that has gone was recorded by what we inferred."""
        return self._gone.get(uuid, (None, False))[1]

    def _forget_account(self, uuid: str) -> None:
        account_id = self._indexed.pop(uuid, None)
        if account_id is not None:
            self._accounts[account_id].discard(uuid)
            if not self._accounts[account_id]:
                del self._accounts[account_id]
