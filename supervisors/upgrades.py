"""Hot upgrade: a running application takes another version of its code; no process ends (OTP: release_handler, appup).

    # shop/app.py, version 2, installed while version 1 runs
    application = Application("shop", tree=tree, version="2", source="shop.app:application")

    report = await upgrade(node, "shop")        # or `mirliton upgrade shop`
    report.processes, report.pause              # 1000, 0.041

    class Stock(GenServer):
        def code_change(self, old_version, extra):
            self.counts = {"default": self.count}   # raises, and version 1 goes on as if nothing had been

What is promised, and what not, is in docs/upgrade.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mirliton.runtime import Address, Node
from mirliton.supervisors.application import APPLICATIONS, Application
from mirliton.supervisors.application_controller import ApplicationController
from mirliton.supervisors.errors import UnknownApplication, UpgradeFailed
from mirliton.supervisors.upgrading.plan import Running
from mirliton.supervisors.upgrading.report import UpgradeReport
from mirliton.supervisors.upgrading.work import Work

TIMEOUT: Final = 60.0
"""Seconds that an upgrade has, from the loading to the last new child's start; then it is undone."""

PATIENCE: Final = 5.0
"""Seconds that processes have to come to rest."""

_under_way: asyncio.Task[UpgradeReport] | None = None
"""Modules belong to the OS process, so there is one upgrade at a time in it, on whichever node."""


async def upgrade(
    node: Node,
    name: str,
    *,
    controller: Address = APPLICATIONS,
    path: Path | None = None,
    timeout: float = TIMEOUT,
    patience: float = PATIENCE,
) -> UpgradeReport:
    """Bring the running application `name` of this node's controller to the version that is installed now.

    `path`: a folder to take its packages from instead, as `pip install --target` makes it. A caller that is cancelled
    leaves the upgrade to go on to its end, which the log tells.

    Raises UpgradeFailed when it was undone, or refused since another one is under way; UnknownApplication.
    """
    running = _running(node, name, controller)
    return await _work(node, running, path=path, down=False, timeout=timeout, patience=patience)


async def downgrade(
    node: Node,
    name: str,
    *,
    controller: Address = APPLICATIONS,
    path: Path | None = None,
    timeout: float = TIMEOUT,
    patience: float = PATIENCE,
) -> UpgradeReport:
    """Go back to an earlier version, which is installed now, else as `upgrade`.

    Each `code_change` gets `("down", version)` and runs in the newer code, before the older takes over.
    """
    running = _running(node, name, controller)
    return await _work(node, running, path=path, down=True, timeout=timeout, patience=patience)


async def upgrade_tree(
    node: Node,
    application: Application,
    top: Address,
    *,
    adopt: Callable[[Application], None] | None = None,
    path: Path | None = None,
    down: bool = False,
    timeout: float = TIMEOUT,
    patience: float = PATIENCE,
) -> UpgradeReport:
    """`upgrade` of an application that is a part of a bigger tree: `top` is its supervisor.

    `application` says what it is; without a `source` its `tree` is called anew. The supervisor above it takes note of
    the new tree, `adopt` is given the new application (and the old one when it is undone). Raises UpgradeFailed.
    """
    cell = node.find(top)
    if cell is None:
        raise UpgradeFailed("refused", top, "there is no such process", application.name)
    running = Running(application, cell, None, adopt or (lambda _: None))
    return await _work(node, running, path=path, down=down, timeout=timeout, patience=patience)


def _running(node: Node, name: str, controller: Address) -> Running:
    cell = node.find(controller)
    if cell is None or not isinstance(cell.actor, ApplicationController):
        raise UpgradeFailed("refused", controller, "there is no application controller", name)
    known: ApplicationController = cell.actor
    application = known.known.get(name)
    if application is None:
        raise UnknownApplication(name)
    present = known.running.get(name)
    top = node.find(present.top) if present is not None and present.up and present.top is not None else None
    master = node.find(present.master) if present is not None else None
    if top is None or master is None:
        raise UpgradeFailed("refused", name, "the application does not run", name)

    environment = known.environments[name]

    def adopt(other: Application) -> None:
        known.known[name] = other
        # What has been set stays; what the new version brings is added.
        known.environments[name] = environment if other is application else {**other.environment, **environment}
        if master.alive:
            master.actor.application = other

    return Running(application, top, master, adopt)


async def _work(
    node: Node, running: Running, *, path: Path | None, down: bool, timeout: float, patience: float
) -> UpgradeReport:
    global _under_way
    name = running.application.name
    if _under_way is not None and not _under_way.done():
        raise UpgradeFailed("refused", name, "another upgrade is under way", name)
    _under_way = node.loop.create_task(_told(node, running, path, down, timeout, patience))
    # Where the caller has gone, the log has told what came of it.
    _under_way.add_done_callback(lambda task: task.cancelled() or task.exception())
    return await asyncio.shield(_under_way)


async def _told(
    node: Node, running: Running, path: Path | None, down: bool, timeout: float, patience: float
) -> UpgradeReport:
    name = running.application.name
    try:
        work = Work(node, running, path=path, down=down, timeout=timeout, patience=patience)
        report = await work.run()
    except UpgradeFailed as failed:
        failed.application = name
        node.log.error(
            "upgrade_undone", application=name, stage=failed.stage, where=failed.where, reason=str(failed.reason)
        )
        raise
    except Exception as error:
        node.log.exception("upgrade_undone", application=name)
        raise UpgradeFailed("internal", type(error).__name__, error, name) from error
    node.log.info(
        "application_upgraded",
        application=name,
        version=report.to_version,
        before=report.from_version,
        processes=report.processes,
        pause=report.pause,
    )
    return report
