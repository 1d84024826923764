"""The listener answers routing questions, and starts one executor for each call that is won."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.route import RouteReq, RouteResp, RouteWin
from mirliton.actors.store.server import STORE
from mirliton.actors.switching import ROUTER, call_name, executor_name
from mirliton.runtime import CallTimeout, Cast
from mirliton.supervisors import Supervisor, count_children
from mirliton.whapps.callflow.app import tree
from mirliton.whapps.callflow.listener import EXECUTORS

CALL = "a0b1c2d3-0000-4000-8000-000000000001"


async def _callflow(here: Any) -> None:
    """Start the application, in place of the world's own answerer of routing questions."""
    here.node.exit(here.node.whereis(ROUTER), "kill")
    await here.node.idle()
    await here.node.drive(here.node.start(Supervisor, tree(here.media_urls)))


def _question(here: Any, number: str) -> RouteReq:
    return RouteReq(
        call_id=CALL,
        from_="1001@acme.example",
        to=f"{number}@acme.example",
        request=f"{number}@acme.example",
        destination_number=number,
        custom_channel_vars={"Account-ID": here.account_id},
    )


def _win(here: Any) -> RouteWin:
    return RouteWin(call_id=CALL, control_queue=call_name(CALL), custom_channel_vars={"Account-ID": here.account_id})


async def test_it_says_which_callflow_takes_the_call(world: Any) -> None:
    async with world() as here:
        await here.put({"_id": here.account_id, "pvt_type": "account", "name": "acme"})
        await here.flow_of({"module": "hangup"})
        await _callflow(here)
        answer = await here.node.drive(here.node.call(ROUTER, _question(here, "2000")))
        assert isinstance(answer, RouteResp)
        assert (answer.method, answer.custom_channel_vars["CallFlow-ID"]) == ("park", here.flow)
        refusal = await here.node.drive(here.node.call(ROUTER, _question(here, "2999")))
        assert (refusal.method, refusal.route_error_code) == ("error", 404)


async def test_a_win_runs_the_flow_once(world: Any) -> None:
    async with world() as here:
        await here.flow_of({"module": "response", "data": {}})
        await _callflow(here)
        for _ in range(3):
            here.node.send(ROUTER, Cast(_win(here)))
        await here.node.advance(5.0)
        assert here.channel.log.said() == ["respond"]
        assert here.node.whereis(executor_name(CALL)) is None
        counts = await here.node.drive(count_children(here.node, EXECUTORS))
        assert counts.active == 0


async def test_a_listener_that_was_killed_answers_again(world: Any) -> None:
    async with world() as here:
        await here.put({"_id": here.account_id, "pvt_type": "account", "name": "acme"})
        await here.flow_of({"module": "hangup"})
        await _callflow(here)
        here.node.exit(here.node.whereis(ROUTER), "kill")
        answer = await here.node.drive(here.node.call(ROUTER, _question(here, "2000"), timeout=5.0))
        assert answer.method == "park"


async def test_what_cannot_be_decided_is_not_answered(world: Any) -> None:
    """The call asks again; a wrong answer would end it."""
    async with world() as here:
        await _callflow(here)
        here.node.exit(here.node.whereis(STORE), "kill")
        with pytest.raises(CallTimeout):
            await here.node.drive(here.node.call(ROUTER, _question(here, "2000"), timeout=30.0))
        assert here.node.whereis(ROUTER) is not None
