"""Actions on timers. A number of milliseconds left is shown as `time_left`."""

from __future__ import annotations

from typing import Any

from mirliton.supervisors.replay.proc.actions import Doer, action


@action("start_timer")
def start_timer(by: Doer, milliseconds: float, term: Any, name: str) -> str:
    timer = by.me.start_timer(milliseconds / 1000, by.world.value(term))
    by.world.timers[name] = timer
    by.world.named(timer.ref, name)
    return "ok"


@action("send_after")
def send_after(by: Doer, milliseconds: float, target: Any, term: Any, name: str) -> str:
    timer = by.me.send_after(milliseconds / 1000, by.world.address(target), by.world.value(term))
    by.world.timers[name] = timer
    return "ok"


@action("cancel_timer")
def cancel_timer(by: Doer, name: str) -> Any:
    return False if by.me.cancel_timer(by.world.timers[name]) is None else "time_left"


@action("read_timer")
def read_timer(by: Doer, name: str) -> Any:
    return False if by.me.read_timer(by.world.timers[name]) is None else "time_left"
