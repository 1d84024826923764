"""Carries out one task, from its last checkpoint to its end.

A checkpoint is a part of the output and, after it, the task's document, which says how many rows are done. What is
killed between two checkpoints does the rows since the last one again, and actions do nothing twice that is done; so
whoever takes the task over goes on as if nothing had been. The document is written from the revision that was read: a
worker that was thought dead finds that another has the task, and leaves it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import structlog

from mirliton.actors.store import Conflict, Document, NotFound, update
from mirliton.whapps.tasks import record, table
from mirliton.whapps.tasks.action import Action, OutRow, RowFailed, Run
from mirliton.whapps.tasks.record import DATABASE, INPUT

log = structlog.get_logger()

ROWS: Final = 50
"""Rows between two checkpoints at most."""
SECONDS: Final = 2.0
"""Seconds between two checkpoints, about."""

End = Literal["ended", "stopped", "left"]


async def carry_out(run: Run, action: Action, doc: Document, worker: str, node: str, pause: float = 0.0) -> End:
    """Do what is left of a task; "left": somebody else has it, or it is gone. `worker` tells this attempt from others.

    `pause`: seconds after each row, so that the rest of the system does not suffer. Raises StoreError; the task is as
    it was at the last checkpoint then.
    """
    work = _Work(run, action, worker, node, pause)
    try:
        if not await work.claim(doc):
            return "left"
        return await (work.rows() if action.row is not None else work.listing())
    except (NotFound, _Lost):
        log.info("task_left", task=run.task_id)
        return "left"


class _Lost(Exception):
    """Somebody else has the task."""


class _Work:
    def __init__(self, run: Run, action: Action, worker: str, node: str, pause: float) -> None:
        self.run = run
        self.action = action
        self.worker = worker
        self.node = node
        self.pause = pause
        self.doc: Document = {}

    async def claim(self, doc: Document) -> bool:
        try:
            claim = int(doc.get("pvt_claim") or 0) + 1
            mine = {"pvt_worker": self.worker, "pvt_worker_node": self.node, "pvt_claim": claim}
            self.doc = await self._put({**doc, **mine})
        except Conflict:
            return False
        return True

    async def rows(self) -> End:
        assert self.action.row is not None
        attached = await self.run.store.get_attachment(DATABASE, self.run.task_id, INPUT)
        headings, rows = await asyncio.to_thread(table.read, attached.data)
        columns = self.action.columns(headings)
        done = int(self.doc.get("pvt_rows_done") or 0)
        while done < len(rows):
            if self._told_to_stop():
                return await self._end("stopped")
            out: list[OutRow] = []
            failed = 0
            began = time.monotonic()
            for number in range(done, min(done + ROWS, len(rows))):
                row = rows[number]
                try:
                    out.append({**row, **await self.action.row(self.run, number, row)})
                except RowFailed as error:
                    failed += 1
                    out.append({**row, "error": str(error)})
                if self.pause:
                    await asyncio.sleep(self.pause)
                if time.monotonic() - began > SECONDS:
                    break
            await self._checkpoint(done, columns, out, failed, {"pvt_rows_done": done + len(out)})
            done += len(out)
        return await self._end(record.outcome(self.doc))

    async def listing(self) -> End:
        assert self.action.listing is not None
        number = int(self.doc.get("pvt_rows_done") or 0)
        if self.doc.get("pvt_listed"):
            return await self._end(record.outcome(self.doc))
        async for rows, place in self.action.listing(self.run, self.doc.get("pvt_place")):
            reached = {"pvt_rows_done": number + len(rows), "pvt_place": place, "pvt_total_rows": number + len(rows)}
            await self._checkpoint(number, self.action.output, rows, 0, reached)
            number += len(rows)
            if self._told_to_stop():
                return await self._end("stopped")
        if number == 0:  # a table without rows has its headings
            await self._checkpoint(0, self.action.output, [], 0, {"pvt_total_rows": 0, "pvt_listed": True})
        return await self._end(record.outcome(self.doc))

    async def _checkpoint(
        self, first: int, columns: Sequence[str], rows: Sequence[OutRow], failed: int, reached: Mapping[str, Any]
    ) -> None:
        """What was done since the last one, and that it was; the rows begin at number `first`."""
        claim = int(self.doc["pvt_claim"])
        part = {
            "pvt_type": "task_output",
            "pvt_account_id": self.run.account_id,
            "pvt_claim": claim,
            "csv": table.write(columns, rows, heading=first == 0),
        }

        def written(old: Document) -> Document:
            if int(old.get("pvt_claim") or 0) > claim:
                raise _Lost
            return {**old, **part}

        await update(self.run.store, DATABASE, record.part_id(self.run.task_id, first), written, create=True)
        await self._write(
            {
                **reached,
                "pvt_total_rows_failed": int(self.doc.get("pvt_total_rows_failed") or 0) + failed,
                "pvt_total_rows_succeeded": int(self.doc.get("pvt_total_rows_succeeded") or 0) + len(rows) - failed,
            }
        )

    def _told_to_stop(self) -> bool:
        return bool(self.doc.get("pvt_stop"))

    async def _end(self, status: record.Status) -> End:
        while True:
            try:
                self.doc = await self._put(record.finished(self.doc, status, self.run.clock()))
            except Conflict:
                await self._read_again()
            else:
                return "stopped" if status == "stopped" else "ended"

    async def _write(self, fields: Mapping[str, Any]) -> None:
        """Write these fields; a stop that was asked for meanwhile stays."""
        while True:
            try:
                self.doc = await self._put({**self.doc, **fields})
                return
            except Conflict:
                await self._read_again()

    async def _read_again(self) -> None:
        """Who wrote the document meanwhile asked for a stop, or has the task now. Raises _Lost."""
        there = await self.run.store.get(DATABASE, self.run.task_id)
        if (there.get("pvt_worker"), there.get("pvt_claim")) != (self.worker, self.doc.get("pvt_claim")):
            raise _Lost
        self.doc = there

    async def _put(self, doc: Document) -> Document:
        written = {**doc, "pvt_beat": self.run.clock()}
        return {**written, "_rev": await self.run.store.put(DATABASE, written)}
