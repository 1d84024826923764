"""What a token_restrictions document lets through, by the rules of `restrictions.py`."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.api.restrictions import DESCENDANT, OWN, accounts_of, allows, endpoint_of, matches, rules_for
from mirliton.api.routes import all_routes

SEGMENTS = st.sampled_from(["a", "b", "status"])
PATHS = st.lists(SEGMENTS, max_size=4)
PATTERNS = st.lists(st.sampled_from(["a", "b", "status", "*", "#"]), max_size=5)


@given(PATTERNS, PATHS)
def test_a_path_fits_as_the_regular_expression_of_its_rule_does(parts, path):
    pieces = {"*": "[^/]+/", "#": "(?:[^/]+/)*"}
    expression = "".join(pieces.get(part, f"{part}/") for part in parts)
    assert matches("/".join(parts) or "/", path) == bool(re.fullmatch(expression, "".join(f"{each}/" for each in path)))


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/", [], True),
        ("/", ["a"], False),
        ("*", [], False),
        ("*", ["a"], True),
        ("*", ["a", "b"], False),
        ("#", [], True),
        ("#", ["a", "b", "c"], True),
        ("a/#", ["a"], True),
        ("a/#", ["b", "a"], False),
        ("*/*/*", ["a", "b", "c"], True),
        ("#/status", ["a", "b", "status"], True),
    ],
)
def test_the_examples_of_kazoos_documentation(pattern, path, fits):
    assert matches(pattern, path) is fits


ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"rules": st.dictionaries(st.sampled_from(["/", "*", "#", "a", "a/#"]), st.lists(st.sampled_from("GPD_")))},
        optional={"allowed_accounts": st.lists(st.sampled_from(["_", OWN, DESCENDANT, "own", "child", "other"]))},
    ),
    max_size=4,
)


@given(st.dictionaries(st.sampled_from(["users", "devices", "_"]), ENTRIES), PATHS, st.sampled_from("GPD"), st.data())
def test_the_first_entry_and_the_first_rule_that_fit_decide(rules, path, verb, data):
    account = data.draw(st.sampled_from(["own", "child", "other", None]))
    accounts = accounts_of("own", account, ["own"] if account == "child" else [])
    endpoint = "users"
    entries = rules.get("users", rules.get("_", []))
    fitting = [e for e in entries if "allowed_accounts" not in e or accounts & set(e["allowed_accounts"])]
    verbs = [v for pattern, v in fitting[0]["rules"].items() if matches(pattern, path)] if fitting else []
    wanted = bool(verbs) and bool({verb, "_"} & set(verbs[0]))
    assert allows(rules, endpoint, path, verb, accounts) == wanted


def test_the_account_is_asked_before_the_system_and_the_name_before_the_rest():
    own = {"cb_user_auth": {"admin": {"a": []}, "_": {"b": []}}}
    systems = {"_": {"_": {"c": []}}}
    assert rules_for(own, systems, "cb_user_auth", "admin") == {"a": []}
    assert rules_for(own, systems, "cb_user_auth", "user") == {"b": []}
    assert rules_for(own, systems, "cb_api_auth", "admin") == {"c": []}
    assert rules_for(None, systems, "cb_user_auth", "user") == {"c": []}
    assert rules_for({"cb_user_auth": {"admin": {}}}, systems, "cb_user_auth", "user") is None
    assert rules_for(None, {}, "cb_user_auth", "user") is None


def test_the_endpoint_of_a_url_is_its_last_resource():
    shapes = {route.shape: route for route in all_routes()}
    parameters = {"account_id": "A", "user_id": "U", "device_id": "D", "vmbox_id": "V", "message_id": "M"}
    assert endpoint_of(shapes["accounts/{account_id}/users/{user_id}/devices"], parameters) == ("devices", [])
    assert endpoint_of(shapes["accounts/{account_id}/devices/{device_id}"], parameters) == ("devices", ["D"])
    assert endpoint_of(shapes["accounts/{account_id}/devices/status"], parameters) == ("devices", ["status"])
    assert endpoint_of(shapes["accounts/{account_id}"], parameters) == ("accounts", ["A"])
    assert endpoint_of(shapes["about"], parameters) == ("about", [])


def test_each_url_that_needs_a_token_names_its_resource():
    assert [r.shape for r in all_routes() if r.scope != "public" and r.resource not in r.shape.split("/")] == []


READERS = {
    "restrictions": {
        "_": {
            "_": {
                "devices": [
                    {"allowed_accounts": [OWN], "rules": {"/": ["GET"], "status": ["_"], "#": []}},
                    {"allowed_accounts": [DESCENDANT], "rules": {"#": ["GET"]}},
                ],
                "about": [{"rules": {"/": ["GET"]}}],
            }
        }
    }
}


@pytest.fixture
async def family(world):
    master, master_token = await world.admin("master")
    await world.make_master(master)
    parent, parent_token = await world.admin("parent", master)
    child = await world.account("child", parent)
    return {"master": master_token, "parent": parent, "token": parent_token, "child": child}


async def test_rules_hold_from_the_next_request_on_and_shut_out_what_they_do_not_name(world, family):
    parent, child, token = family["parent"], family["child"], family["token"]
    reply = await world.post(f"/accounts/{parent}/token_restrictions", READERS, token)
    assert reply.status == 200
    assert reply.data["restrictions"] == READERS["restrictions"]
    assert (await world.get("/about", token)).status == 200
    assert (await world.get(f"/accounts/{parent}/devices", token)).status == 200
    refused = await world.put(f"/accounts/{parent}/devices", {"name": "x"}, token)
    assert (refused.status, refused.data["cause"]) == (403, "access denied by token restrictions")
    assert (await world.get(f"/accounts/{child}/devices", token)).status == 200
    assert (await world.put(f"/accounts/{child}/devices", {"name": "x"}, token)).status == 403
    assert (await world.get(f"/accounts/{parent}/users", token)).status == 403
    assert (await world.delete(f"/accounts/{parent}/token_restrictions", token)).status == 403
    # Whoever stands above mends it.
    assert (await world.delete(f"/accounts/{parent}/token_restrictions", family["master"])).status == 200
    assert (await world.get(f"/accounts/{parent}/users", token)).status == 200
    assert (await world.get(f"/accounts/{parent}/token_restrictions", token)).status == 404


async def test_the_order_of_rules_survives_the_store(world, family):
    rules = {f"r{n}": ["GET"] for n in (5, 1, 9, 3)}
    given = {"restrictions": {"_": {"_": {"users": [{"rules": rules}]}}}}
    await world.post(f"/accounts/{family['child']}/token_restrictions", given, family["master"])
    read = (await world.get(f"/accounts/{family['child']}/token_restrictions", family["master"])).data
    assert list(read["restrictions"]["_"]["_"]["users"][0]["rules"]) == ["r5", "r1", "r9", "r3"]


async def test_the_systems_rules_hold_for_whom_the_account_has_none_and_never_for_the_master(world, family):
    rules = {"default": {"cb_user_auth": {"_": {"about": [{"rules": {"#": ["_"]}}]}}}}
    await world.store.put("system_config", {"_id": "crossbar.token_restrictions", **rules})
    assert (await world.get(f"/accounts/{family['parent']}/users", family["token"])).status == 403
    assert (await world.get(f"/accounts/{family['parent']}/users", family["master"])).status == 200
    key = world.accounts[family["parent"]]["pvt_api_key"]
    by_key = (await world.put("/api_auth", {"api_key": key})).body["auth_token"]
    assert (await world.get(f"/accounts/{family['parent']}/users", by_key)).status == 200


async def test_what_is_no_set_of_rules_is_refused(world, family):
    path = f"/accounts/{family['child']}/token_restrictions"
    for restrictions in ([], {"_": 1}, {"_": {"_": {"users": {}}}}, {"_": {"_": {"users": [{"rules": {"/": ["x"]}}]}}}):
        assert (await world.post(path, {"restrictions": restrictions}, family["master"])).status == 400
