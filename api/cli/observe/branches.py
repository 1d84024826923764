"""The supervision tree on the screen: follows the node without losing what is open or where the cursor is."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from mirliton.api.cli.observe.sampling import Branch, Sample

OPEN_LEVELS = 2
"""Levels that are open at the start."""


class Branches(Tree[Branch]):
    """Every node's data is its Branch."""

    def __init__(self) -> None:
        super().__init__("…", id="tree")
        self._drawn: dict[Branch, TreeNode[Branch]] = {}
        self._pids: dict[Branch, str | None] = {}

    def open_branches(self) -> list[Branch]:
        """The supervisors whose children are shown."""
        return [branch for branch, node in self._drawn.items() if node.is_expanded]

    def show(self, sample: Sample) -> None:
        """Draw what the sample says."""
        for branch in [branch for branch in self._drawn if branch not in sample.tree]:
            node = self._drawn.pop(branch)
            self._pids.pop(branch, None)
            if node.parent is not None and node.parent.data in sample.tree:
                node.remove()
        for branch, process in sample.tree.items():
            self._draw(branch, process, sample)

    def _draw(self, branch: Branch, process: dict[str, Any], sample: Sample) -> None:
        node = self._drawn.get(branch)
        if node is None:
            node = self._add(branch, process)
        pid = process.get("pid")
        is_new = branch in self._pids and self._pids[branch] != pid
        self._pids[branch] = pid
        label = describe(branch, process, sample.rates.get(pid or "", 0.0), is_new)
        if node.label != label:
            node.set_label(label)

    def _add(self, branch: Branch, process: dict[str, Any]) -> TreeNode[Branch]:
        if len(branch) == 1:
            node = self.root
            node.data = branch
            node.expand()
        elif "strategy" in process:
            node = self._drawn[branch[:-1]].add("", branch, expand=len(branch) <= OPEN_LEVELS)
        else:
            node = self._drawn[branch[:-1]].add_leaf("", branch)
        self._drawn[branch] = node
        return node


def describe(branch: Branch, process: dict[str, Any], rate: float, is_new: bool) -> Text:
    """One process in a line: who it is, and what deserves a look."""
    label = Text((process.get("names") or [branch[-1]])[0], style="bold" if "strategy" in process else "")
    if process.get("class") not in (None, "Supervisor"):
        label.append(f"  {process['class']}", "dim")
    if "strategy" in process:
        label.append(f"  {process['strategy']}, {process['intensity']} in {process['period']:g} s", "dim")
    if process["pid"] is None:
        label.append(f"  {process['status']}", "red")
    elif process["status"] == "suspended":
        label.append("  suspended", "yellow")
    if process.get("mailbox_length"):
        label.append(f"  ✉ {process['mailbox_length']}", "yellow")
    if rate >= 0.5:
        label.append(f"  {rate:,.0f}/s", "cyan")
    if process.get("restarts"):
        label.append(f"  ↻ {process['restarts']}", "magenta")
    if is_new:
        label.append("  new", "bold green")
    if process.get("not_shown"):
        label.append(f"  … and {process['not_shown']} more", "dim")
    if process.get("error"):
        label.append(f"  {process['error']}", "red")
    return label
