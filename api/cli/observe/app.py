"""The whole picture: figures, the tree, the busiest processes, the last crashes, and whatever is selected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from rich.markup import escape
from textual import on, work
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import DataTable, Footer, Static, Tree

from mirliton.api.cli import printing
from mirliton.api.cli.errors import CommandError
from mirliton.api.cli.observe.branches import Branches
from mirliton.api.cli.observe.sampling import Branch, Sample, Sampler
from mirliton.api.cli.observe.screens import AskKill

EVERY: Final = 1.0
"""Seconds between two looks."""


class Observer(App[None]):
    """Shows the node behind the control socket at `path`. A node that goes away is waited for."""

    TITLE = "mirliton observe"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #figures { height: 1; background: $primary; color: $text; padding: 0 1; }
    #tree { width: 3fr; }
    #right { width: 2fr; border-left: solid $primary; }
    #busiest, #dossiers { height: 1fr; }
    #detail { height: 1fr; border-top: solid $primary; padding: 0 1; }
    AskKill { align: center middle; }
    #question { width: auto; max-width: 80%; height: auto; padding: 1 2; border: thick $error; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("k", "kill", "Kill"),
        ("e", "explain", "Explain"),
        ("o", "order", "Order by mail or work"),
        ("p", "pause", "Pause"),
        ("q", "quit", "Quit"),
    ]

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._sampler = Sampler(path)
        self._paused = False
        self._order = "mailbox"
        self._dossiers: dict[str, dict[str, Any]] = {}
        self.sample: Sample | None = None
        self.selected = ""
        """The pid, or name, of the process that is looked at."""

    def compose(self) -> ComposeResult:
        yield Static("connecting …", id="figures")
        with Horizontal():
            yield Branches()
            with Vertical(id="right"):
                yield DataTable(id="busiest", cursor_type="row", zebra_stripes=True)
                yield DataTable(id="dossiers", cursor_type="row", zebra_stripes=True)
                with VerticalScroll(id="detail"):
                    yield Static(id="text")
        yield Footer()

    def on_mount(self) -> None:
        self._table("busiest").add_columns("process", "mail", "per s", "status")
        self._table("dossiers").add_columns("crash", "when", "process", "reason")
        self.query_one(Branches).focus()
        self._look()
        self.set_interval(EVERY, self._look)

    async def on_unmount(self) -> None:
        await asyncio.to_thread(self._sampler.close)

    # Looking

    @work(exclusive=True, group="looks")
    async def _look(self) -> None:
        if self._paused:
            return
        branches = self.query_one(Branches)
        try:
            sample = await asyncio.to_thread(self._sampler.sample, branches.open_branches(), self._order)
        except CommandError as error:
            self.query_one("#figures", Static).update(f"[b]{escape(str(error))}[/b]")
            return
        self.sample = sample
        self.query_one("#figures", Static).update(figures(sample))
        branches.show(sample)
        self._show_busiest(sample)
        self._show_dossiers(sample)

    def _show_busiest(self, sample: Sample) -> None:
        rows = {
            process["pid"]: (
                (process["names"] or [process["class"]])[0],
                str(process["mailbox_length"]),
                f"{sample.rates.get(process['pid'], 0.0):,.0f}",
                process["status"],
            )
            for process in sample.busiest
        }
        _fill(self._table("busiest"), rows)

    def _show_dossiers(self, sample: Sample) -> None:
        self._dossiers = {str(dossier["id"]): dossier for dossier in sample.dossiers}
        rows = {
            str(dossier["id"]): (
                str(dossier["id"]),
                datetime.fromtimestamp(dossier["when"]).strftime("%H:%M:%S"),
                (dossier["names"] or [dossier["class"]])[0],
                str(dossier["reason"]).partition("\n")[0][:80],
            )
            for dossier in sample.dossiers
        }
        _fill(self._table("dossiers"), rows)

    # Selecting

    @on(Tree.NodeHighlighted)
    def _branch_selected(self, event: Tree.NodeHighlighted[Branch]) -> None:
        if self.sample is not None and event.node.data in self.sample.tree:
            self._select(self.sample.tree[event.node.data]["pid"])

    @on(Tree.NodeExpanded)
    def _branch_opened(self) -> None:
        self._look()

    @on(DataTable.RowSelected, "#busiest")
    def _process_selected(self, event: DataTable.RowSelected) -> None:
        self._select(event.row_key.value)

    @on(DataTable.RowSelected, "#dossiers")
    def _dossier_selected(self, event: DataTable.RowSelected) -> None:
        dossier = self._dossiers.get(event.row_key.value or "")
        if dossier is not None:
            self._tell(printing.table({name: value for name, value in dossier.items() if value}))

    def _select(self, pid: str | None) -> None:
        if pid:
            self.selected = pid
            self._detail("process", printing.table)

    @work(exclusive=True, group="details")
    async def _detail(self, do: str, show: Callable[[Any], str]) -> None:
        process = self.selected
        try:
            self._tell(show(await asyncio.to_thread(self._sampler.ask, do, process=process)))
        except CommandError as error:
            self._tell(str(error))

    def _tell(self, text: str) -> None:
        self.query_one("#text", Static).update(escape(text))

    # Keys

    def action_explain(self) -> None:
        if self.selected:
            self._detail("explain", printing.explanation)

    @work
    async def action_kill(self) -> None:
        process = self.selected
        if not process:
            return
        if await self.push_screen_wait(AskKill(process)):
            try:
                killed = await asyncio.to_thread(self._sampler.ask, "kill", process=process)
            except CommandError as error:
                self.notify(str(error), severity="error", markup=False)
            else:
                self.notify(f"killed {killed['name']} {killed['killed']}", markup=False)
            self._look()

    def action_order(self) -> None:
        self._order = "handled" if self._order == "mailbox" else "mailbox"
        self._look()

    def action_pause(self) -> None:
        self._paused = not self._paused
        self.query_one("#figures", Static).update("[b]paused[/b]; p goes on")
        self._look()

    def _table(self, name: str) -> DataTable[str]:
        table: DataTable[str] = self.query_one(f"#{name}", DataTable)
        return table


def figures(sample: Sample) -> str:
    """The first line."""
    status = sample.status
    facts = [
        f"[b]{escape(status['node'])}[/b]",
        f"up {status['up_seconds']:,.0f} s",
        f"{status['processes']:,} processes",
        f"{sample.sent_rate:,.0f} messages/s",
        f"run queue {status['run_queue']}",
        f"restarts {status['restarts']}",
        f"gave up {status['gave_up']}",
        f"crashes {status['crash_dossiers']}",
        f"dead letters {status['dead_letters']}",
    ]
    facts += [f"channels {status['channels']}"] if "channels" in status else []
    return "   ".join(facts)


def _fill(table: DataTable[str], rows: Mapping[str, tuple[str, ...]]) -> None:
    """Put these rows into the table; the cursor stays with its row while that is there."""
    keys = list(table.rows)
    key = keys[table.cursor_row].value if table.cursor_row < len(keys) else None
    table.clear()
    for name, row in rows.items():
        table.add_row(*row, key=name)
    if key is not None and key in rows:
        table.move_cursor(row=list(rows).index(key))
