"""The executor: through a flow, over restarts, and out of whatever a document may say."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.admission import CallLimitReached, account_name
from mirliton.actors.kapi.dialplan import Play
from mirliton.actors.store.server import STORE
from mirliton.actors.switching import CommandResult, call_name
from mirliton.runtime.testing import Probe
from mirliton.whapps.callflow.checkpoint import Checkpoint, decode
from mirliton.whapps.callflow.executor import MAX_STEPS
from mirliton.whapps.callflow.script import Next

CALL = "a0b1c2d3-0000-4000-8000-000000000001"
OTHER = "e" * 32
END = {"module": "response", "data": {}}


def _play(number: int, **children: Any) -> dict[str, Any]:
    return {"module": "play", "data": {"id": f"tone_stream://{number}", "answer": False}, "children": children}


async def _callflow(here: Any, flow_id: str, flow: Any, **more: Any) -> None:
    await here.put({"_id": flow_id, "pvt_type": "callflow", "flow": flow, **more})


class TestAFlow:
    async def test_it_goes_down_the_default_children(self, world: Any) -> None:
        async with world() as here:
            await here.flow_of(_play(1, _=_play(2, _=_play(3))))
            log = await here.call()
            assert log.said() == ["tone_stream://1", "tone_stream://2", "tone_stream://3"]
            assert log.hangups == ["NORMAL_CLEARING"]
            assert here.restarts == 0

    async def test_an_action_may_be_left_out(self, world: Any) -> None:
        async with world() as here:
            await here.flow_of({**_play(1, _=_play(2)), "data": {"skip_module": True, "id": "tone_stream://1"}})
            assert (await here.call()).said() == ["tone_stream://2"]

    async def test_a_flow_that_loops_ends(self, world: Any) -> None:
        async with world() as here:
            await _callflow(here, OTHER, {"module": "callflow", "data": {"id": here.flow}})
            await here.flow_of(_play(1, _={"module": "callflow", "data": {"id": OTHER}}))
            log = await here.call()
            assert 1 < len(log.commands) <= MAX_STEPS
            assert log.hangups == ["NORMAL_CLEARING"]

    async def test_a_flow_that_jumps_to_itself_ends(self, world: Any) -> None:
        async with world() as here:
            await here.flow_of({"module": "callflow", "data": {"id": here.flow}})
            assert (await here.call()).hangups == ["NORMAL_CLEARING"]

    async def test_the_checkpoint_grows_by_no_more_than_each_result(
        self, world: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A result tells the channel's variables, of which the checkpoint is one."""

        async def talkative(call: Any, data: Any) -> Any:
            for _ in range(50):
                await call.execute(Play(call.id, "tone_stream://1"))
            return Next()

        monkeypatch.setattr("mirliton.whapps.callflow.executor.action_of", lambda module: talkative)
        async with world() as here:
            await here.flow_of({"module": "talkative"})
            assert len((await here.call()).commands) == 50
            assert here.channel.longest_checkpoint < 50 * 64

    async def test_a_caller_who_hangs_up_ends_it(self, world: Any, caller: Any) -> None:
        async with world(caller({"tone_stream://2": ["hangup"]})) as here:
            await here.flow_of(_play(1, _=_play(2, _=_play(3))))
            log = await here.call()
            assert log.said() == ["tone_stream://1", "tone_stream://2"]
            assert log.hangups == []

    async def test_the_call_is_let_go_at_the_end(self, world: Any) -> None:
        async with world() as here:
            await here.flow_of(_play(1))
            await here.call()
            assert here.detached == 1


class TestWhatADocumentMaySay:
    @pytest.mark.parametrize(
        "flow",
        [
            {},
            {"module": ""},
            {"module": None},
            {"module": 5},
            {"module": ["play"], "data": {}},
            {"module": "no_such_action"},
            {"module": "play", "data": []},
            {"module": "play", "data": "tone_stream://1", "children": {}},
            {"module": "play", "data": {}, "children": []},
            {"module": "play", "data": {}, "children": {"_": 5}},
            {"module": "play", "data": {}, "children": {"_": [1]}},
            {"module": "play", "data": {}, "children": 7},
            {"module": "play", "data": {}, "children": {"_": {"module": {}}}},
            {"data": {}, "children": {"_": END}},
        ],
        ids=str,
    )
    async def test_a_flow_of_wrong_types_ends_the_call_in_order(self, world: Any, flow: Any) -> None:
        async with world() as here:
            await here.flow_of(flow)
            log = await here.call()
            assert len(log.hangups) == 1
            assert here.restarts == 0

    @pytest.mark.parametrize("flow", [None, 5, "play", [], [{"module": "hangup"}]], ids=str)
    async def test_a_callflow_without_a_flow_ends_the_call(self, world: Any, flow: Any) -> None:
        async with world() as here:
            await here.flow_of(flow)
            assert (await here.call()).hangups == ["NORMAL_TEMPORARY_FAILURE"]

    async def test_a_callflow_that_is_not_there_ends_the_call(self, world: Any) -> None:
        async with world() as here:
            assert (await here.call()).hangups == ["NORMAL_TEMPORARY_FAILURE"]

    async def test_a_deleted_callflow_is_not_there(self, world: Any) -> None:
        async with world() as here:
            await here.flow_of(_play(1), pvt_deleted=True)
            assert (await here.call()).said() == []

    @pytest.mark.parametrize("to", ["absent", "_local/x", "\0", ""])
    async def test_a_jump_into_nothing_ends_the_call(self, world: Any, to: str) -> None:
        async with world() as here:
            await here.flow_of({"module": "callflow", "data": {"id": to}})
            assert len((await here.call()).hangups) == 1
            assert here.restarts == 0

    async def test_a_flow_that_was_edited_meanwhile_ends_where_there_is_nothing(self, world: Any) -> None:
        async with world() as here:
            await here.flow_of(_play(1))
            here.channel.checkpoint = Checkpoint(here.flow, ["_", "5", "_"], 3).encode()
            log = await here.call()
            assert (log.said(), log.hangups) == ([], ["NORMAL_CLEARING"])

    async def test_a_call_without_a_callflow_is_ended(self, world: Any) -> None:
        async with world() as here:
            here.flow = ""
            assert (await here.call()).hangups == ["NORMAL_TEMPORARY_FAILURE"]

    async def test_a_fault_in_an_action_is_no_end_of_the_flow(
        self, world: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def broken(call: Any, data: Any) -> Any:
            return data["no such key"]

        monkeypatch.setattr("mirliton.whapps.callflow.executor.action_of", lambda module: broken)
        async with world() as here:
            await here.flow_of({"module": "broken", "data": {"id": "x"}, "children": {"_": END}})
            log = await here.call()
            assert log.hangups == ["NORMAL_CLEARING"]
            assert here.restarts == 0


class TestTakingOver:
    async def test_a_successor_goes_on_in_the_middle(self, world: Any) -> None:
        async with world() as here:
            await here.flow_of(_play(1, _=_play(2, _=_play(3))))
            here.channel.checkpoint = Checkpoint(here.flow, ["_"], 1).encode()
            assert (await here.call()).said() == ["tone_stream://2", "tone_stream://3"]

    async def test_what_was_done_is_answered_from_the_notes(self, world: Any) -> None:
        async with world() as here:
            play = {"module": "play", "data": {"id": "tone_stream://1"}}
            await here.flow_of(play)
            there = Checkpoint(here.flow)
            there.results.append(CommandResult(there.command_id(CALL, 0), "done"))
            here.channel.checkpoint = there.encode()
            assert [type(command) for _, command in (await here.call()).commands] == [Play]

    async def test_it_is_not_admitted_again(self, world: Any) -> None:
        async with world() as here:
            await here.flow_of(_play(1))
            here.channel.checkpoint = Checkpoint(here.flow).encode()
            here.node.exit(here.node.whereis(account_name(here.account_id)), "kill")
            assert (await here.call()).said() == ["tone_stream://1"]

    @pytest.mark.parametrize("checkpoint", ["junk", "☎", "A" * 100_000])
    async def test_an_unreadable_checkpoint_is_the_beginning(self, world: Any, checkpoint: str) -> None:
        async with world() as here:
            await here.flow_of(_play(1))
            here.channel.checkpoint = checkpoint
            assert (await here.call()).said() == ["tone_stream://1"]

    async def test_every_command_carries_what_came_before_it(self, world: Any) -> None:
        async with world() as here:
            await here.flow_of(_play(1, _=_play(2)))
            await here.call()
            there = decode(here.channel.checkpoint, CALL)
            assert (there.path, there.step, there.results) == (["_"], 1, [])

    async def test_many_kills_in_a_row_are_no_more_than_one(self, world: Any, caller: Any) -> None:
        flow = _play(1, _=_play(2, _=_play(3, _=_play(4, _=_play(5)))))
        async with world(kill_at=dict.fromkeys((3, 6, 9, 12), "executor")) as here:
            await here.flow_of(flow)
            log = await here.call()
            assert here.restarts == 4
            assert log.said() == [f"tone_stream://{number}" for number in range(1, 6)]


class TestWhoIsAway:
    async def test_a_full_account_is_told_busy(self, world: Any) -> None:
        async with world() as here:
            await here.flow_of(_play(1))
            here.node.exit(here.node.whereis(account_name(here.account_id)), "kill")
            await here.node.idle()
            refusal = CallLimitReached(3, 3)
            await Probe.start(here.node, name=account_name(here.account_id), answer=lambda request: refusal)
            log = await here.call()
            assert (log.said(), log.hangups[0]) == ([], "USER_BUSY")

    async def test_without_an_account_the_call_is_ended(self, world: Any) -> None:
        async with world() as here:
            await here.flow_of(_play(1))
            here.node.exit(here.node.whereis(account_name(here.account_id)), "kill")
            log = await here.call()
            assert (log.said(), log.hangups[0]) == ([], "NORMAL_TEMPORARY_FAILURE")

    async def test_without_a_store_the_call_is_ended(self, world: Any) -> None:
        async with world() as here:
            await here.flow_of(_play(1))
            here.node.exit(here.node.whereis(STORE), "kill")
            assert (await here.call()).hangups == ["NORMAL_TEMPORARY_FAILURE"]

    async def test_without_the_call_there_is_nothing_to_do(self, world: Any) -> None:
        async with world() as here:
            here.node.exit(here.node.whereis(call_name(CALL)), "kill")
            await here.call()
            assert here.restarts == 0
