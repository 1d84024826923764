"""What an action can do with its call: commands, marks, and waiting for who is away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mirliton.actors.kapi.channels import ChannelStatusResp
from mirliton.actors.kapi.dialplan import Play, Record
from mirliton.actors.switching import CHANNELS, SwitchApi, call_name
from mirliton.runtime.testing import Probe
from mirliton.whapps.callflow.errors import CallGone, CommandRefused
from mirliton.whapps.callflow.script import Done, Next, Script

CALL = "a0b1c2d3-0000-4000-8000-000000000001"
AFTER_COMMAND = {number: 2 + 2 * number for number in range(1, 5)}
"""The tick after each command: the flow's document takes two, each command two."""
Act = Callable[[Script], Awaitable[Any]]


@pytest.fixture
def act(world: Any, caller: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a function as the only action of a call; its world, when the call is over."""

    async def run(action: Act, *, prepare: Any = None, **wishes: Any) -> Any:
        async def module(call: Script, data: Any) -> Any:
            return await action(call) or Done()

        monkeypatch.setattr("mirliton.whapps.callflow.executor.action_of", lambda name: module)
        async with world(caller(**wishes.pop("caller", {})), **wishes) as here:
            await here.flow_of({"module": "under test", "children": {"_": {"module": "second"}}})
            if prepare is not None:
                await prepare(here)
            await here.call()
            return here

    return run


async def test_a_refused_command_raises_what_the_switch_said(act: Any) -> None:
    errors: list[Exception] = []

    async def action(call: Script) -> None:
        with pytest.raises(CommandRefused) as caught:
            await call.execute(Record(call.id, "/tmp/x.wav"))
        errors.append(caught.value)
        assert (await call.attempt(Record(call.id, "/tmp/y.wav"))).status == "refused"

    await act(action, caller={"records": ["refused", "refused"]})
    assert errors[0].command == "Record"


async def test_a_leg_that_is_gone_raises_at_every_command(act: Any) -> None:
    seen = []

    async def action(call: Script) -> None:
        for _ in range(2):
            with pytest.raises(CallGone) as caught:
                await call.execute(Play(call.id, "tone_stream://1"))
            seen.append(caught.value.cause)

    await act(action, caller={"keys": {"tone_stream://1": ["hangup"]}})
    assert seen == ["NORMAL_CLEARING"] * 2


async def test_a_successor_begins_at_the_mark_and_gives_no_command_twice(act: Any) -> None:
    runs: list[list[str]] = []

    async def action(call: Script) -> None:
        ids: list[str] = [str(call.state)]
        runs.append(ids)
        if call.state is None:
            for number in range(2):
                ids.append((await call.execute(Play(call.id, f"tone_stream://{number}"))).command_id)
            call.mark("marked")
        for number in range(2, 4):
            ids.append((await call.execute(Play(call.id, f"tone_stream://{number}"))).command_id)

    here = await act(action, kill_at={AFTER_COMMAND[3]: "executor"})
    first, second = runs
    assert (first[0], second[0]) == ("None", "marked")
    assert [name for name, _ in here.channel.log.commands] == [*first[1:3], *second[1:]]
    assert here.channel.log.said() == [f"tone_stream://{number}" for number in range(4)]


async def test_an_id_is_the_same_for_a_successor_and_another_after_a_mark(act: Any) -> None:
    seen: list[str] = []

    async def action(call: Script) -> None:
        seen.append(call.unique("x"))
        await call.execute(Play(call.id, "tone_stream://1"))
        call.mark(1)
        seen.append(call.unique("x"))
        await call.execute(Play(call.id, "tone_stream://2"))

    # The successor of the first runs from the beginning.
    await act(action, kill_at={AFTER_COMMAND[1]: "executor"})
    assert len(seen) == 3
    assert seen[0] == seen[1] != seen[2]


async def test_a_call_that_is_restarted_is_waited_for(act: Any) -> None:
    done = []

    async def action(call: Script) -> None:
        node = call.process.node
        actor = node.whereis(call_name(CALL))
        assert actor is not None
        node.exit(actor, "kill")
        done.append((await call.execute(Play(call.id, "tone_stream://1"))).status)

    here = await act(action, real_call=True)
    assert done == ["done"]
    assert here.channel.log.said() == ["tone_stream://1"]


async def test_a_call_that_does_not_come_back_is_gone_once_the_table_says_so(act: Any) -> None:
    done = []

    async def action(call: Script) -> None:
        node = call.process.node
        actor = node.whereis(call_name(CALL))
        assert actor is not None
        node.exit(actor, "kill")
        done.append((await call.attempt(Play(call.id, "tone_stream://1"))).status)

    await act(action)
    assert done == ["gone"]


async def test_it_is_not_gone_while_the_table_knows_it(act: Any) -> None:
    """Until the table says so the leg may be there, and its flow must go on."""
    asked = []

    async def prepare(here: Any) -> None:
        table = here.node.whereis(CHANNELS)
        here.node.exit(table, "kill")
        await here.node.idle()

        def answer(request: Any) -> Any:
            asked.append(request)
            return ChannelStatusResp(CALL, "active" if len(asked) < 4 else "terminated")

        await Probe.start(here.node, name=CHANNELS, answer=answer)

    async def action(call: Script) -> None:
        node = call.process.node
        actor = node.whereis(call_name(CALL))
        assert actor is not None
        node.exit(actor, "kill")
        await call.attempt(Play(call.id, "tone_stream://1"))

    await act(action, prepare=prepare)
    assert len(asked) >= 4


async def test_the_switch_can_be_asked_beside_the_call(act: Any) -> None:
    heard = []

    async def action(call: Script) -> None:
        heard.append(await call.api(SwitchApi("module_exists mod_shout")))

    await act(action)
    assert heard == ["false"]


async def test_an_action_knows_its_children_and_its_call(act: Any) -> None:
    seen: list[Any] = []

    async def action(call: Script) -> Any:
        seen.append((call.children, call.id, call.account_db, call.capture_group, call.leg.caller_id_number))
        return Next("nothing of that name") if len(seen) == 1 else Done()

    here = await act(action)
    assert seen == [
        (frozenset({"_"}), CALL, here.db, "", "1001"),
        (frozenset(), CALL, here.db, "", "1001"),
    ]
