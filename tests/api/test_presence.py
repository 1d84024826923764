"""What the account's lamps show, setting one by hand, and forgetting."""

from typing import Any

import pytest

from mirliton.actors import manual_presence
from mirliton.actors.presence import OMNIPRESENCE, AskPresence, LampChanged, PresenceIs, PresenceReset
from mirliton.runtime.testing import Probe

REALM = "acme.example.com"


async def omnipresence(world: Any) -> Probe:
    lit = {f"1001@{REALM}": [{"call_id": "x", "state": "confirmed", "direction": "initiator"}]}
    return await Probe.start(world.node, name=OMNIPRESENCE, answer=lambda request: PresenceIs(lit))


async def test_an_account_sees_what_its_lamps_show(world: Any) -> None:
    account_id, token = await world.admin("acme")
    probe = await omnipresence(world)
    url = f"/accounts/{account_id}/presence"
    by = [{"call_id": "x", "state": "confirmed", "direction": "initiator"}]
    assert (await world.get(url, token)).data == {f"1001@{REALM}": by}
    for name in ("1001", f"1001@{REALM}", "1001%40ACME.example.com"):
        assert (await world.get(f"{url}/{name}", token)).data == {"presence_id": f"1001@{REALM}", "lit_by": by}
    assert (await world.get(f"{url}/*3101", token)).data == {"presence_id": f"*3101@{REALM}", "lit_by": []}
    assert probe.messages[0] == AskPresence(account_id)


async def test_a_lamp_is_set_by_hand_and_stays(world: Any) -> None:
    account_id, token = await world.admin("acme")
    probe = await omnipresence(world)
    reply = await world.post(f"/accounts/{account_id}/presence/Night", {"action": "set", "state": "early"}, token)
    assert (reply.status, reply.data["state"]) == (200, "early")
    lamp = LampChanged(account_id, (f"night@{REALM}",), "manual_presence", "early", lasting=True)
    assert probe.messages == [lamp]
    assert await manual_presence.read(world.store, account_id) == {f"night@{REALM}": "early"}


async def test_lamps_are_forgotten_one_or_all(world: Any) -> None:
    account_id, token = await world.admin("acme")
    probe = await omnipresence(world)
    url = f"/accounts/{account_id}/presence"
    for name in ("a", "b", "c"):
        await world.post(f"{url}/{name}", {"action": "set", "state": "early"}, token)
    probe.messages.clear()
    assert (await world.post(f"{url}/a", {"action": "reset"}, token)).status == 200
    assert probe.messages == [PresenceReset(account_id, f"a@{REALM}")]
    assert set(await manual_presence.read(world.store, account_id)) == {f"b@{REALM}", f"c@{REALM}"}
    assert (await world.post(url, {"reset": True}, token)).status == 200
    assert probe.messages[-1] == PresenceReset(account_id)
    assert await manual_presence.read(world.store, account_id) == {}


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("/a", {"action": "set", "state": "purple"}, 400),
        ("/a", {"action": "set", "state": ["early"]}, 400),
        ("/a", {"action": "explode"}, 400),
        ("/a", {}, 400),
        ("", {}, 400),
        ("", {"reset": "yes"}, 400),
        ("/a@other.test", {"action": "set", "state": "early"}, 404),
        ("/a%20b", {"action": "set", "state": "early"}, 404),
        ("/pvt_type", {"action": "set", "state": "early"}, 404),
        (f"/{'x' * 200}", {"action": "set", "state": "early"}, 404),
    ],
    ids=str,
)
async def test_what_cannot_be_is_refused_and_changes_nothing(world: Any, path: str, data: Any, status: int) -> None:
    account_id, token = await world.admin("acme")
    probe = await omnipresence(world)
    reply = await world.post(f"/accounts/{account_id}/presence{path}", data, token)
    assert reply.status == status
    assert probe.messages == []
    assert await manual_presence.read(world.store, account_id) == {}


async def test_a_lamp_can_be_set_while_omnipresence_is_away(world: Any) -> None:
    account_id, token = await world.admin("acme")
    url = f"/accounts/{account_id}/presence"
    assert (await world.get(url, token)).status == 503
    assert (await world.post(f"{url}/a", {"action": "set", "state": "confirmed"}, token)).status == 200
    assert await manual_presence.read(world.store, account_id) == {f"a@{REALM}": "confirmed"}


async def test_one_account_sets_no_lamp_of_another(world: Any) -> None:
    account_id, _ = await world.admin("acme")
    _, stranger = await world.admin("stranger")
    probe = await omnipresence(world)
    for reply in (
        await world.post(f"/accounts/{account_id}/presence/a", {"action": "set", "state": "early"}, stranger),
        await world.get(f"/accounts/{account_id}/presence", stranger),
    ):
        assert reply.status == 403
    assert probe.messages == []
