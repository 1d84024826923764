"""A kill is asked about first."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static


class AskKill(ModalScreen[bool]):
    """Answers whether to kill."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "answer(True)", "kill it"),
        ("n,escape,q", "answer(False)", "leave it"),
    ]

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def compose(self) -> ComposeResult:
        with Vertical(id="question"):
            yield Static(f"Kill [b]{self._process}[/b]? Its supervisor does what its child spec says.")
            yield Static("[b]y[/b] kill it    [b]n[/b] leave it")

    def action_answer(self, kill: bool) -> None:
        self.dismiss(kill)
