"""Upgrades at an operator's word, through the control socket: from what is installed, or from a folder of his."""

from __future__ import annotations

import dataclasses
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from mirliton.runtime import Address, Process
from mirliton.supervisors.application import APPLICATIONS, Application
from mirliton.supervisors.application_controller import ApplicationController
from mirliton.supervisors.errors import BadRequest
from mirliton.supervisors.supervisor import Supervisor
from mirliton.supervisors.upgrades import downgrade, upgrade, upgrade_tree

TIMEOUT: Final = 20.0
"""Seconds that an upgrade has: less than the control socket waits, so that the operator hears what came of it."""


class OperatorUpgrades:
    """What can be upgraded on a node: the applications of its controller, and `parts` of the tree below `root`."""

    def __init__(self, asker: Process, root: Address, parts: Sequence[Application]) -> None:
        self._asker = asker
        self._root = root
        self._parts = {part.name: part for part in parts}

    async def upgrade(self, name: str, folder: str, *, down: bool) -> dict[str, Any]:
        """The report as plain data. `folder` "" is what is installed. Raises BadRequest or UpgradeFailed."""
        path = _folder(folder) if folder else None
        node = self._asker.node
        found = self._find(name)
        self._asker.log.warning(
            "audit",
            operation="downgrade" if down else "upgrade",
            by="control socket",
            application=name,
            path=folder or "installed",
        )
        if found is None:
            change = downgrade if down else upgrade
            report = await change(node, name, path=path, timeout=TIMEOUT)
        else:
            part, top = found

            def adopt(other: Application) -> None:
                self._parts[name] = other

            report = await upgrade_tree(node, part, top, adopt=adopt, path=path, down=down, timeout=TIMEOUT)
        return dataclasses.asdict(report)

    def _find(self, name: str) -> tuple[Application, Address] | None:
        """The part of the tree of that name; None when it is the controller's."""
        node = self._asker.node
        controller = node.find(APPLICATIONS)
        known = controller.actor.known if controller and isinstance(controller.actor, ApplicationController) else {}
        if name in known:
            return None
        if name not in self._parts:
            there = ", ".join(sorted([*known, *self._parts])) or "none"
            raise BadRequest(f"no application is called {name!r}; there are: {there}")
        root = node.find(self._root)
        child = root.actor.children.by_id(name) if root and isinstance(root.actor, Supervisor) else None
        if child is None or child.process is None:
            raise BadRequest(f"{name} does not run now")
        return self._parts[name], child.process


def _folder(path: str) -> Path:
    folder = Path(path)
    if not folder.is_absolute() or not folder.is_dir():
        raise BadRequest(f"{path} is no folder; an absolute path is wanted")
    if folder.stat().st_mode & stat.S_IWOTH:
        raise BadRequest(f"{path} can be written by everybody: no code is taken from there")
    return folder
