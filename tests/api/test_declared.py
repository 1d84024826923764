"""Resources that are declared: each is listed, made, read, replaced, merged, deleted and paged as Kazoo's are."""

import csv
import io

import pytest

CASES = {
    "groups": ({"name": "sales", "endpoints": {}}, "group"),
    "directories": ({"name": "all"}, "directory"),
    "temporal_rules": ({"name": "noon", "cycle": "daily", "time_window_start": 43200}, "temporal_rule"),
    "temporal_rules_sets": ({"name": "week", "temporal_rules": ["noon"]}, "temporal_rule_set"),
    "blacklists": ({"name": "pests", "numbers": {"+14155550199": {}}}, "blacklist"),
    "lists": ({"name": "friends", "description": "known"}, "list"),
    "clicktocall": ({"name": "ask us", "extension": "1000"}, "click2call"),
    "connectivity": (
        {"name": "pbx", "servers": [{"auth": {"auth_method": "password", "auth_user": "pbx", "auth_password": "p"}}]},
        "sys_info",
    ),
    "resources": ({"name": "carrier", "gateways": [], "rules": [r"^\+1(\d{10})$"]}, "resource"),
}
SYSTEMS = {
    "resources": ({"name": "carrier", "gateways": []}, "resource"),
    "rates": ({"prefix": 1415, "rate_cost": 0.1, "rate_name": "SF"}, "rate"),
}


@pytest.fixture
async def acme(world):
    account_id, token = await world.admin("acme")
    return f"/accounts/{account_id}", token


@pytest.fixture
async def master(world):
    account_id, token = await world.admin("master")
    await world.make_master(account_id)
    return token


async def lives(world, path, token, data):
    """Everything that is done with a document, once."""
    reply = await world.put(path, data, token)
    assert reply.status == 201, reply.raw
    id = reply.data["id"]
    assert reply.headers["Location"] == f"/v2{path}/{id}"
    one = f"{path}/{id}"
    read = await world.get(one, token)
    assert read.status == 200
    assert {key: read.data[key] for key in data} == data
    assert read.headers["ETag"] == f'"{read.body["revision"]}"'
    assert (await world.get(one, token, headers={"If-None-Match": read.headers["ETag"]})).status == 304
    label = "rate_name" if path.endswith("rates") else "name"
    merged = await world.patch(one, {label: "other", "note": "kept"}, token)
    assert (merged.status, merged.data[label], merged.data["note"]) == (200, "other", "kept")
    stale = await world.post(one, data, token, headers={"If-Match": read.headers["ETag"]})
    assert stale.status == 412
    replaced = await world.post(one, data, token)
    assert (replaced.status, replaced.data[label]) == (200, data[label])
    assert "note" not in replaced.data
    rows = (await world.get(path, token)).data
    assert [row["id"] for row in rows] == [id]
    gone = await world.delete(one, token)
    assert gone.data["_read_only"]["deleted"] is True
    assert (await world.get(one, token)).status == 404
    assert (await world.get(path, token)).data == []


@pytest.mark.parametrize("name", CASES)
async def test_a_document_of_an_account_lives_as_kazoos_do(world, acme, name):
    path, token = acme
    await lives(world, f"{path}/{name}", token, CASES[name][0])


@pytest.mark.parametrize("name", SYSTEMS)
async def test_a_document_of_the_system_lives_as_kazoos_do(world, master, name):
    await lives(world, f"/{name}", master, SYSTEMS[name][0])


@pytest.mark.parametrize("name", CASES)
async def test_what_is_wrong_is_told_by_field(world, acme, name):
    path, token = acme
    reply = await world.put(f"{path}/{name}", {**CASES[name][0], "name": 5.5 if name == "connectivity" else ""}, token)
    assert (reply.status, reply.body["message"]) == (400, "invalid data")
    assert set(reply.data) == {"name"}


@pytest.mark.parametrize("name", CASES)
async def test_a_document_of_another_kind_is_not_found_under_this_name(world, acme, name):
    path, token = acme
    other = (await world.put(f"{path}/menus", {"name": "menu"}, token)).data["id"]
    for method in ("GET", "POST", "PATCH", "DELETE"):
        data = CASES[name][0] if method in ("POST", "PATCH") else None
        assert (await world.ask(method, f"{path}/{name}/{other}", data, token=token)).status == 404


@pytest.mark.parametrize("name", CASES)
async def test_lists_are_paged_and_filtered(world, acme, name):
    path, token = acme
    for number in range(5):
        data = {**CASES[name][0], "name": f"n{number}", "colour": "red" if number % 2 else "blue"}
        data.pop("servers", None)
        assert (await world.put(f"{path}/{name}", data, token)).status == 201
    first = await world.get(f"{path}/{name}?page_size=3", token)
    rest = await world.get(f"{path}/{name}?page_size=3&start_key={first.body['next_start_key']}", token)
    assert len({row["id"] for row in first.data + rest.data}) == 5
    assert "next_start_key" not in rest.body
    assert {row["name"] for row in (await world.get(f"{path}/{name}?filter_colour=red", token)).data} == {"n1", "n3"}
    assert {row["name"] for row in (await world.get(f"{path}/{name}?filter_not_name=n1", token)).data} == {
        *("n0", "n2", "n3", "n4")
    }


async def test_a_list_may_be_a_table(world, acme):
    path, token = acme
    await world.put(f"{path}/lists", {"name": "=1+1", "description": "a,b"}, token)
    for asked, headers in (("?accept=csv", {}), ("", {"Accept": "text/csv"})):
        reply = await world.get(f"{path}/lists{asked}", token, headers=headers)
        assert reply.headers["Content-Type"].startswith("text/csv")
        (row,) = csv.DictReader(io.StringIO(reply.raw.decode()))
        assert (row["name"], row["description"]) == ("'=1+1", "a,b")


async def test_a_list_has_entries_that_are_its_own_and_go_with_it(world, acme):
    path, token = acme
    ids = [(await world.put(f"{path}/lists", {"name": name}, token)).data["id"] for name in ("one", "two")]
    one, two = (f"{path}/lists/{id}/entries" for id in ids)
    entry = await world.put(one, {"number": "1001", "list_id": ids[1]}, token)
    assert (entry.status, entry.data["list_id"]) == (201, ids[0])
    id = entry.data["id"]
    assert [row["number"] for row in (await world.get(one, token)).data] == ["1001"]
    assert (await world.get(two, token)).data == []
    assert (await world.get(f"{two}/{id}", token)).status == 404
    changed = await world.patch(f"{one}/{id}", {"name": "Ann", "list_id": ids[1]}, token)
    assert (changed.data["name"], changed.data["list_id"]) == ("Ann", ids[0])
    assert (await world.put(f"{path}/lists/{'0' * 32}/entries", {"number": "1"}, token)).status == 404
    assert (await world.put(one, {"number": "1002"}, token)).status == 201
    assert (await world.delete(one, token)).data == {"deleted": 2}
    assert (await world.get(f"{one}/{id}", token)).status == 404
    last = (await world.put(one, {"number": "1003"}, token)).data["id"]
    await world.delete(f"{path}/lists/{ids[0]}", token)
    assert (await world.get(one, token)).status == 404
    assert last not in str((await world.get(two, token)).data)


async def test_a_directory_shows_who_is_in_it(world, acme):
    path, token = acme
    id = (await world.put(f"{path}/directories", {"name": "all"}, token)).data["id"]
    ada = {"first_name": "Ada", "last_name": "King", "directories": {id: "flow"}}
    user = (await world.put(f"{path}/users", ada, token)).data["id"]
    assert (await world.get(f"{path}/directories/{id}", token)).data["users"] == [
        {"user_id": user, "callflow_id": "flow"}
    ]


async def test_a_servers_user_name_is_there_once_in_a_realm(world, acme):
    path, token = acme
    device = {"name": "phone", "sip": {"username": "ada", "password": "secret"}}
    assert (await world.put(f"{path}/devices", device, token)).status == 201
    servers = [{"auth": {"auth_user": "ADA", "auth_password": "p"}}, {"auth": {"auth_user": "b", "auth_password": "p"}}]
    reply = await world.put(f"{path}/connectivity", {"name": "pbx", "servers": servers}, token)
    assert reply.status == 400
    assert set(reply.data) == {"servers.0.auth.auth_user"}
    reply = await world.put(f"{path}/connectivity", {"name": "pbx", "servers": [servers[1]] * 2}, token)
    assert set(reply.data) == {"servers.1.auth.auth_user"}


async def test_a_carriers_rules_must_be_expressions(world, acme):
    path, token = acme
    reply = await world.put(f"{path}/resources", {"name": "c", "gateways": [], "rules": ["("]}, token)
    assert (reply.status, set(reply.data)) == (400, {"rules.0"})


async def test_a_collection_of_carriers_tells_of_each(world, acme):
    path, token = acme
    good, bad = {"name": "good", "gateways": []}, {"name": "bad"}
    reply = await world.put(f"{path}/resources/collection", [good, bad], token)
    assert reply.status == 201
    (id,) = reply.data["success"]
    assert set(reply.data["errors"]) == {"1"}
    reply = await world.post(f"{path}/resources/collection", [{**good, "id": id, "name": "better"}, good], token)
    assert {doc["name"] for doc in reply.data["success"].values()} == {"better", "good"}
    reply = await world.post(f"{path}/resources/collection", [{**good, "id": "0" * 32}], token)
    assert set(reply.data["errors"]) == {"0" * 32}
    assert (await world.put(f"{path}/resources/collection", good, token)).status == 400


async def test_an_accounts_carriers_and_the_systems_are_apart(world, master):
    account_id = world.accounts and next(iter(world.accounts))
    systems = (await world.put("/resources", {"name": "all's", "gateways": []}, master)).data["id"]
    own = (await world.put(f"/accounts/{account_id}/resources", {"name": "own", "gateways": []}, master)).data["id"]
    assert [row["id"] for row in (await world.get("/resources", master)).data] == [systems]
    assert [row["id"] for row in (await world.get(f"/accounts/{account_id}/resources", master)).data] == [own]
    assert (await world.get(f"/resources/{own}", master)).status == 404


async def test_a_number_falls_under_the_longest_prefix_first(world, master):
    for prefix in (1, 1415, 44):
        await world.put("/rates", {"prefix": prefix, "rate_cost": 1}, master)
    rows = (await world.get("/rates/number/%2B14155550100", master)).data
    assert [row["prefix"] for row in rows] == [1415, 1]
    assert (await world.get("/rates/number/abc", master)).status == 404
    assert (await world.get("/rates/ratedecks", master)).data == ["ratedeck"]


MEMBERS = ["", "/users/{user}", "/devices/{device}", "/callflows/{callflow}"]


@pytest.mark.parametrize("shape", MEMBERS)
async def test_metaflows_are_a_member_of_a_document_with_urls_of_its_own(world, acme, shape):
    path, token = acme
    made = {
        "user": await world.put(f"{path}/users", {"first_name": "A", "last_name": "B"}, token),
        "device": await world.put(f"{path}/devices", {"name": "phone"}, token),
        "callflow": await world.put(
            f"{path}/callflows", {"numbers": ["1"], "flow": {"module": "hangup", "data": {}}}, token
        ),
    }
    document = path + shape.format(**{name: reply.data["id"] for name, reply in made.items()})
    one = f"{document}/metaflows"
    assert (await world.get(one, token)).data == {}
    flows = {"binding_digit": "*", "numbers": {"2": {"module": "hangup", "data": {}}}}
    reply = await world.post(one, flows, token)
    assert (reply.status, reply.data["binding_digit"]) == (200, "*")
    assert (await world.get(document, token)).data["metaflows"]["numbers"] == reply.data["numbers"]
    assert (await world.post(one, {"binding_digit": "x"}, token)).status == 400
    assert (await world.delete(one, token)).status == 200
    assert (await world.get(one, token)).data == {}


async def test_access_lists_are_an_accounts_or_a_devices(world, acme):
    path, token = acme
    device = (await world.put(f"{path}/devices", {"name": "phone"}, token)).data["id"]
    given = {"order": "allow,deny", "cidrs": ["10.0.0.0/8"]}
    for document in (path, f"{path}/devices/{device}"):
        assert (await world.post(f"{document}/access_lists", {"order": "sideways"}, token)).status == 400
        reply = await world.post(f"{document}/access_lists", given, token)
        assert (reply.status, reply.data["order"]) == (200, "allow,deny")
        assert (await world.get(f"{document}/access_lists", token)).data["cidrs"] == ["10.0.0.0/8"]


async def test_hotdesks_tell_who_is_logged_in_where(world, acme):
    path, token = acme
    ada = (await world.put(f"{path}/users", {"first_name": "A", "last_name": "B"}, token)).data["id"]
    device = {"name": "desk", "hotdesk": {"users": {ada: {}}}}
    id = (await world.put(f"{path}/devices", device, token)).data["id"]
    other = (await world.put(f"{path}/devices", {"name": "free"}, token)).data["id"]
    row = {"device_id": id, "device_name": "desk", "user_id": ada}
    for where in ("", f"/users/{ada}", f"/devices/{id}"):
        assert (await world.get(f"{path}{where}/hotdesks", token)).data == [row]
    assert (await world.get(f"{path}/devices/{other}/hotdesks", token)).data == []
