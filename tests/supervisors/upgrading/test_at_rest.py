"""Processes that wait, sleep, call one another or run scripts when the upgrade comes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mirliton.runtime import Name
from mirliton.supervisors import start_child, upgrade
from shop import ONE, STOCKS, TWO, changed

CLERK_1 = """
    from mirliton.runtime import Call, Cast, CoroutineProcess
    from example_shop.messages import Add

    class Base(CoroutineProcess):
        def greet(self):
            return "base 1"

    class Clerk(Base):
        async def init(self):
            self.log_book = []

        def greet(self):
            return super().greet() + " clerk 1"

        async def run(self):
            self.log_book.append("begin 1")
            try:
                while True:
                    match await self.receive((Cast, Add)):
                        case Cast("greet"):
                            self.log_book.append(super().greet())
                            self.log_book.append(self.greet())
                        case Cast(Add(amount)):
                            self.log_book.append(("run 1", amount))
            finally:
                self.log_book.append("end 1")
"""
CLERK_2 = CLERK_1.replace("base 1", "base 2").replace("clerk 1", "clerk 2").replace("run 1", "run 2")
CLERK_2 = CLERK_2.replace("begin 1", "begin 2").replace("end 1", "end 2")
WORKER = """
    from mirliton.runtime import GenServer, Name, Reply

    class Asker(GenServer):
        version = "1"

        async def handle_cast(self, request):
            self.asking = True
            self.answer = await self.call(Name("shop", "asked"), request, timeout=4.0)
            self.asking = False

    class Asked(GenServer):
        version = "1"

        async def handle_call(self, request, sender):
            await self.sleep(request)
            return Reply("answer")

    class Sleeper(GenServer):
        version = "1"

        async def handle_cast(self, request):
            self.before = self.version
            await self.sleep(request)
            self.after = self.version
"""


def with_module(version: dict[str, str], **modules: str) -> dict[str, str]:
    imports = "".join(f"    import example_shop.{name}\n" for name in modules)
    return {**version, **modules, "app": imports + version["app"]}


async def test_a_script_goes_on_in_its_old_code_and_meets_the_new_messages(shop: Any) -> None:
    await shop.open(with_module(ONE, clerk=CLERK_1))
    pid = await shop.asks(shop.node.start(shop.module("clerk").Clerk))
    await shop.upgrade(with_module(TWO, clerk=CLERK_2))
    shop.add(pid, 3, unit="box")
    shop.node.cast(pid, "greet")
    await shop.node.idle()
    # `run` is the old one; what it calls on itself is the new; super() in the old code works.
    assert shop.actor(pid).log_book == ["begin 1", ("run 1", 3), "base 2", "base 2 clerk 2"]


async def test_a_script_that_may_begins_its_run_again_in_the_new_code(shop: Any) -> None:
    upgradable = CLERK_2.replace("class Clerk(Base):", "class Clerk(Base):\n        upgradable = True")
    await shop.open(with_module(ONE, clerk=CLERK_1))
    pid = await shop.asks(shop.node.start(shop.module("clerk").Clerk))
    shop.node.send(pid, "passed over")
    await shop.node.idle()
    await shop.upgrade(with_module(TWO, clerk=upgradable))
    shop.add(pid, 3, unit="box")
    await shop.node.idle()
    assert shop.actor(pid).log_book == ["begin 1", "end 1", "begin 2", ("run 2", 3)]
    assert len(shop.node.find(pid)) == 1
    newer = upgradable.replace("begin 2", "begin 3")
    await shop.upgrade(with_module({**TWO, "app": TWO["app"].replace('version="2"', 'version="3"')}, clerk=newer))
    assert shop.actor(pid).log_book[-2:] == ["end 2", "begin 3"]


async def test_an_undone_upgrade_leaves_a_script_where_it_was(shop: Any) -> None:
    upgradable = CLERK_2.replace("class Clerk(Base):", "class Clerk(Base):\n        upgradable = True")
    await shop.open(with_module(ONE, clerk=CLERK_1))
    pid = await shop.asks(shop.node.start(shop.module("clerk").Clerk))
    failing = changed(with_module(TWO, clerk=upgradable), "auditor", ("self.audits = 0", "1 / 0"))
    await shop.fails(failing)
    shop.add(pid, 3)
    shop.node.cast(pid, "greet")
    await shop.node.idle()
    assert shop.actor(pid).log_book == ["begin 1", ("run 1", 3), "base 1", "base 1 clerk 1"]


async def test_one_that_waits_for_another_of_the_application_gets_its_answer_first(shop: Any) -> None:
    await shop.open(with_module(ONE, work=WORKER))
    work = shop.module("work")
    asked = await shop.asks(shop.node.start(work.Asked, name=Name("shop", "asked")))
    asker = await shop.asks(shop.node.start(work.Asker))
    shop.node.cast(asker, 1.0)
    await shop.node.idle()
    two = WORKER.replace('"1"', '"2"').replace(
        "            self.asking = False\n",
        "            self.asking = False\n\n"
        "        def code_change(self, old_version, extra):\n"
        "            self.changed_while = self.asking\n",
    )
    await shop.upgrade(with_module(TWO, work=two))
    assert shop.actor(asker).answer == "answer"
    assert shop.actor(asker).changed_while is False
    assert [shop.actor(pid).version for pid in (asker, asked)] == ["2", "2"]


async def test_one_that_has_no_code_change_takes_the_new_class_in_the_middle_of_its_work(shop: Any) -> None:
    await shop.open(with_module(ONE, work=WORKER))
    pid = await shop.asks(shop.node.start(shop.module("work").Sleeper))
    shop.node.cast(pid, 30.0)
    await shop.node.idle()
    report = await shop.upgrade(with_module(TWO, work=WORKER.replace('"1"', '"2"')))
    assert [told.partition(" ")[0] for told in report.at_work] == ["Sleeper"]
    await shop.node.advance(31.0)
    assert (shop.actor(pid).before, shop.actor(pid).after) == ("1", "2")


async def test_it_turns_back_with_the_others_when_the_upgrade_fails(shop: Any) -> None:
    await shop.open(with_module(ONE, work=WORKER))
    pid = await shop.asks(shop.node.start(shop.module("work").Sleeper))
    shop.node.cast(pid, 30.0)
    await shop.node.idle()
    failing = changed(TWO, "auditor", ("self.audits = 0", "1 / 0"))
    await shop.fails(with_module(failing, work=WORKER.replace('"1"', '"2"')))
    await shop.node.advance(31.0)
    assert (shop.actor(pid).before, shop.actor(pid).after) == ("1", "1")


async def test_one_that_has_a_code_change_and_does_not_come_to_rest_undoes_the_upgrade(shop: Any) -> None:
    await shop.open(with_module(ONE, work=WORKER))
    pid = await shop.asks(shop.node.start(shop.module("work").Sleeper))
    shop.node.cast(pid, 30.0)
    await shop.node.idle()
    two = WORKER.replace('"1"', '"2"') + "\n        def code_change(self, old_version, extra):\n            pass\n"
    failed = await shop.fails(with_module(TWO, work=two), patience=2.0)
    assert failed.stage == "suspend"
    assert failed.where.startswith("Sleeper")
    await shop.node.advance(31.0)
    await shop.upgrade()
    assert shop.actor(pid).version == "2"


async def test_a_supervisor_in_the_middle_of_a_start_is_waited_for(shop: Any) -> None:

    slow = changed(
        ONE,
        "stock",
        ("def init(self, key)", "async def init(self, key)"),
        ("self.count = 0", "self.count = 0\n            await self.sleep(1.0)"),
    )
    await shop.open(slow, stocks=1)
    starting = asyncio.ensure_future(start_child(shop.node, STOCKS, ["late"]))
    await shop.node.idle()
    await shop.upgrade(TWO)
    pid = await shop.asks(starting)
    assert shop.actor(pid).counts == {"piece": 0}


async def test_a_new_child_must_not_call_who_is_held(shop: Any) -> None:
    await shop.open(ONE)
    shop.actor(shop.stocks[0]).register(Name("shop", "first"))
    calling = changed(
        TWO,
        "auditor",
        ("def init(self)", "async def init(self)"),
        ("self.audits = 0", "self.audits = await self.call(Name('shop', 'first'), 'how many')"),
        ("import GenServer", "import GenServer, Name"),
    )
    failed = await shop.fails(calling)
    assert failed.stage == "children"
    assert "no answer within 5 s" in str(failed.reason)


@pytest.mark.parametrize("stocks", [0, 1, 40])
async def test_processes_that_come_while_others_are_brought_to_rest_come_along(shop: Any, stocks: int) -> None:
    await shop.open(ONE, stocks=stocks)
    shop.install(TWO)
    attempt = asyncio.ensure_future(upgrade(shop.node, "shop"))
    await asyncio.sleep(0)
    late = [shop.node.spawn(shop.module("stock").Stock, "late") for _ in range(3)]
    await shop.asks(attempt)
    await shop.node.idle()
    assert {shop.actor(pid).version for pid in late} == {"2"}
