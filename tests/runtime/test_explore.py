"""Interleavings: a seed draws them, a list of decisions replays one, and a race is shown as a short list."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mirliton.runtime import CoroutineProcess, GenServer, Name, NoProc, Pid, Reply, TimerFired, message
from mirliton.runtime.testing import Probe, RaceFound, VirtualNode, explore, virtual_node


@message("test.explore.said")
class Said:
    who: str
    n: int


class Account(GenServer):
    """Its balance is read, changed and put back by others: the textbook's race."""

    def init(self) -> None:
        self.balance = 100

    def handle_call(self, request: Any, sender: Any) -> Any:
        if isinstance(request, int):
            self.balance = request
        return Reply(self.balance)


class Customer(CoroutineProcess):
    async def init(self, account: Pid, amount: int) -> None:
        self.account = account
        self.amount = amount

    async def run(self) -> None:
        balance = await self.call(self.account, "balance")
        await self.call(self.account, balance - self.amount)


async def withdrawals_add_up(node: VirtualNode) -> None:
    account = await node.start(Account)
    first = node.spawn(Customer, account, 30)
    await node.wait_exit(first)
    node.spawn(Customer, account, 20)
    await node.idle()
    assert await node.call(account, "balance") == 50


async def withdrawals_race(node: VirtualNode) -> None:
    """Right when each customer is done before the next begins, as first come, first served has it here."""
    account = await node.start(Account)

    class Opens(GenServer):
        def handle_info(self, received: Any) -> None:
            self.spawn(Customer, account, received)

    opens = door = await node.start(Opens)
    for _ in range(4):
        door = await node.start(Relay, door)
    node.send(opens, 30)
    node.send(door, 20)  # four messages away from being let in: time enough for the first, as a rule
    await node.idle()
    assert await node.call(account, "balance") == 50


class Relay(GenServer):
    def init(self, to: Pid) -> None:
        self.to = to

    def handle_info(self, received: Any) -> None:
        self.send(self.to, received)


async def test_a_test_without_a_race_passes_with_every_seed() -> None:
    await explore(withdrawals_add_up, seeds=50)


async def test_a_race_that_only_some_seeds_find_is_shown_as_a_short_list() -> None:
    passed = 0
    for seed in range(40):
        try:
            async with virtual_node(seed=seed) as node:
                await withdrawals_race(node)
            passed += 1
        except AssertionError:
            pass
    assert 0 < passed < 40, "the example is to be one that some seeds find and some do not"
    with pytest.raises(RaceFound) as caught:
        await explore(withdrawals_race, seeds=40)
    race = caught.value
    assert 1 <= len(race.trace) <= 3
    assert isinstance(race.error, AssertionError)
    assert f"again: virtual_node(decisions={race.decisions})" in str(race)
    assert "before" in str(race.trace[0])
    # The list is enough to have it again, and none of it can be spared.
    for left_out in [None, *race.decisions]:
        decisions = {number: index for number, index in race.decisions.items() if number != left_out}
        try:
            async with virtual_node(decisions=decisions) as node:
                await withdrawals_race(node)
            failed = False
        except AssertionError:
            failed = True
        assert failed == (left_out is None)


async def test_the_same_seed_gives_the_same_run() -> None:
    async def run(seed: int) -> list[Any]:
        async with virtual_node(seed=seed) as node:
            probe = await Probe.start(node)
            for who in "abcde":
                node.spawn(Talks, probe.pid, who)
            await node.idle()
            assert node.choices is not None
            return [*probe.messages, node.choices.deviations]

    assert await run(7) == await run(7)
    runs = [await run(seed) for seed in range(20)]
    assert len({str(said) for said in runs}) > 10


class Talks(CoroutineProcess):
    async def init(self, to: Pid, who: str) -> None:
        self.to = to
        self.who = who

    async def run(self) -> None:
        for n in range(5):
            self.send(self.to, Said(self.who, n))
            await self.sleep(0)


async def test_between_one_pair_the_order_is_kept_with_every_seed() -> None:
    async def ordered(node: VirtualNode) -> None:
        probe = await Probe.start(node)
        for who in "abcd":
            node.spawn(Talks, probe.pid, who)
        await node.advance(1)
        for who in "abcd":
            assert [said.n for said in probe.messages if said.who == who] == list(range(5))

    await explore(ordered, seeds=60)


async def test_of_timers_due_at_once_those_of_different_processes_may_change_places_those_of_one_may_not() -> None:
    orders: set[str] = set()

    class Sets(GenServer):
        def init(self, to: Pid, who: str) -> None:
            for n in range(3):
                self.send_after(10, to, Said(who, n))

    async def run(node: VirtualNode) -> None:
        probe = await Probe.start(node)
        for who in "ab":
            await node.start(Sets, probe.pid, who)
        await node.advance(10)
        for who in "ab":
            assert [said.n for said in probe.messages if said.who == who] == [0, 1, 2]
        orders.add("".join(said.who for said in probe.messages))

    await explore(run, seeds=100)
    assert "aaabbb" in orders
    assert len(orders) > 10


async def test_a_message_that_comes_at_the_very_end_of_a_timeout_is_received_whoever_is_first() -> None:
    seen: set[str] = set()

    class Waits(CoroutineProcess):
        async def run(self) -> None:
            try:
                await self.receive(TimerFired, timeout=5)
                seen.add("message")
            except TimeoutError:
                seen.add("timeout")

    class Sends(GenServer):
        def init(self, to: Pid) -> None:
            self.send_after(5, to, TimerFired(self.node.new_ref(), "x"))

    async def run(node: VirtualNode) -> None:
        await node.start(Sends, await node.start(Waits))
        await node.advance(6)

    await explore(run, seeds=60)
    assert seen == {"message"}


async def test_a_test_that_fails_anyway_is_no_race() -> None:
    async def wrong(node: VirtualNode) -> None:
        assert await node.call(await node.start(Account), "balance") == 0

    with pytest.raises(RaceFound, match="without any surprise") as caught:
        await explore(wrong)
    assert caught.value.seed is None


async def test_a_failure_that_does_not_come_again_is_told_as_such() -> None:
    runs = 0

    async def unsteady(node: VirtualNode) -> None:
        nonlocal runs
        runs += 1
        for _ in range(3):
            node.spawn(Account)
        await node.idle()
        assert runs != 2

    with pytest.raises(RaceFound, match="not when it is run again"):
        await explore(unsteady, seeds=5)


async def test_a_violation_of_strict_mode_is_found_as_well() -> None:
    async def unsendable(node: VirtualNode) -> None:
        pid = await node.start(Account)
        for _ in range(3):
            node.spawn(Account)
        await node.idle()
        if node.choices is not None and node.choices.trace:
            node.send(pid, object())

    with pytest.raises(RaceFound, match="cannot be sent"):
        await explore(unsendable, seeds=30)


# Our own


async def test_a_name_goes_to_one_and_is_free_after_it_whoever_comes_first() -> None:
    name = Name("service", "one")

    class Wants(GenServer):
        def init(self) -> None:
            self.register(name)

    async def run(node: VirtualNode) -> None:
        pids = [node.spawn(Wants) for _ in range(4)]
        await node.idle()
        holder = node.whereis(name)
        assert holder in pids
        assert sum(pid.cell is not None for pid in pids) == 1
        node.exit(holder, "kill")
        node.spawn(Wants)
        await node.idle()
        assert node.whereis(name) not in pids

    await explore(run, seeds=100)


async def test_kept_mail_reaches_the_successors_once_and_in_order_whoever_runs_first() -> None:
    name = Name("service", "kept")

    class Server(GenServer):
        def handle_info(self, received: Any) -> None:
            taken.append(received)

    class Sends(CoroutineProcess):
        async def run(self) -> None:
            for n in range(6):
                self.send(name, n)
                await self.sleep(0)

    taken: list[int] = []

    async def run(node: VirtualNode) -> None:
        taken.clear()

        class Keeper(GenServer):
            def init(self) -> None:
                self.trap_exit()
                self.spawn_link(Server, name=name, keep_mail=True)

            def handle_info(self, received: Any) -> None:
                self.spawn_link(Server, name=name, keep_mail=True)

        class Kills(CoroutineProcess):
            async def run(self) -> None:
                for _ in range(3):
                    pid = self.whereis(name)
                    if pid is not None:
                        self.exit(pid, "kill")
                    await self.sleep(0)

        await node.start(Keeper)
        node.spawn(Sends)
        node.spawn(Kills)
        await node.advance(1)
        assert taken == list(range(6))

    await explore(run, seeds=200)


async def test_a_call_ends_exactly_once_however_its_server_dies() -> None:
    class Server(GenServer):
        def handle_call(self, request: Any, sender: Any) -> Any:
            return Reply("answer")

    async def run(node: VirtualNode) -> None:
        server = await node.start(Server)
        outcomes: list[str] = []

        class Asks(CoroutineProcess):
            async def run(self) -> None:
                try:
                    outcomes.append(await self.call(server, "q", timeout=1))
                except Exception as error:  # noqa: BLE001 - any end of the call counts
                    outcomes.append(type(error).__qualname__)

        class Kills(CoroutineProcess):
            async def run(self) -> None:
                await self.sleep(0)
                self.exit(server, "kill")

        for _ in range(3):
            node.spawn(Asks)
        node.spawn(Kills)
        await node.advance(2)
        assert len(outcomes) == 3
        assert set(outcomes) <= {"answer", "ServerDied", "NoProc"}
        assert len(node.calls) == 0
        assert len(node.timers) == 0

    await explore(run, seeds=150)


async def test_nothing_of_an_earlier_run_is_left_in_a_later_one() -> None:
    async def run(node: VirtualNode) -> None:
        assert len(node) == 0
        with pytest.raises(NoProc):
            await node.call(Name("service", "left"), "?")
        await node.start(Account, name=Name("service", "left"))
        await asyncio.sleep(0)

    await explore(run, seeds=5)
