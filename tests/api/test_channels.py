"""Who is on the phone, and hanging up."""

import time

import pytest

from mirliton.actors.kapi.channels import QueryAccountChannelsResp, QueryChannelsResp
from mirliton.actors.kapi.dialplan import Break, Hangup
from mirliton.actors.store.documents import gregorian
from mirliton.actors.switching import (
    CHANNELS,
    Accepted,
    CommandResult,
    Dispatch,
    Execute,
    Refused,
    SwitchUnavailable,
    call_name,
    switch_name,
)
from mirliton.runtime.testing import Probe


@pytest.fixture
async def acme(world):
    return await world.admin("acme")


def row(uuid, account_id, **fields):
    return {
        "uuid": uuid,
        "account_id": account_id,
        "direction": "inbound",
        "node": "fs1",
        "timestamp": gregorian(time.time() - 10),
        "owner_id": None,
        **fields,
    }


async def table(world, *rows):
    """A channel table with these rows."""

    def answer(request):
        if hasattr(request, "account_id"):
            return QueryAccountChannelsResp(
                channels=tuple(row for row in rows if row["account_id"] == request.account_id)
            )
        return QueryChannelsResp(channels={row["uuid"]: row for row in rows})

    return await Probe.start(world.node, name=CHANNELS, answer=answer)


def path(acme, *rest):
    return "/".join([f"/accounts/{acme[0]}/channels", *rest])


async def test_an_account_sees_its_own_channels(world, acme):
    await table(world, row("a", acme[0]), row("b", "0" * 32))
    reply = await world.get(path(acme), acme[1])
    assert [channel["uuid"] for channel in reply.data] == ["a"]
    assert reply.data[0]["elapsed_s"] >= 10
    assert (await world.get(path(acme, "a"), acme[1])).data["node"] == "fs1"
    assert (await world.get(path(acme, "b"), acme[1])).status == 404
    assert (await world.post(path(acme, "b"), {"action": "hangup"}, acme[1])).status == 404


async def test_lists_of_a_user_and_a_device_and_filters(world, acme):
    bob = await world.user(acme[0], "bob", "user")
    await table(
        world,
        row("a", acme[0], owner_id=bob),
        row("b", acme[0], authorizing_id="d" * 32),
        row("c", acme[0], direction="outbound"),
    )
    base = f"/accounts/{acme[0]}"
    assert [c["uuid"] for c in (await world.get(f"{base}/users/{bob}/channels", acme[1])).data] == ["a"]
    assert [c["uuid"] for c in (await world.get(f"{base}/devices/{'d' * 32}/channels", acme[1])).data] == ["b"]
    assert [c["uuid"] for c in (await world.get(path(acme) + "?filter_direction=outbound", acme[1])).data] == ["c"]


async def test_the_master_sees_all(world, acme):
    await world.make_master(acme[0])
    await table(world, row("a", acme[0]), row("b", "0" * 32))
    assert {channel["uuid"] for channel in (await world.get("/channels", acme[1])).data} == {"a", "b"}


@pytest.mark.parametrize(("action", "kind"), [("hangup", Hangup), ("break", Break)])
async def test_a_command_goes_to_the_calls_actor_at_once(world, acme, action, kind):
    await table(world, row("a", acme[0]))
    call = await Probe.start(
        world.node, name=call_name("a"), answer=lambda request: CommandResult(request.command_id, "done")
    )
    reply = await world.post(path(acme, "a"), {"action": action}, acme[1])
    assert (reply.status, reply.data) == (200, {"uuid": "a", "action": action})
    [execute] = call.messages
    assert isinstance(execute, Execute)
    assert isinstance(execute.command, kind)
    assert (execute.command.call_id, execute.command.insert_at) == ("a", "now")


async def test_a_leg_without_an_actor_is_commanded_on_its_switch(world, acme):
    await table(world, row("a", acme[0], direction="outbound"))
    switch = await Probe.start(
        world.node, name=switch_name("fs1"), answer=lambda request: Accepted(request.command_id, False)
    )
    assert (await world.post(path(acme, "a"), {"action": "hangup"}, acme[1])).status == 200
    [dispatch] = switch.messages
    assert isinstance(dispatch, Dispatch)
    assert dispatch.call_id == "a"


@pytest.mark.parametrize("answer", [Refused("x", "no"), SwitchUnavailable("fs1", "away")])
async def test_what_the_switch_does_not_do_is_told(world, acme, answer):
    await table(world, row("a", acme[0], direction="outbound"))
    await Probe.start(world.node, name=switch_name("fs1"), answer=lambda request: answer)
    reply = await world.post(path(acme, "a"), {"action": "hangup"}, acme[1])
    assert reply.status == 503
    assert "Retry-After" in reply.headers


async def test_a_call_that_has_just_ended_is_hung_up(world, acme):
    await table(world, row("a", acme[0]))
    await Probe.start(world.node, name=call_name("a"), answer=lambda request: CommandResult(request.command_id, "gone"))
    assert (await world.post(path(acme, "a"), {"action": "hangup"}, acme[1])).status == 200


@pytest.mark.parametrize(
    ("data", "rule"), [({}, "required"), ({"action": "explode"}, "enum"), ({"action": 1}, "required")]
)
async def test_an_action_must_be_one_that_there_is(world, acme, data, rule):
    await table(world, row("a", acme[0]))
    reply = await world.post(path(acme, "a"), data, acme[1])
    assert (reply.status, set(reply.data["action"])) == (400, {rule})


async def test_a_plain_user_hangs_up_their_own_calls_only(world, acme):
    bob = await world.user(acme[0], "bob", "user")
    token = await world.login(acme[0], "bob")
    await table(world, row("a", acme[0], owner_id=bob), row("b", acme[0]))
    await Probe.start(world.node, name=call_name("a"), answer=lambda request: CommandResult(request.command_id, "done"))
    assert (await world.post(path(acme, "a"), {"action": "hangup"}, token)).status == 200
    assert (await world.post(path(acme, "b"), {"action": "hangup"}, token)).status == 403
    assert (await world.get(path(acme, "b"), token)).status == 403
    assert (await world.get(path(acme), token)).status == 403
