"""An upgrade that fails, wherever it fails, leaves everything as it was."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mirliton.runtime import Cast, Name, encode
from mirliton.runtime.errors import MalformedFrame
from mirliton.supervisors import upgrade
from shop import ONE, STOCKS, TWO, changed

RAISES = ('self.counts = {"piece": self.count}', 'self.counts = {"piece": self.count / (self.key != "stock 3")}')
HANGS = (
    ("def code_change(self", "async def code_change(self"),
    ('case "1":', 'case "1":\n                    await self.sleep(1e6)'),
)
NEW_APP = ('version="2", source="example_shop.app:application"', 'version="2", source="example_shop.app:application"')

FAULTS: dict[str, tuple[dict[str, str], str, str]] = {
    "a module that does not compile": (changed(TWO, "stock", ("class Stock", "klass Stock")), "load", "example_shop"),
    "a module that raises": (
        changed(TWO, "auditor", ("class Auditor", "1 / 0\n    class Auditor")),
        "load",
        "example_shop.auditor",
    ),
    "a module that ends the program": (
        changed(TWO, "auditor", ("class Auditor", "raise SystemExit\n    class Auditor")),
        "load",
        "",
    ),
    "a module that is missing": (
        changed(TWO, "app", ("example_shop.auditor", "example_shop.audits")),
        "load",
        "example_shop.app",
    ),
    "a message tag that is another package's": (
        changed(TWO, "messages", ('"shop.audit"', '"otp.down"')),
        "load",
        "example_shop.messages",
    ),
    "an application that is not there": (changed(TWO, "app", ("application = ", "applications = ")), "plan", ""),
    "a new field without a default": (changed(TWO, "messages", (' = "piece"', "")), "plan", "shop.add"),
    "a field that is in another place": (
        changed(TWO, "messages", ("amount: int\n        unit", "count: int\n        unit")),
        "plan",
        "shop.add",
    ),
    "a layout that living objects cannot take": (
        changed(TWO, "stock", ('    version = "2"', '    __slots__ = ("shelf",)\n        version = "2"')),
        "convert",
        "Stock",
    ),
    "a tree that cannot be described": (
        changed(TWO, "app", ("    def tree(state=None):", "    def tree(state=None):\n        1 / 0")),
        "tree",
        "shop",
    ),
    "a tree that is none": (changed(TWO, "app", ("return Tree(", "return str(")), "tree", "shop"),
    "another strategy that is no change": (
        changed(TWO, "app", ('return Tree("one_for_one"', 'return Tree("simple_one_for_one"')),
        "tree",
        "",
    ),
    "flags that are not valid": (changed(TWO, "app", ("intensity=7", "intensity=-7")), "tree", "shop.stocks"),
    "a code_change that raises in one process": (changed(TWO, "stock", RAISES), "code_change", "Stock"),
    "a code_change that never ends": (changed(TWO, "stock", *HANGS), "code_change", "Stock"),
    "a new child that does not start": (
        changed(TWO, "auditor", ("self.audits = 0", "1 / 0")),
        "children",
        "Auditor",
    ),
    "a new child that never starts": (
        changed(
            TWO, "auditor", ("def init(self)", "async def init(self)"), ("self.audits = 0", "await self.sleep(1e6)")
        ),
        "children",
        "Auditor",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_everything_is_as_before_after(shop: Any, fault: str) -> None:
    version, stage, where = FAULTS[fault]
    await shop.open(ONE)
    for pid in shop.stocks:
        shop.add(pid, 7)
    await shop.node.idle()
    failed = await shop.fails(version, timeout=20.0)
    assert failed.stage == stage
    assert where in failed.where
    assert failed.application == "shop"
    # Version 1 works, comes back as version 1, and can be upgraded by what is right.
    shop.add(shop.stocks[0], 1)
    assert await shop.asks(shop.total(shop.stocks[0])) == 8
    shop.node.exit(shop.stocks[1], "kill")
    await shop.node.idle()
    assert {type(shop.actor(child.pid)).version for child in shop.actor(shop.node.whereis(STOCKS)).children} == {"1"}
    await shop.upgrade(TWO)
    assert shop.actor(shop.stocks[0]).counts == {"piece": 8}


async def test_what_is_sent_during_a_failing_upgrade_is_handled_by_the_version_before(shop: Any) -> None:
    await shop.open(ONE)
    slow = changed(TWO, "stock", *HANGS)
    shop.install(slow)
    attempt = asyncio.ensure_future(upgrade(shop.node, "shop", timeout=20.0))
    for _ in range(50):
        await asyncio.sleep(0)
    assert shop.actor(shop.stocks[0]).version == "2"  # in the middle of it
    early = shop.stocks[0]
    shop.add(early, 3, unit="box")
    shop.node.cast(early, shop.module("messages").Audit())  # only version 2 knows this; version 1 would crash of it
    call = asyncio.ensure_future(shop.node.call(early, shop.module("messages").Add(4), timeout=60.0))
    await asyncio.sleep(0)
    with pytest.raises(Exception, match="not done within"):
        await shop.asks(attempt)
    assert await shop.asks(call) == 7
    assert shop.actor(early).count == 7
    assert shop.actor(early).version == "1"


async def test_state_is_put_back_in_place_however_deep_it_was_changed(shop: Any) -> None:
    one = changed(
        ONE, "stock", ("self.count = 0", "self.count = 0\n            self.deep = {'a': [1, {2}, {'b': (3, [4])}]}")
    )
    wreck = """self.deep["a"][1].add(9); self.deep["a"][2]["b"][1].clear(); self.deep["a"].append(5); self.deep["c"] = 1
                    del self.key
                    self.trap_exit(True); self.register(Name("shop", "new")); self.unregister(Name("shop", "mine"))
                    self.send_after(5.0, self.pid, "late"); self.cancel_timer(self.timer); self.monitor(self.pid)
                    raise ValueError("no")"""
    two = changed(
        TWO,
        "stock",
        ('self.counts = {"piece": self.count}', wreck),
        ("from mirliton.runtime import GenServer", "from mirliton.runtime import Name, GenServer"),
    )
    await shop.open(one, stocks=1)
    [pid] = shop.stocks
    actor = shop.actor(pid)
    actor.register(Name("shop", "mine"))
    actor.timer = actor.send_after(10.0, pid, Cast(shop.module("messages").Add(6)))
    inner = actor.deep["a"]
    failed = await shop.fails(two)
    assert "ValueError: no" in str(failed)
    assert actor.deep == {"a": [1, {2}, {"b": (3, [4])}]}
    assert actor.deep["a"] is inner
    cell = shop.node.find(pid)
    assert (cell.trap, [str(name) for name in cell.names], cell.timers) == (False, ["shop:mine"], {actor.timer})
    assert not cell.monitors
    await shop.node.advance(11.0)
    assert actor.count == 6


async def test_a_killed_process_is_restarted_in_the_version_that_is_in_force_afterwards(shop: Any) -> None:
    for version, expected in ((changed(TWO, "stock", *HANGS), "1"), (slow_but_good(), "2")):
        await (shop.open(ONE) if expected == "1" else asyncio.sleep(0))
        shop.install(version)
        attempt = asyncio.ensure_future(upgrade(shop.node, "shop", timeout=20.0))
        for _ in range(50):
            await asyncio.sleep(0)
        victim = shop.stocks.pop(1)
        shop.node.exit(victim, "kill")
        await asyncio.sleep(0)
        assert shop.node.find(victim) is None
        [_] = await shop.asks(asyncio.gather(attempt, return_exceptions=True))
        await shop.node.idle()
        stocks = shop.actor(shop.node.whereis(STOCKS))
        assert {shop.actor(child.process).version for child in stocks.children} == {expected}
        assert len(stocks.children) == 5


def slow_but_good() -> dict[str, str]:
    return changed(TWO, "stock", HANGS[0], (HANGS[1][0], HANGS[1][1].replace("1e6", "0.01")))


async def test_an_async_code_change_is_waited_for(shop: Any) -> None:
    await shop.open(ONE)
    report = await shop.upgrade(slow_but_good())
    assert report.code_changed == 5
    assert shop.actor(shop.stocks[0]).counts == {"piece": 0}


async def test_an_application_that_ends_in_the_middle_ends(shop: Any) -> None:
    await shop.open(ONE)
    shop.install(slow_but_good())
    attempt = asyncio.ensure_future(upgrade(shop.node, "shop", timeout=20.0))
    for _ in range(50):
        await asyncio.sleep(0)
    shop.node.exit(shop.top, "kill")
    with pytest.raises(Exception, match="has ended"):
        await shop.asks(attempt)
    assert all(shop.node.find(pid) is None for pid in shop.stocks)


async def test_a_frame_of_the_version_after_with_a_field_that_is_not_known_is_refused(shop: Any) -> None:
    await shop.open(TWO)
    after = encode(shop.module("messages").Add(5, "box"))
    await shop.downgrade(ONE)
    from mirliton.runtime import decode

    with pytest.raises(MalformedFrame, match=r"shop\.add"):
        decode(after)
