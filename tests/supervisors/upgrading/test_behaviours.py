"""State machines and event managers of the application."""

from __future__ import annotations

from typing import Any

from mirliton.runtime import GenEvent, Name, gen_event
from shop import ONE, TWO, changed

COUNTED_1 = """
    from mirliton.runtime import EventHandler

    class Counted(EventHandler):
        version = "1"

        def init(self):
            self.seen = []

        def handle_event(self, event):
            self.seen.append((self.version, event))
"""
COUNTED_2 = (
    COUNTED_1.replace('"1"', '"2"')
    + """
        def code_change(self, old_version, extra):
            self.seen.append(("changed from", old_version))
"""
)
DOOR_1 = """
    from mirliton.runtime import Cast, GenStatem, KeepState, NextState, Postpone, StateTimedOut, StateTimeout
    from example_shop.messages import Add

    class Door(GenStatem):
        def init(self):
            self.entered = 0
            return NextState("closed")

        def closed(self, event):
            match event:
                case Cast("open"):
                    return NextState("open_", StateTimeout(10.0, "close"))
                case Cast(Add()):
                    return KeepState(Postpone())

        def open_(self, event):
            match event:
                case StateTimedOut():
                    return NextState("closed")
                case Cast(Add(amount)):
                    self.entered += amount
"""
DOOR_2 = (
    DOOR_1.replace('"closed"', '"shut"')
    .replace("def closed", "def shut")
    .replace("self.entered += amount", "self.entered += amount * 100")
    + """
        def code_change(self, old_version, extra):
            if self.current_state == "closed":
                self.rename_state("shut")
"""
)


def with_modules(version: dict[str, str], **modules: str) -> dict[str, str]:
    imports = "".join(f"    import example_shop.{name}\n" for name in modules)
    return {**version, **modules, "app": imports + version["app"]}


async def test_handlers_take_the_new_code_in_whosever_manager_they_are(shop: Any) -> None:
    await shop.open(with_modules(ONE, counted=COUNTED_1))
    manager = await shop.asks(shop.node.start(GenEvent))
    await shop.asks(gen_event.add_handler(shop.node, manager, shop.module("counted").Counted))
    await shop.asks(gen_event.sync_notify(shop.node, manager, "a"))
    failing = changed(TWO, "auditor", ("self.audits = 0", "1 / 0"))
    await shop.fails(with_modules(failing, counted=COUNTED_2))
    await shop.asks(gen_event.sync_notify(shop.node, manager, "b"))
    report = await shop.upgrade(with_modules(TWO, counted=COUNTED_2))
    assert report.code_changed == 6
    await shop.asks(gen_event.sync_notify(shop.node, manager, "c"))
    [installed] = shop.actor(manager).handlers
    assert type(installed.handler) is shop.module("counted").Counted
    assert installed.handler.seen == [("1", "a"), ("1", "b"), ("changed from", "1"), ("2", "c")]


async def test_a_state_machine_keeps_its_state_its_timeout_and_what_it_has_postponed(shop: Any) -> None:
    await shop.open(with_modules(ONE, door=DOOR_1))
    door = await shop.asks(shop.node.start(shop.module("door").Door, name=Name("shop", "door")))
    shop.add(door, 2)
    await shop.node.idle()
    await shop.fails(changed(with_modules(TWO, door=DOOR_2), "auditor", ("self.audits = 0", "1 / 0")))
    assert shop.actor(door).current_state == "closed"
    await shop.upgrade(with_modules(TWO, door=DOOR_2))
    assert shop.actor(door).current_state == "shut"
    shop.node.cast(door, "open")
    await shop.node.idle()
    assert (shop.actor(door).current_state, shop.actor(door).entered) == ("open_", 200)
    newer = {**with_modules(TWO, door=DOOR_2), "app": with_modules(TWO, door="")["app"].replace('"2"', '"3"')}
    await shop.upgrade(newer)
    await shop.node.advance(11.0)
    assert shop.actor(door).current_state == "shut"
