"""Links, monitors, exit signals and death: every row of the tables in Erlang's reference manual ("Processes")."""

from __future__ import annotations

import asyncio
import gc
import itertools
from typing import Any

import pytest

from mirliton.runtime import (
    Call,
    CoroutineProcess,
    Crash,
    Down,
    Exit,
    ExitSignal,
    GenServer,
    Name,
    NoProc,
    Pid,
    ServerDied,
    Shutdown,
    is_quiet,
    message,
)

ABNORMAL = ["shutdown", "killed", "boom", ("tuple", 1), Shutdown("planned")]


@message("test.signals.note")
class Note:
    text: str


# Exit reasons


@pytest.mark.parametrize("reason", ["normal", "shutdown", Shutdown("why")])
def test_a_planned_end_is_quiet(reason: Any) -> None:
    assert is_quiet(reason)


@pytest.mark.parametrize("reason", ["killed", "kill", "noproc", "boom", ("shutdown", 1), Crash("E", "text")])
def test_any_other_end_is_a_crash(reason: Any) -> None:
    assert not is_quiet(reason)


# What a signal by link does


async def test_a_link_does_not_carry_a_normal_end_to_one_that_does_not_trap(puppet: Any) -> None:
    a, b = await puppet(), await puppet()
    await a.do(lambda me: me.link(b.pid))
    await a.let(lambda _: _raise(Exit("normal")))
    assert not a.alive
    assert b.alive
    assert b.messages == []


@pytest.mark.parametrize("reason", [*ABNORMAL, "kill"])
async def test_a_link_carries_any_other_reason_unchanged(puppet: Any, node: Any, reason: Any) -> None:
    a, b = await puppet(), await puppet()
    await a.do(lambda me: me.link(b.pid))
    await a.let(lambda _: _raise(Exit(reason)))
    assert not b.alive
    assert node.dossiers.of(b.pid) is None or node.dossiers.of(b.pid).reason == reason


@pytest.mark.parametrize("reason", [*ABNORMAL, "kill", "normal"])
async def test_one_that_traps_gets_every_end_of_a_linked_process_as_a_message(puppet: Any, reason: Any) -> None:
    a, b = await puppet(), await puppet(trap=True)
    await a.do(lambda me: me.link(b.pid))
    await a.let(lambda _: _raise(Exit(reason)))
    assert b.exits == [(a.pid, reason)]


async def test_the_peers_of_a_killed_process_get_killed_which_can_be_trapped(puppet: Any, node: Any) -> None:
    a, b, c = await puppet(), await puppet(trap=True), await puppet()
    await a.do(lambda me: me.link(b.pid))
    await a.do(lambda me: me.link(c.pid))
    node.exit(a.pid, "kill")
    await node.idle()
    assert b.exits == [(a.pid, "killed")]
    assert not c.alive
    assert node.dossiers.of(c.pid).reason == "killed"


# What a sent exit signal does


async def test_a_normal_exit_from_another_does_nothing_to_one_that_does_not_trap(puppet: Any) -> None:
    a, b = await puppet(), await puppet()
    await a.do(lambda me: me.exit(b.pid, "normal"))
    assert b.alive
    assert b.messages == []


async def test_a_normal_exit_from_another_is_a_message_to_one_that_traps(puppet: Any) -> None:
    a, b = await puppet(), await puppet(trap=True)
    await a.do(lambda me: me.exit(b.pid, "normal"))
    assert b.exits == [(a.pid, "normal")]


@pytest.mark.parametrize("trap", [False, True])
async def test_kill_ends_it_with_killed_and_nothing_of_it_runs(puppet: Any, node: Any, trap: bool) -> None:
    a, b = await puppet(), await puppet(trap=trap)
    ended = asyncio.ensure_future(node.wait_exit(b.pid))
    await asyncio.sleep(0)
    await a.do(lambda me: me.exit(b.pid, "kill"))
    assert await ended == "killed"
    assert b.terminated == []


@pytest.mark.parametrize("reason", ABNORMAL)
async def test_another_exit_ends_one_that_does_not_trap_with_that_reason(puppet: Any, node: Any, reason: Any) -> None:
    a, b = await puppet(), await puppet()
    ended = asyncio.ensure_future(node.wait_exit(b.pid))
    await asyncio.sleep(0)
    await a.do(lambda me: me.exit(b.pid, reason))
    assert await ended == reason
    assert b.terminated == []


@pytest.mark.parametrize("reason", ABNORMAL)
async def test_another_exit_is_a_message_to_one_that_traps(puppet: Any, reason: Any) -> None:
    a, b = await puppet(), await puppet(trap=True)
    await a.do(lambda me: me.exit(b.pid, reason))
    assert b.alive
    assert b.exits == [(a.pid, reason)]


@pytest.mark.parametrize("reason", ["normal", *ABNORMAL])
async def test_an_exit_sent_to_oneself_acts_before_the_call_returns(puppet: Any, node: Any, reason: Any) -> None:
    a = await puppet()
    went_on = []

    def act(me: GenServer) -> None:
        me.exit(me.pid, reason)
        went_on.append(True)

    ended = asyncio.ensure_future(node.wait_exit(a.pid))
    await asyncio.sleep(0)
    await a.let(act)
    assert await ended == reason
    assert went_on == []


@pytest.mark.parametrize("reason", ["normal", *ABNORMAL])
async def test_an_exit_sent_to_oneself_is_a_message_when_trapped(puppet: Any, reason: Any) -> None:
    a = await puppet(trap=True)
    await a.do(lambda me: me.exit(me.pid, reason))
    assert a.exits == [(a.pid, reason)]


async def test_kill_sent_to_oneself_cannot_be_trapped(puppet: Any, node: Any) -> None:
    a = await puppet(trap=True)
    await a.let(lambda me: me.exit(me.pid, "kill"))
    assert not a.alive
    assert node.dossiers.of(a.pid).reason == "killed"


async def test_trap_exit_tells_what_it_was(puppet: Any) -> None:
    a = await puppet()
    assert await a.do(lambda me: (me.trap_exit(True), me.trap_exit(True), me.trap_exit(False))) == (False, True, True)


async def test_one_that_stops_trapping_dies_of_the_next_signal(puppet: Any) -> None:
    a, b = await puppet(), await puppet(trap=True)
    await b.do(lambda me: me.trap_exit(False))
    await a.do(lambda me: me.exit(b.pid, "boom"))
    assert not b.alive


async def test_signals_to_the_dead_vanish(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet()
    node.exit(b.pid, "kill")
    await a.do(lambda me: me.exit(b.pid, "boom"))
    assert a.alive
    assert a.messages == []


async def test_an_exit_keeps_its_place_behind_what_the_same_sender_sent_before(puppet: Any) -> None:
    a, b = await puppet(), await puppet(trap=True)

    def act(me: GenServer) -> None:
        me.send(b.pid, Note("first"))
        me.exit(b.pid, "second")
        me.send(b.pid, Note("third"))

    await a.do(act)
    assert b.messages == [Note("first"), ExitSignal(a.pid, "second"), Note("third")]


# When a signal acts


async def test_an_untrapped_exit_does_not_wait_for_the_mailbox(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet()

    def act(me: GenServer) -> None:
        for n in range(1000):
            me.send(b.pid, Note(str(n)))
        me.exit(b.pid, "boom")

    await a.do(act)
    assert b.messages == []
    assert node.dossiers.of(b.pid).mail == 1000


class Awaiting(GenServer):
    """Awaits in a Task for ever, and says how that ended."""

    def init(self, log: list[str]) -> None:
        self.notes = log

    async def handle_cast(self, request: Any) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.notes.append("cancelled")
            raise
        finally:
            self.notes.append("cleaned up")


@pytest.mark.parametrize(("reason", "ends_with"), [("kill", "killed"), ("boom", "boom")])
async def test_a_signal_acts_on_a_process_that_awaits_in_a_task(node: Any, reason: str, ends_with: str) -> None:
    log: list[str] = []
    pid = await node.start(Awaiting, log)
    node.cast(pid, 1)
    node.cast(pid, 2)
    await _turns()
    node.exit(pid, reason)
    assert pid.cell is None
    await node.idle()
    assert node.dossiers.of(pid).reason == ends_with
    assert log == ["cancelled", "cleaned up"]


async def test_a_signal_acts_on_a_suspended_process(puppet: Any, node: Any) -> None:
    a = await puppet()
    await node.drive(node.sys.suspend(a.pid))
    node.exit(a.pid, "boom")
    assert not a.alive


async def test_a_signal_acts_on_a_process_whose_init_is_not_done(node: Any) -> None:
    class Slow(GenServer):
        async def init(self) -> None:
            await self.sleep(60)

    starting = asyncio.ensure_future(node.start(Slow))
    await node.idle()
    (cell,) = node.processes()
    node.exit(cell.pid, "kill")
    with pytest.raises(Exception, match="killed"):
        await node.drive(starting)
    assert len(node) == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("where", ["init", "handler", "terminate"])
async def test_a_kill_before_the_first_step_of_a_task_leaves_no_coroutine_unawaited(
    node: Any, where: str, recwarn: pytest.WarningsRecorder
) -> None:
    class Never(GenServer):
        async def begin(self) -> None:
            raise AssertionError("must not begin")

        def init(self) -> Any:
            return self.begin() if where == "init" else None

        def handle_cast(self, request: Any) -> Any:
            if where == "terminate":
                raise Exit("boom")
            return self.begin()

        def terminate(self, reason: Any) -> Any:
            return self.begin()

    pid = node.spawn(Never)
    node.cast(pid, 1)
    node.loop.call_soon(lambda: node.exit(pid, "kill"))
    await node.idle()
    gc.collect()
    assert pid.cell is None
    assert [str(warning.message) for warning in recwarn] == []


async def test_a_process_that_kills_itself_in_its_own_task_goes_no_further_than_its_next_await(node: Any) -> None:
    log: list[str] = []

    class Suicidal(GenServer):
        async def handle_cast(self, request: Any) -> None:
            self.node.exit(self.pid, "kill")
            log.append("still in the same step")
            await asyncio.sleep(3600)
            log.append("never")

    pid = await node.start(Suicidal)
    node.cast(pid, 1)
    await node.idle()
    assert pid.cell is None
    assert log == ["still in the same step"]


async def test_a_dead_process_can_do_nothing_more(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet()

    def act(me: GenServer) -> None:
        node.exit(me.pid, "kill")
        me.send(b.pid, Note("from beyond"))

    await a.let(act)
    assert b.messages == []


async def test_terminate_does_not_run_for_a_process_that_was_killed_in_its_own_handler(puppet: Any, node: Any) -> None:
    from mirliton.runtime import Stop

    ran = []

    class Server(GenServer):
        def handle_cast(self, request: Any) -> Any:
            self.node.exit(self.pid, "kill")
            return Stop("normal")

        def terminate(self, reason: Any) -> None:
            ran.append(reason)

    pid = await node.start(Server)
    node.cast(pid, 1)
    await node.idle()
    assert node.dossiers.of(pid).reason == "killed"
    assert ran == []


# Links


async def test_two_links_are_one_and_one_unlink_undoes_it(puppet: Any) -> None:
    a, b = await puppet(), await puppet(trap=True)
    await a.do(lambda me: (me.link(b.pid), me.link(b.pid), me.unlink(b.pid)))
    await a.let(lambda _: _raise(Exit("boom")))
    assert b.messages == []


async def test_two_links_give_one_exit(puppet: Any) -> None:
    a, b = await puppet(), await puppet(trap=True)
    await a.do(lambda me: me.link(b.pid))
    await b.do(lambda me: me.link(a.pid))
    await a.let(lambda _: _raise(Exit("boom")))
    assert b.exits == [(a.pid, "boom")]


async def test_either_side_may_unlink(puppet: Any) -> None:
    a, b = await puppet(), await puppet()
    await a.do(lambda me: me.link(b.pid))
    await b.do(lambda me: me.unlink(a.pid))
    await a.let(lambda _: _raise(Exit("boom")))
    assert b.alive


async def test_after_unlink_no_exit_comes_but_one_in_the_mailbox_stays(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet(trap=True)
    await b.do(lambda me: me.link(a.pid))

    def act(me: GenServer) -> None:
        node.exit(a.pid, "boom")
        me.unlink(a.pid)

    await b.do(act)
    await node.idle()
    assert b.exits == [(a.pid, "boom")]


async def test_linking_to_oneself_has_no_effect(puppet: Any) -> None:
    a = await puppet()
    await a.do(lambda me: me.link(me.pid))
    assert not a.pid.cell.links


async def test_linking_to_the_dead_raises_noproc_in_one_that_does_not_trap(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet()
    node.exit(b.pid, "kill")
    with pytest.raises(NoProc) as caught:
        await a.do(lambda me: me.link(b.pid))
    assert caught.value.target == b.pid
    assert a.alive


async def test_linking_to_the_dead_sends_noproc_to_one_that_traps(puppet: Any, node: Any) -> None:
    a, b = await puppet(trap=True), await puppet()
    node.exit(b.pid, "kill")
    await a.do(lambda me: me.link(b.pid))
    assert a.exits == [(b.pid, "noproc")]


async def test_spawn_link_links_before_the_child_runs(puppet: Any) -> None:
    class Born(GenServer):
        def init(self) -> None:
            raise Exit("stillborn")

    a = await puppet(trap=True)
    child = await a.do(lambda me: me.spawn_link(Born))
    assert a.exits == [(child, "stillborn")]


async def test_an_exit_runs_down_a_chain_and_stops_at_one_that_traps(puppet: Any) -> None:
    chain = [await puppet(trap=n == 3) for n in range(5)]
    for left, right in itertools.pairwise(chain):
        await left.do(lambda me, to=right: me.link(to.pid))
    await chain[0].let(lambda _: _raise(Exit("boom")))
    assert [p.alive for p in chain] == [False, False, False, True, True]
    assert chain[3].exits == [(chain[2].pid, "boom")]


async def test_the_peers_of_a_hub_hear_of_its_end_in_the_order_they_were_linked(puppet: Any, node: Any) -> None:
    hub = await puppet()
    spokes = [await puppet() for _ in range(20)]
    order = []
    node.on_exit.append(lambda cell, *_: order.append(cell.pid))
    for spoke in spokes:
        await hub.do(lambda me, to=spoke: me.link(to.pid))
    await hub.let(lambda _: _raise(Exit("boom")))
    assert order == [hub.pid, *(spoke.pid for spoke in spokes)]


async def test_a_chain_of_a_hundred_thousand_links_falls_without_recursion(node: Any) -> None:
    class Bead(GenServer):
        pass

    node.strict = False
    pids = [node.spawn(Bead) for _ in range(100_000)]
    for left, right in itertools.pairwise(pids):
        left.cell.join(right.cell)
    node.exit(pids[0], "boom")
    assert len(node) == 0


# Monitors


async def test_a_monitor_is_one_way(puppet: Any) -> None:
    a, b = await puppet(), await puppet()
    await a.do(lambda me: me.monitor(b.pid))
    await a.let(lambda _: _raise(Exit("boom")))
    assert b.alive
    assert b.messages == []


@pytest.mark.parametrize("reason", ["normal", "kill", *ABNORMAL])
async def test_down_carries_the_reason(puppet: Any, reason: Any) -> None:
    a, b = await puppet(), await puppet()
    ref = await a.do(lambda me: me.monitor(b.pid))
    await b.let(lambda _: _raise(Exit(reason)))
    assert a.downs == [(ref, b.pid, reason)]


async def test_each_monitor_is_its_own(puppet: Any) -> None:
    a, b = await puppet(), await puppet()
    refs = await a.do(lambda me: [me.monitor(b.pid), me.monitor(b.pid)])
    await b.let(lambda _: _raise(Exit("boom")))
    assert [ref for ref, _, _ in a.downs] == refs
    assert refs[0] != refs[1]


async def test_down_names_the_process_as_it_was_named_to_monitor(puppet: Any) -> None:
    name = Name("service", "b")
    a, b = await puppet(), await puppet(name=name)
    ref = await a.do(lambda me: me.monitor(name))
    await b.let(lambda _: _raise(Exit("boom")))
    assert a.downs == [(ref, name, "boom")]


async def test_monitoring_the_dead_and_the_unknown_gives_noproc_at_once(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet()
    node.exit(b.pid, "kill")
    nobody = Name("service", "nobody")
    refs = await a.do(lambda me: [me.monitor(b.pid), me.monitor(nobody)])
    assert a.downs == [(refs[0], b.pid, "noproc"), (refs[1], nobody, "noproc")]


async def test_a_monitor_by_name_stays_with_the_process_it_hit(puppet: Any) -> None:
    name = Name("service", "moving")
    a, b, c = await puppet(), await puppet(name=name), await puppet()
    ref = await a.do(lambda me: me.monitor(name))
    await b.do(lambda me: me.unregister(name))
    await c.do(lambda me: me.register(name))
    await c.let(lambda _: _raise(Exit("not me")))
    assert a.downs == []
    await b.let(lambda _: _raise(Exit("me")))
    assert a.downs == [(ref, name, "me")]


async def test_demonitor_takes_the_monitor_back_and_says_whether_it_was_active(puppet: Any) -> None:
    a, b = await puppet(), await puppet()
    ref = await a.do(lambda me: me.monitor(b.pid))
    assert await a.do(lambda me: me.demonitor(ref)) is True
    assert await a.do(lambda me: me.demonitor(ref)) is False
    await b.let(lambda _: _raise(Exit("boom")))
    assert a.downs == []


@pytest.mark.parametrize("flush", [False, True])
async def test_demonitor_with_flush_takes_a_down_back_that_has_come(puppet: Any, node: Any, flush: bool) -> None:
    a, b = await puppet(), await puppet()
    ref = await a.do(lambda me: me.monitor(b.pid))

    def act(me: GenServer) -> bool:
        node.exit(b.pid, "kill")
        return me.demonitor(ref, flush=flush)

    assert await a.do(act) is False
    await node.idle()
    assert a.downs == ([] if flush else [(ref, b.pid, "killed")])


async def test_a_monitor_on_oneself_never_fires(puppet: Any, node: Any) -> None:
    a = await puppet(trap=True)
    await a.do(lambda me: me.monitor(me.pid))
    node.exit(a.pid, "kill")
    await node.idle()
    assert a.messages == []


async def test_spawn_monitor_hears_of_a_child_that_dies_at_birth(puppet: Any) -> None:
    class Born(GenServer):
        def init(self) -> None:
            raise Exit("stillborn")

    a = await puppet()
    pid, ref = await a.do(lambda me: me.spawn_monitor(Born))
    assert a.downs == [(ref, pid, "stillborn")]


async def test_down_keeps_its_place_behind_what_the_dying_sent_before(puppet: Any) -> None:
    a, b = await puppet(), await puppet()
    ref = await a.do(lambda me: me.monitor(b.pid))

    def act(me: GenServer) -> None:
        me.send(a.pid, Note("last words"))
        raise Exit("boom")

    await b.let(act)
    assert a.messages == [Note("last words"), Down(ref, b.pid, "boom")]


# Death


async def test_an_uncaught_exception_is_the_reason(puppet: Any, node: Any) -> None:
    a = await puppet()
    await a.let(lambda _: 1 // 0)
    reason = node.dossiers.of(a.pid).reason
    assert (reason.kind, reason.text) == ("ZeroDivisionError", "integer division or modulo by zero")
    assert "1 // 0" in reason.traceback()
    assert a.terminated == [reason]


async def test_the_cleaning_up_of_a_killed_script_cannot_harm_its_killer(puppet: Any, node: Any) -> None:
    class Clinging(CoroutineProcess):
        async def run(self) -> None:
            try:
                await self.receive()
            finally:
                self.send(self.parent, Note("I am dying"))

    a = await puppet()
    victim = await a.do(lambda me: me.start(Clinging))
    await a.do(lambda me: me.exit(victim, "kill"))
    assert a.alive
    assert victim.cell is None
    assert a.messages == []


async def test_a_failing_exit_hook_does_not_stop_the_signals(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet()
    await a.do(lambda me: me.link(b.pid))
    node.on_exit.append(lambda *_: 1 // 0)
    node.exit(a.pid, "boom")
    node.on_exit.clear()
    assert not b.alive


async def test_an_exit_hook_learns_who_died_why_under_which_names_and_with_which_dossier(
    puppet: Any, node: Any
) -> None:
    seen = []
    node.on_exit.append(lambda cell, reason, names, dossier: seen.append((cell.pid, reason, names, dossier)))
    name = Name("service", "seen")
    a = await puppet(name=name)
    node.exit(a.pid, "boom")
    assert seen == [(a.pid, "boom", [name], node.dossiers.of(a.pid))]
    b = await puppet()
    node.exit(b.pid, "shutdown")
    assert seen[1] == (b.pid, "shutdown", None, None)


async def test_what_a_process_owns_is_closed_at_its_end_last_first_whatever_closing_raises(
    puppet: Any, node: Any
) -> None:
    a, b = await puppet(), await puppet(trap=True)
    closed = []

    def act(me: GenServer) -> None:
        me.link(b.pid)
        me.own(lambda: closed.append("nobody has heard of it" if not b.pid.cell.mailbox else "too late"))
        me.own(lambda: closed.append("first"))
        me.own(lambda: me.send(me.pid, Note("refused, since it is dead")))
        me.own(lambda: 1 // 0)
        me.own(lambda: closed.append("last"))

    await a.do(act)
    node.exit(a.pid, "kill")
    assert closed == ["last", "first", "nobody has heard of it"]
    assert b.pid.cell.mailbox
    assert node.dossiers.of(a.pid).reason == "killed"


async def test_a_reason_that_cannot_travel_is_told_in_words_and_noted(puppet: Any, node: Any) -> None:
    a, b, c = await puppet(), await puppet(trap=True), await puppet()
    await a.do(lambda me: me.link(b.pid))
    await c.do(lambda me: me.monitor(a.pid))
    await a.let(lambda _: _raise(Exit(object())))
    assert [reason.kind for _, reason in b.exits] == ["NotSerialisable"]
    assert [reason.kind for _, _, reason in c.downs] == ["NotSerialisable"]
    assert len(node.strict_violations) == 1
    node.strict_violations.clear()


async def test_who_sends_a_reason_that_cannot_travel_is_told_and_nobody_dies(puppet: Any, node: Any) -> None:
    from mirliton.runtime import NotSerialisable

    a, b = await puppet(), await puppet()
    with pytest.raises(NotSerialisable):
        await a.do(lambda me: me.exit(b.pid, object()))
    assert a.alive
    assert b.alive
    assert len(node.strict_violations) == 1
    node.strict_violations.clear()


async def test_callers_of_a_process_learn_what_it_died_of(puppet: Any, node: Any) -> None:
    class Silent(CoroutineProcess):
        async def run(self) -> None:
            await self.receive(Call)
            raise Exit("boom")

    pid = await node.start(Silent)
    with pytest.raises(ServerDied) as caught:
        await node.drive(node.call(pid, 1))
    assert caught.value.exit_reason == "boom"
    assert isinstance(pid, Pid)


def _raise(error: BaseException) -> None:
    raise error


async def _turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
