"""An application goes from version 1 to 2 and on, and back, while it runs; no process ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mirliton.runtime import Cast, Name, ServerDied, decode, encode
from mirliton.runtime.testing import VirtualNode
from mirliton.supervisors import (
    UnknownApplication,
    UpgradeFailed,
    count_children,
    get_env,
    set_env,
    start_child,
    upgrade,
    upgrade_tree,
    which_applications,
)
from mirliton.supervisors.application import APPLICATIONS
from shop import ONE, STOCKS, THREE, TWO, changed

AUDITOR = Name("shop", "auditor")


async def test_processes_live_on_with_the_new_code_and_the_state_that_it_makes_of_the_old(shop: Any) -> None:
    await shop.open(ONE)
    for pid in shop.stocks:
        shop.add(pid, 7)
    await shop.node.idle()
    report = await shop.upgrade(TWO)
    assert (report.from_version, report.to_version, report.direction) == ("1", "2", "up")
    assert (report.processes, report.code_changed, report.old_code, report.at_work) == (5, 5, (), ())
    for pid in shop.stocks:
        assert shop.actor(pid).version == "2"
        assert type(shop.actor(pid)) is shop.module("stock").Stock
        assert shop.actor(pid).counts == {"piece": 7}
        shop.add(pid, 3, unit="box")
        assert await shop.asks(shop.total(pid)) == 10


async def test_what_waits_in_mailboxes_gets_the_new_field_with_its_default(shop: Any) -> None:
    await shop.open(ONE)
    for pid in shop.stocks:
        await shop.asks(shop.node.sys.suspend(pid))
        shop.add(pid, 2)
    call = asyncio.ensure_future(shop.node.call(shop.stocks[0], shop.module("messages").Add(5)))
    await asyncio.sleep(0)
    report = await shop.upgrade(TWO)
    assert report.messages == 6
    for pid in shop.stocks:
        await shop.asks(shop.node.sys.resume(pid))
    assert await shop.asks(call) == 7
    assert [shop.actor(pid).counts for pid in shop.stocks[1:]] == [{"piece": 2}] * 4


async def test_a_timer_that_was_set_before_sends_the_new_message_after(shop: Any, node: VirtualNode) -> None:
    await shop.open(ONE, stocks=1)
    [pid] = shop.stocks
    shop.actor(pid).send_after(10.0, pid, Cast(shop.module("messages").Add(4)))
    await shop.upgrade(TWO)
    await node.advance(11.0)
    assert shop.actor(pid).counts == {"piece": 4}


async def test_supervisors_take_their_new_specs_and_start_what_is_new(shop: Any) -> None:
    await shop.open(ONE)
    report = await shop.upgrade(TWO)
    assert report.added == ("Auditor",)
    assert await shop.asks(shop.node.call(AUDITOR, "please")) == "audited"
    top, stocks = shop.actor(shop.top), shop.actor(shop.node.whereis(STOCKS))
    assert (top.window.intensity, stocks.window.intensity) == (2, 7)
    assert stocks.template.shutdown == 1.0
    assert {child.spec.start.cls for child in stocks.children} == {shop.module("stock").Stock}
    [info] = await shop.asks(which_applications(shop.node, APPLICATIONS))
    assert info.top == shop.top


async def test_a_process_that_crashes_after_the_upgrade_comes_back_in_the_new_version(shop: Any) -> None:
    await shop.open(ONE)
    await shop.upgrade(TWO)
    shop.node.exit(shop.stocks[0], "kill")
    await shop.node.idle()
    stocks = shop.actor(shop.node.whereis(STOCKS))
    [back] = [child.pid for child in stocks.children if child.pid not in shop.stocks]
    assert shop.actor(back).counts == {}
    assert shop.actor(back).key == "stock 0"


async def test_the_whole_tree_comes_back_in_the_new_version_too(shop: Any) -> None:
    await shop.open(ONE)
    await shop.upgrade(TWO)
    shop.node.exit(shop.node.whereis(STOCKS), "kill")
    await shop.node.idle()
    pid = await shop.asks(start_child(shop.node, STOCKS, ["another"]))
    assert shop.actor(pid).version == "2"


async def test_a_new_child_runs_the_new_version(shop: Any) -> None:
    await shop.open(ONE)
    await shop.upgrade(TWO)
    pid = await shop.asks(start_child(shop.node, STOCKS, ["another"]))
    assert shop.actor(pid).version == "2"
    assert (await shop.asks(count_children(shop.node, STOCKS))).active == 6


async def test_it_can_be_done_again_and_undone_again(shop: Any) -> None:
    await shop.open(ONE)
    pids = list(shop.stocks)
    shop.add(pids[0], 1)
    await shop.upgrade(TWO)
    shop.add(pids[0], 1, unit="box")
    report = await shop.upgrade(THREE)
    assert report.added == ()
    assert shop.actor(pids[0]).prices == {}
    shop.add(pids[0], 1, unit="box", price=2.5)
    await shop.node.idle()
    assert shop.actor(pids[0]).counts == {"piece": 1, "box": 2}
    report = await shop.downgrade(TWO)
    assert (report.from_version, report.to_version, report.direction) == ("3", "2", "down")
    assert shop.actor(pids[0]).version == "2"
    assert shop.actor(pids[0]).counts == {"piece": 1, "box": 2}
    assert not hasattr(shop.actor(pids[0]), "prices")


async def test_the_way_down_runs_the_newer_code_before_the_older_takes_over(shop: Any) -> None:
    await shop.open(TWO)
    shop.add(shop.stocks[0], 2, unit="box")
    report = await shop.downgrade(ONE)
    assert report.code_changed == 5
    assert shop.actor(shop.stocks[0]).version == "1"
    assert shop.actor(shop.stocks[0]).count == 2
    assert not hasattr(shop.actor(shop.stocks[0]), "counts")


async def test_a_child_that_the_new_tree_lacks_stays_and_runs_its_old_code(shop: Any) -> None:
    await shop.open(TWO)
    auditor = shop.node.whereis(AUDITOR)
    report = await shop.downgrade(ONE)
    assert [told.partition(" ")[0] for told in report.old_code] == ["shop:auditor"]
    assert shop.node.whereis(AUDITOR) == auditor
    assert await shop.asks(shop.node.call(AUDITOR, "please")) == "audited"


async def test_a_class_without_code_change_keeps_its_state(shop: Any) -> None:
    await shop.open(TWO)
    shop.actor(shop.node.whereis(AUDITOR)).audits = 3
    newer = changed(TWO, "auditor", ('Reply("audited")', 'Reply(f"audited {self.audits}")'))
    await shop.upgrade(newer)
    assert await shop.asks(shop.node.call(AUDITOR, "please")) == "audited 3"


async def test_two_upgrades_at_once_are_refused(shop: Any) -> None:
    await shop.open(ONE)
    shop.install(TWO)
    first = asyncio.ensure_future(upgrade(shop.node, "shop"))
    await asyncio.sleep(0)
    with pytest.raises(UpgradeFailed, match="another upgrade is under way"):
        await upgrade(shop.node, "shop")
    assert (await shop.asks(first)).to_version == "2"


async def test_a_caller_that_goes_away_leaves_the_upgrade_to_its_end(shop: Any) -> None:
    await shop.open(ONE)
    shop.install(TWO)
    caller = asyncio.ensure_future(upgrade(shop.node, "shop"))
    await asyncio.sleep(0)
    caller.cancel()
    await shop.node.idle()
    assert shop.actor(shop.stocks[0]).version == "2"
    assert not [cell for cell in shop.node.processes() if cell.suspended]


async def test_an_application_that_is_unknown_or_does_not_run_is_refused(shop: Any) -> None:
    await shop.open(ONE)
    with pytest.raises(UnknownApplication):
        await upgrade(shop.node, "bank")
    with pytest.raises(UpgradeFailed, match="no application controller"):
        await upgrade(shop.node, "shop", controller=Name("service", "nobody"))


async def test_a_suspended_process_stays_suspended_and_is_upgraded(shop: Any) -> None:
    await shop.open(ONE)
    await shop.asks(shop.node.sys.suspend(shop.stocks[0]))
    shop.add(shop.stocks[0], 1)
    await shop.upgrade(TWO)
    assert (await shop.asks(shop.node.sys.status(shop.stocks[0]))).status == "suspended"
    await shop.asks(shop.node.sys.resume(shop.stocks[0]))
    assert await shop.asks(shop.total(shop.stocks[0])) == 1


async def test_a_part_of_a_bigger_tree_is_upgraded_as_well_and_the_tree_above_knows(shop: Any) -> None:
    from mirliton.supervisors import Supervisor, Tree, supervisor

    shop.install(ONE)
    application = shop.module("app").application
    above = Tree("one_for_one", [supervisor(application.tree(), id="shop")], name=Name("supervisor", "root"))
    await shop.asks(shop.node.start(Supervisor, above))
    top = shop.actor(shop.node.whereis(Name("supervisor", "root"))).children.by_id("shop").pid
    pid = await shop.asks(start_child(shop.node, STOCKS, ["one"]))
    shop.install(TWO)
    await shop.asks(upgrade_tree(shop.node, application, top))
    assert shop.actor(pid).version == "2"
    shop.node.exit(top, "kill")
    await shop.node.idle()
    assert await shop.asks(shop.node.call(AUDITOR, "please")) == "audited"


async def test_a_frame_of_the_version_before_is_read_with_the_default(shop: Any) -> None:
    await shop.open(ONE)
    before = encode(shop.module("messages").Add(5))
    await shop.upgrade(TWO)
    assert decode(before) == shop.module("messages").Add(5, "piece")


async def test_a_process_of_the_application_that_nobody_supervises_is_upgraded(shop: Any) -> None:
    await shop.open(ONE)
    pid = await shop.asks(shop.node.start(shop.module("stock").Stock, "loose"))
    report = await shop.upgrade(TWO)
    assert report.processes == 6
    assert shop.actor(pid).counts == {"piece": 0}


async def test_a_call_that_crashes_the_new_version_is_a_crash_like_any_other(shop: Any) -> None:
    await shop.open(ONE)
    await shop.upgrade(changed(TWO, "stock", ("return Reply(sum(self.counts.values()))", "return Reply(1 // 0)")))
    with pytest.raises(ServerDied):
        await shop.asks(shop.total(shop.stocks[0]))


async def test_the_environment_gets_what_is_new_and_keeps_what_was_set(shop: Any) -> None:
    told = ("application = Application(", "application = Application(environment={'unit': 'kg', 'tax': 19}, name=")
    await shop.open(changed(ONE, "app", (told[0], told[1].replace(", 'tax': 19", ""))))
    await shop.asks(set_env(shop.node, APPLICATIONS, "shop", "unit", "lb"))
    await shop.fails(changed(changed(TWO, "app", told), "auditor", ("self.audits = 0", "1 / 0")))
    assert get_env(shop.node, "shop", "tax") is None
    await shop.upgrade(changed(TWO, "app", told))
    assert (get_env(shop.node, "shop", "unit"), get_env(shop.node, "shop", "tax")) == ("lb", 19)
