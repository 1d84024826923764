"""A shop that runs on a strict node on virtual time, and what must hold whenever an upgrade fails."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from mirliton.runtime import registered
from mirliton.runtime.testing import VirtualNode, virtual_node
from mirliton.supervisors import UpgradeFailed, downgrade, upgrade
from shop import PACKAGE, Shop, installed


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[VirtualNode]:
    with installed(tmp_path):
        async with virtual_node() as started:
            started.log = structlog.wrap_logger(structlog.ReturnLogger())
            yield started


class UnderTest(Shop):
    """The shop, upgraded in virtual time."""

    node: VirtualNode

    async def open(self, version: dict[str, str], stocks: int = 5) -> None:
        await self.node.drive(self.start(version, stocks))

    async def upgrade(self, version: dict[str, str] | None = None, **options: Any) -> Any:
        if version is not None:
            self.install(version)
        return await self.node.drive(upgrade(self.node, "shop", **options))

    async def downgrade(self, version: dict[str, str], **options: Any) -> Any:
        self.install(version)
        return await self.node.drive(downgrade(self.node, "shop", **options))

    async def fails(self, version: dict[str, str], **options: Any) -> UpgradeFailed:
        """The upgrade fails, and nothing is other than it was before."""
        before = self.picture()
        with pytest.raises(UpgradeFailed) as caught:
            await self.upgrade(version, **options)
        after = self.picture()
        for key, value in before.items():
            assert after[key] == value, key
        assert [cell for cell in self.node.processes() if cell.suspended] == []
        return caught.value

    async def asks(self, awaitable: Any) -> Any:
        return await self.node.drive(awaitable)

    def picture(self) -> dict[str, Any]:
        """Everything that an upgrade changes."""
        tree = self.actor(self.top)
        stocks = self.actor(next(child.process for child in tree.children if child.id == "stocks"))
        return {
            "processes": [cell.pid for cell in self.node.processes()],
            "classes": [type(cell.actor) for cell in self.node.processes()],
            "states": [state_of(self.actor(pid)) for pid in self.stocks],
            "mail": [[item[0] for item in cell.all_mail()] for cell in self.node.processes()],
            "modules": {name: module for name, module in sys.modules.items() if name.startswith(PACKAGE)},
            "messages": {tag: cls for tag, cls in registered().items() if tag.startswith("shop.")},
            "trees": [tree.tree, stocks.tree, stocks.template],
            "arguments": [tree.arguments, stocks.arguments],
            "limits": [tree.window.intensity, stocks.window.intensity],
            "children": [[(child.id, child.state, child.spec) for child in each.children] for each in (tree, stocks)],
            "application": [self.node.find(tree.parent).actor.application.version],  # type: ignore[union-attr] # runs
        }


def state_of(actor: Any) -> dict[str, Any]:
    return {key: value for key, value in vars(actor).items() if key != "_myRef"}


@pytest.fixture
def shop(node: VirtualNode, tmp_path: Path) -> Any:
    return UnderTest(node, tmp_path)
