"""Accounts: making one below another, changing it, its family, and its end."""

import asyncio
import base64
import json

import pytest

from mirliton.actors.admission import ReloadLimits, account_name
from mirliton.actors.store.names import account_db
from mirliton.runtime.testing import Probe


@pytest.fixture
async def acme(world):
    return await world.admin("acme")


async def sub_account(world, acme, name="branch", **fields):
    account_id, token = acme
    return await world.put(f"/accounts/{account_id}", {"name": name, **fields}, token)


async def test_a_sub_account_is_made_below_its_parent(world, acme):
    account_id, token = acme
    reply = await sub_account(world, acme, realm="Branch.Example.com")
    assert reply.status == 201
    new = reply.data["id"]
    assert reply.headers["Location"] == f"/v2/accounts/{new}"
    assert reply.data["realm"] == "branch.example.com"
    assert reply.data["_read_only"]["enabled"] is True
    doc = await world.store.get(account_db(new), new)
    assert doc["pvt_tree"] == [account_id]
    assert len(doc["pvt_api_key"]) == 64
    copy = await world.store.get("accounts", new)
    assert {**copy, "_rev": ""} == {**doc, "_rev": ""}
    # The parent works in it at once.
    assert (await world.put(f"/accounts/{new}/menus", {"name": "main"}, token)).status == 201


async def test_the_collection_makes_one_below_ones_own(world, acme):
    account_id, token = acme
    reply = await world.put("/accounts", {"name": "branch"}, token)
    assert reply.status == 201
    doc = await world.store.get(account_db(reply.data["id"]), reply.data["id"])
    assert doc["pvt_tree"] == [account_id]


async def test_trees_grow_deeper(world, acme):
    account_id, token = acme
    child = (await sub_account(world, acme)).data["id"]
    grandchild = (await world.put(f"/accounts/{child}", {"name": "twig"}, token)).data["id"]
    assert (await world.store.get("accounts", grandchild))["pvt_tree"] == [account_id, child]


async def test_a_realm_is_made_up_below_the_parents_or_the_configured_suffix(world, acme):
    assert (await sub_account(world, acme)).data["realm"].endswith(".acme.example.com")
    await world.store.create_database("system_config")
    await world.store.put(
        "system_config", {"_id": "crossbar.accounts", "default": {"account_realm_suffix": "sip.example.org"}}
    )
    assert (await sub_account(world, acme, "second")).data["realm"].endswith(".sip.example.org")


async def test_names_and_realms_are_there_once_in_the_system(world, acme):
    await world.account("Rival Inc")
    reply = await sub_account(world, acme, "rival, INC.", realm="ACME.example.com")
    assert reply.status == 400
    assert set(reply.data) == {"name", "realm"}
    assert set(reply.data["name"]) == set(reply.data["realm"]) == {"unique"}
    account_id, token = acme
    reply = await world.patch(f"/accounts/{account_id}", {"name": "Rival Inc"}, token)
    assert (reply.status, set(reply.data)) == (400, {"name"})
    assert (await world.patch(f"/accounts/{account_id}", {"name": "ACME"}, token)).status == 200


async def test_of_two_who_take_a_realm_at_once_one_gets_it(world, acme):
    _, rival = await world.admin("rival")
    replies = await asyncio.gather(
        *(
            world.put("/accounts", {"name": f"n{i}", "realm": "new.example.com"}, rival if i % 2 else acme[1])
            for i in range(6)
        )
    )
    assert sorted(reply.status for reply in replies) == [201, 400, 400, 400, 400, 400]


async def test_a_change_reaches_the_copy_and_the_accounts_actor(world, acme):
    account_id, token = acme
    actor = await Probe.start(world.node, name=account_name(account_id))
    reply = await world.patch(f"/accounts/{account_id}", {"timezone": "Europe/Paris"}, token)
    assert reply.status == 200
    assert (await world.store.get("accounts", account_id))["timezone"] == "Europe/Paris"
    assert isinstance(await actor.expect(ReloadLimits), ReloadLimits)


async def test_a_replacement_without_a_realm_keeps_it(world, acme):
    account_id, token = acme
    reply = await world.post(f"/accounts/{account_id}", {"name": "acme"}, token)
    assert (reply.status, reply.data["realm"]) == (200, "acme.example.com")


async def test_an_account_is_disabled_from_above_and_never_by_itself(world, acme):
    _, token = acme
    child, child_token = await world.admin("child", acme[0])
    reply = await world.patch(f"/accounts/{child}", {"enabled": False, "timezone": "Europe/Paris"}, child_token)
    assert (reply.status, reply.data["_read_only"]["enabled"]) == (200, True)
    reply = await world.patch(f"/accounts/{child}", {"enabled": False}, token)
    assert reply.data["_read_only"]["enabled"] is False
    assert (await world.get(f"/accounts/{child}", child_token)).status == 423
    assert (await world.patch(f"/accounts/{child}", {"enabled": True}, token)).status == 200
    assert (await world.get(f"/accounts/{child}", child_token)).status == 200


async def test_children_and_descendants(world, acme):
    account_id, token = acme
    child = (await sub_account(world, acme, "branch")).data["id"]
    twig = (await world.put(f"/accounts/{child}", {"name": "twig"}, token)).data["id"]
    await world.account("unrelated")
    assert {row["id"] for row in (await world.get(f"/accounts/{account_id}/children", token)).data} == {child}
    rows = (await world.get(f"/accounts/{account_id}/descendants", token)).data
    assert {row["id"] for row in rows} == {child, twig}
    assert [row["name"] for row in rows] == ["branch", "twig"]
    filtered = await world.get(f"/accounts/{account_id}/descendants?filter_name=twig", token)
    assert [row["id"] for row in filtered.data] == [twig]


async def test_nobody_sees_above_their_own_account(world, acme):
    account_id, token = acme
    child, child_token = await world.admin("child", account_id)
    twig, _ = await world.admin("twig", child)
    for name in ("parents", "tree"):
        above = (await world.get(f"/accounts/{twig}/{name}", token)).data
        assert [row["id"] for row in above] == [account_id, child]
        assert [row["id"] for row in (await world.get(f"/accounts/{twig}/{name}", child_token)).data] == [child]
        assert (await world.get(f"/accounts/{child}/{name}", child_token)).data == []
    await world.make_master(account_id)
    assert (await world.get(f"/accounts/{account_id}/tree", token)).data == []


async def test_a_made_up_start_key_does_not_lead_out_of_ones_own_tree(world, acme):
    account_id, token = acme
    stranger = await world.account("stranger")
    await world.account("strangers_child", stranger)
    for key in (["0" * 32, ""], None, ["0"], "", [stranger, ""]):
        start = base64.urlsafe_b64encode(json.dumps([key, 0]).encode()).decode().rstrip("=")
        for descending in ("true", "false"):
            reply = await world.get(
                f"/accounts/{account_id}/descendants?start_key={start}&descending={descending}", token
            )
            assert (reply.status, reply.data) == (200, []), key


async def test_an_account_with_descendants_is_not_deleted(world, acme):
    _, token = acme
    child = (await sub_account(world, acme)).data["id"]
    twig = (await world.put(f"/accounts/{child}", {"name": "twig"}, token)).data["id"]
    reply = await world.delete(f"/accounts/{child}", token)
    assert (reply.status, reply.body["message"]) == (500, "account_has_descendants")
    assert (await world.delete(f"/accounts/{twig}", token)).status == 200
    reply = await world.delete(f"/accounts/{child}", token)
    assert reply.status == 200
    assert reply.data["_read_only"]["deleted"] is True


async def test_a_deleted_account_is_hidden_but_there(world, acme):
    account_id, token = acme
    child = (await sub_account(world, acme)).data["id"]
    await world.delete(f"/accounts/{child}", token)
    # Its parent may not even know that it was there: it looks like an account of others.
    assert (await world.get(f"/accounts/{child}", token)).status == 403
    assert (await world.get(f"/accounts/{account_id}/children", token)).data == []
    assert (await world.store.get("accounts", child))["pvt_deleted"] is True
    assert (await world.store.get(account_db(child), child))["pvt_deleted"] is True
    # Its name and realm are free again.
    assert (await sub_account(world, acme)).status == 201


async def test_the_master_account_stays(world, acme):
    account_id, token = acme
    await world.make_master(account_id)
    assert (await world.delete(f"/accounts/{account_id}", token)).status == 403


async def test_what_is_private_of_an_account_stays_so(world, acme):
    account_id, token = acme
    evil = {"pvt_superduper_admin": True, "pvt_tree": [], "pvt_api_key": "0" * 64, "_read_only": {"enabled": False}}
    reply = await world.patch(f"/accounts/{account_id}", evil, token)
    assert reply.status == 200
    assert reply.data["_read_only"]["superduper_admin"] is False
    assert (await world.store.get(account_db(account_id), account_id))["pvt_api_key"] != "0" * 64
    key = world.accounts[account_id]["pvt_api_key"].encode()
    assert key not in (await world.get(f"/accounts/{account_id}", token)).raw


async def test_the_collection_cannot_be_read(world, acme):
    reply = await world.get("/accounts", acme[1])
    assert reply.status == 405
    assert reply.headers["Allow"] == "PUT"
