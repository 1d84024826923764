"""What an appup says is done, in its order; what it names wrongly is told before anything is held."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import Name
from mirliton.supervisors import UpgradeFailed
from shop import ONE, STOCKS, TWO, changed

AUDITOR = Name("shop", "auditor")
NOTES = """
    notes = []

    def note(node, what="noted"):
        notes.append((what, node.whereis(NAME) is not None))

    async def note_later(node, what):
        note(node, what)

    def fail(node):
        raise LookupError("nothing to migrate")

    from mirliton.runtime import Name
    NAME = Name("shop", "auditor")
"""


def with_appup(appup: str, version: dict[str, str] = TWO) -> dict[str, str]:
    told = f'version="2", appup=AppUp({appup}), '
    return changed(
        {**version, "notes": NOTES},
        "app",
        ('version="2", ', told),
        (
            "from mirliton.supervisors import ",
            "from mirliton.supervisors import Add, Apply, AppUp, Delete, Load, Restart, Update\n"
            "    from mirliton.supervisors import ",
        ),
    )


async def test_extra_reaches_code_change(shop: Any) -> None:
    await shop.open(ONE)
    await shop.upgrade(with_appup('up={"1": [Update("example_shop.stock:Stock", extra={"unit": "kg"})]}'))
    assert shop.actor(shop.stocks[0]).extra == {"unit": "kg"}


async def test_load_takes_the_code_and_leaves_the_state(shop: Any) -> None:
    await shop.open(ONE)
    report = await shop.upgrade(with_appup('up={"1": [Load("example_shop.stock:Stock")]}'))
    assert (report.processes, report.code_changed) == (5, 0)
    assert shop.actor(shop.stocks[0]).count == 0


async def test_restart_starts_processes_anew_under_their_supervisor(shop: Any) -> None:
    await shop.open(ONE)
    shop.add(shop.stocks[0], 7)
    report = await shop.upgrade(with_appup('up={"*": [Restart("example_shop.stock:Stock")]}'))
    assert (report.restarted, report.code_changed) == (("Stock",) * 5, 0)
    stocks = shop.actor(shop.node.whereis(STOCKS))
    pids = [child.pid for child in stocks.children]
    assert not set(pids) & set(shop.stocks)
    assert [(shop.actor(pid).version, shop.actor(pid).counts) for pid in pids] == [("2", {})] * 5


async def test_what_was_restarted_comes_back_in_its_old_version_when_a_later_step_fails(shop: Any) -> None:
    await shop.open(ONE)
    steps = '[Restart("example_shop.stock:Stock"), Apply("example_shop.notes:fail")]'
    shop.install(with_appup(f'up={{"1": {steps}}}'))
    with pytest.raises(UpgradeFailed, match="LookupError: nothing to migrate"):
        await shop.upgrade()
    stocks = shop.actor(shop.node.whereis(STOCKS))
    assert [shop.actor(child.pid).version for child in stocks.children] == ["1"] * 5
    assert shop.node.whereis(AUDITOR) is None


async def test_functions_are_called_where_they_stand_among_the_steps(shop: Any) -> None:
    await shop.open(ONE)
    steps = """[
        Apply("example_shop.notes:note", ["before"]),
        Add("Auditor"),
        Apply("example_shop.notes:note_later", ["after"]),
    ]"""
    report = await shop.upgrade(with_appup(f'up={{"1": {steps}}}'))
    assert report.added == ("Auditor",)
    assert shop.module("notes").notes == [("before", False), ("after", True)]


async def test_delete_stops_what_the_new_tree_does_not_have(shop: Any) -> None:
    await shop.open(TWO)
    without = changed(
        with_appup('up={"2": [Delete("Auditor")]}'),
        "app",
        ('supervisor(stocks, id="stocks"), auditor]', 'supervisor(stocks, id="stocks")]'),
    )
    report = await shop.upgrade(without)
    assert report.deleted == ("Auditor",)
    assert shop.node.whereis(AUDITOR) is None
    assert shop.actor(shop.top).children.by_id("Auditor") is None


async def test_a_deleted_child_is_started_again_when_a_later_step_fails(shop: Any) -> None:
    await shop.open(TWO)
    shop.install(
        changed(
            with_appup('up={"2": [Delete(["Auditor"]), Apply("example_shop.notes:fail")]}'),
            "app",
            ('supervisor(stocks, id="stocks"), auditor]', 'supervisor(stocks, id="stocks")]'),
        )
    )
    with pytest.raises(UpgradeFailed, match="apply failed at example_shop"):
        await shop.upgrade()
    assert await shop.asks(shop.node.call(AUDITOR, "please")) == "audited"
    assert shop.actor(shop.top).children.by_id("Auditor").pid == shop.node.whereis(AUDITOR)


async def test_what_was_applied_is_undone_by_what_the_step_says(shop: Any) -> None:
    await shop.open(ONE)
    steps = """[
        Apply("example_shop.notes:note", ["this"], undo="example_shop.notes:note"),
        Apply("example_shop.notes:fail"),
    ]"""
    failing = with_appup(f'up={{"1": {steps}}}')
    failing = changed(failing, "notes", ("notes = []", "import builtins\n    notes = builtins.shop_notes = []"))
    failed = await shop.fails(failing)
    assert failed.stage == "apply"
    import builtins

    assert [what for what, _ in vars(builtins).pop("shop_notes")] == ["this", "this"]


async def test_a_class_that_is_called_otherwise_is_followed(shop: Any) -> None:
    await shop.open(ONE)
    renamed = {**TWO, "store": TWO["stock"].replace("class Stock", "class Store")}
    del renamed["stock"]
    renamed = changed(renamed, "app", ("example_shop.stock import Stock", "example_shop.store import Store"))
    renamed = changed(renamed, "app", ("worker(Stock", "worker(Store"))
    way = 'up={"1": []}, renamed={"example_shop.stock:Stock": "example_shop.store:Store"}'
    report = await shop.upgrade(with_appup(way, renamed))
    assert (report.processes, report.code_changed) == (5, 5)
    assert type(shop.actor(shop.stocks[0])).__qualname__ == "Store"


@pytest.mark.parametrize(
    ("appup", "told"),
    [
        ('up={"0": []}', "has no way up from 1"),
        ('up={"1": [Update("example_shop.stock:Shelf")]}', "there is no such class"),
        ('up={"1": [Apply("example_shop.stock:forget")]}', "there is no function example_shop.stock:forget"),
        ('up={"1": [Add("Nobody")]}', "there is no such child"),
        ('up={"1": [Delete(["stocks", "Nobody"])]}', "there is no such child"),
        ('up={"1": [Delete(["Nobody", "Nobody"])]}', "is no running supervisor"),
        ('up={"1": [Delete("stocks")]}', "the new tree has this child"),
    ],
)
async def test_what_cannot_be_done_is_told(shop: Any, appup: str, told: str) -> None:
    await shop.open(ONE)
    failed = await shop.fails(with_appup(appup))
    assert failed.stage == "plan"
    assert told in str(failed)


async def test_a_version_without_a_way_down_cannot_be_left(shop: Any) -> None:
    await shop.open(with_appup('up={"1": []}, down={"0": []}'))
    with pytest.raises(UpgradeFailed, match="no way down to 1"):
        await shop.downgrade(ONE)
