"""An example application in several versions, installed into a folder of the test: a shop with a thousand stocks.

Version 1 counts; version 2 counts by unit (a new message field, another state), and has an auditor (a new child);
version 3 names the units' prices as well.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mirliton.runtime import Name, Node, Pid
from mirliton.supervisors import (
    APPLICATIONS,
    Application,
    ApplicationController,
    start_application,
    start_child,
    which_applications,
)
from mirliton.supervisors.upgrading.loading import Version, belonging

PACKAGE = "example_shop"
STOCKS = Name("supervisor", "shop.stocks")

MESSAGES_1 = """
    from mirliton.runtime import message

    @message("shop.add")
    class Add:
        amount: int

    @message("shop.total")
    class Total:
        '''How much there is.'''
"""
MESSAGES_2 = """
    from mirliton.runtime import message

    @message("shop.add")
    class Add:
        amount: int
        unit: str = "piece"

    @message("shop.total")
    class Total:
        '''How much there is.'''

    @message("shop.audit")
    class Audit:
        '''Only version 2 knows this.'''
"""
STOCK_1 = """
    from mirliton.runtime import GenServer, Reply
    from example_shop.messages import Add, Total

    class Stock(GenServer):
        version = "1"

        def init(self, key):
            self.key = key
            self.count = 0

        def handle_cast(self, request):
            match request:
                case Add(amount):
                    self.count += amount
                case _:
                    raise ValueError(f"version {self.version} cannot do {request!r}")

        def handle_call(self, request, sender):
            match request:
                case Total():
                    return Reply(self.count)
                case Add(amount):
                    self.count += amount
                    return Reply(self.count)

        def code_change(self, old_version, extra):
            raise RuntimeError("version 1 came first")
"""
STOCK_2 = """
    from mirliton.runtime import GenServer, Reply
    from example_shop.messages import Add, Audit, Total

    class Stock(GenServer):
        version = "2"

        def init(self, key):
            self.key = key
            self.counts = {}
            self.extra = None

        def handle_cast(self, request):
            match request:
                case Add(amount, unit):
                    self.counts[unit] = self.counts.get(unit, 0) + amount
                case Audit():
                    pass
                case _:
                    raise ValueError(f"version {self.version} cannot do {request!r}")

        def handle_call(self, request, sender):
            match request:
                case Total():
                    return Reply(sum(self.counts.values()))
                case Add(amount, unit):
                    self.counts[unit] = self.counts.get(unit, 0) + amount
                    return Reply(sum(self.counts.values()))

        def code_change(self, old_version, extra):
            match old_version:
                case ("down", "1"):
                    self.count = sum(self.counts.values())
                    del self.counts, self.extra
                case "1":
                    self.counts = {"piece": self.count}
                    self.extra = extra
                    del self.count
"""
APP_1 = """
    from mirliton.runtime import Name
    from mirliton.supervisors import Application, Tree, supervisor, worker
    from example_shop.stock import Stock

    def tree(state=None):
        name = Name("supervisor", "shop.stocks")
        stocks = Tree("simple_one_for_one", [worker(Stock)], intensity=3, period=10.0, name=name)
        return Tree("one_for_one", [supervisor(stocks, id="stocks")], intensity=1, period=5.0)

    application = Application("shop", tree=tree, version="1", source="example_shop.app:application")
"""
APP_2 = """
    from mirliton.runtime import Name
    from mirliton.supervisors import Application, Tree, supervisor, worker
    from example_shop.stock import Stock
    from example_shop.auditor import Auditor

    def tree(state=None):
        name = Name("supervisor", "shop.stocks")
        stocks = Tree("simple_one_for_one", [worker(Stock, shutdown=1.0)], intensity=7, period=10.0, name=name)
        auditor = worker(Auditor, name=Name("shop", "auditor"))
        return Tree("one_for_one", [supervisor(stocks, id="stocks"), auditor], intensity=2, period=5.0)

    application = Application("shop", tree=tree, version="2", source="example_shop.app:application")
"""
AUDITOR_2 = """
    from mirliton.runtime import GenServer, Reply

    class Auditor(GenServer):
        def init(self):
            self.audits = 0

        def handle_call(self, request, sender):
            return Reply("audited")
"""

ONE = {"messages": MESSAGES_1, "stock": STOCK_1, "app": APP_1}
TWO = {"messages": MESSAGES_2, "stock": STOCK_2, "app": APP_2, "auditor": AUDITOR_2}
THREE = {
    **TWO,
    "messages": MESSAGES_2.replace('unit: str = "piece"', 'unit: str = "piece"\n        price: float = 0.0'),
    "stock": STOCK_2.replace('version = "2"', 'version = "3"')
    .replace("case Add(amount, unit):", "case Add(amount, unit, _):")
    .replace(
        'case "1":',
        'case "2":\n                    self.prices = {}\n'
        '                case ("down", "2"):\n                    del self.prices\n'
        '                case "1":',
    ),
    "app": APP_2.replace('version="2"', 'version="3"'),
}
"""Sources by module."""


def changed(version: dict[str, str], module: str, *replacements: tuple[str, str]) -> dict[str, str]:
    """A version with some text of a module replaced; each must be there."""
    text = version[module]
    for old, new in replacements:
        assert old in text, f"{old!r} is not in {module}"
        text = text.replace(old, new)
    return {**version, module: text}


def write(folder: Path, version: dict[str, str]) -> Path:
    """Write a version as a package into a folder, in the place of what was there."""
    package = folder / PACKAGE
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    for module, source in version.items():
        (package / f"{module}.py").write_text(textwrap.dedent(source))
    return folder


class Shop:
    """The application as it runs on a node, and the folder it is installed in."""

    def __init__(self, node: Node, folder: Path) -> None:
        self.node = node
        self.folder = folder
        self.top: Pid
        self.stocks: list[Pid] = []

    def install(self, version: dict[str, str]) -> None:
        write(self.folder, version)

    async def start(self, version: dict[str, str] = ONE, stocks: int = 10) -> None:
        self.install(version)
        application: Application = self.module("app").application
        await self.node.start(ApplicationController, [application], name=APPLICATIONS)
        await start_application(self.node, APPLICATIONS, "shop")
        [info] = await which_applications(self.node, APPLICATIONS)
        self.top = info.top
        for number in range(stocks):
            pid = await start_child(self.node, STOCKS, [f"stock {number}"])
            assert pid is not None
            self.stocks.append(pid)

    def module(self, name: str) -> Any:
        """A module of the version in force."""
        import importlib

        return importlib.import_module(f"{PACKAGE}.{name}")

    def actor(self, pid: Pid) -> Any:
        cell = self.node.find(pid)
        assert cell is not None, f"{pid} has ended"
        return cell.actor

    def add(self, pid: Pid, amount: int, **fields: Any) -> None:
        self.node.cast(pid, self.module("messages").Add(amount, **fields))

    async def total(self, pid: Pid) -> int:
        answer: int = await self.node.call(pid, self.module("messages").Total())
        return answer


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """Let Python find packages in this folder; what was imported of the shop is forgotten at the end."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        Version({}, {}, (), {}).replace(Version.in_force(belonging([PACKAGE])), forget=True)
