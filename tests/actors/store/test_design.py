"""The views of Kazoo's databases give Kazoo's keys and values."""

import hashlib

import pytest

from mirliton.actors.store.design import VIEWS
from mirliton.actors.store.documents import password_hashes
from mirliton.actors.store.names import account_db, encoded, modb

OURS = {"attributes/caller_ids", "users/creds_by_key", "entities/live", "queues/agents_listing"}
OURS |= {"conferences/listing_by_number", "parking/parked_calls", "ledgers/usage_by_source"}
OURS |= {
    "cdrs/legs_by_interaction",
    "tasks/by_status",
    "services/quantify",
    "auth/login_attempt_by_time",
    "auth/login_attempt_by_auth_type",
}
"""Views that Kazoo does not have, or that the reference's table abbreviates."""
CHILD = "c" * 32
GRANDCHILD = "d" * 32


@pytest.fixture
async def own(store, account_id):
    """The account's own database."""
    db = account_db(account_id)
    await store.create_database(db)
    return db


@pytest.fixture
async def month(store, account_id):
    """A month database of the account."""
    db = modb(account_id, 2026, 11)
    await store.create_database(db)
    return db


async def keys_and_values(store, db, view, **query):
    return [(row.key, row.value) for row in (await store.view(db, view, **query)).rows]


async def keys_and_ids(store, db, view, **query):
    return [(row.key, row.id) for row in (await store.view(db, view, **query)).rows]


async def test_accounts_by_realm_name_key_and_tree(store, account_id):
    await store.create_database("accounts")

    def an_account(id, name, tree, **more):
        return {
            "_id": id,
            "pvt_type": "account",
            "pvt_account_id": id,
            "pvt_account_db": encoded(account_db(id)),
            "pvt_tree": tree,
            "name": name,
            "realm": f"{name[:4]}.Example.COM",
            **more,
        }

    master = an_account(account_id, "Main & Co. 1", [], pvt_api_key="k" * 64)
    child = an_account(CHILD, "Kind", [account_id], flags=["x"])
    grandchild = an_account(GRANDCHILD, "Enkel", [account_id, CHILD])
    await store.bulk("accounts", [master, child, grandchild, an_account("e" * 32, "Gone", [], pvt_deleted=True)])
    place = {"account_id": account_id, "account_db": f"account%2F4f%2F3a%2F{account_id[4:]}"}
    assert await keys_and_values(store, "accounts", "accounts/listing_by_realm", key="main.example.com") == [
        ("main.example.com", place)
    ]
    assert await keys_and_values(store, "accounts", "accounts/listing_by_name", key="mainco1") == [("mainco1", place)]
    assert await keys_and_values(store, "accounts", "accounts/listing_by_api") == [
        ("k" * 64, {"account_id": account_id})
    ]
    assert await keys_and_values(store, "accounts", "accounts/listing_by_parent") == [
        (account_id, {"flags": []}),
        (CHILD, {"id": account_id, "flags": ["x"]}),
        (GRANDCHILD, {"id": CHILD, "flags": []}),
    ]
    assert await keys_and_ids(
        store, "accounts", "accounts/listing_by_children", startkey=[account_id], endkey=[account_id, {}]
    ) == [([account_id, "Kind"], CHILD)]
    summary = {"id": GRANDCHILD, "name": "Enkel", "realm": "Enke.Example.COM", "flags": []}
    assert await keys_and_values(
        store, "accounts", "accounts/listing_by_descendants", startkey=[account_id], endkey=[account_id, {}]
    ) == [
        ([account_id, "Enkel"], {**summary, "tree": [account_id, CHILD]}),
        (
            [account_id, "Kind"],
            {"id": CHILD, "name": "Kind", "realm": "Kind.Example.COM", "flags": ["x"], "tree": [account_id]},
        ),
    ]
    assert len(await keys_and_values(store, "accounts", "accounts/listing_by_simple_id")) == 3


async def test_callflows_by_number_and_pattern(store, own):
    flow = {"module": "user", "data": {"id": "u1"}, "children": {"_": {"module": "voicemail", "data": {}}}}
    main = {"_id": "cf1", "pvt_type": "callflow", "name": "Main", "numbers": ["+14085550100", "100"], "flow": flow}
    feature = {
        "_id": "cf2",
        "pvt_type": "callflow",
        "numbers": ["*97"],
        "patterns": [r"^\*98([0-9]*)$"],
        "flags": ["f"],
    }
    hidden = {"_id": "cf3", "pvt_type": "callflow", "numbers": ["101"], "pvt_deleted": True}
    other = {"_id": "m1", "pvt_type": "menu", "numbers": ["102"]}
    await store.bulk(own, [main, feature, hidden, other])
    assert await keys_and_values(store, own, "callflows/listing_by_number") == [
        ("*97", {"name": "cf2"}),
        ("+14085550100", {"name": "Main"}),
        ("100", {"name": "Main"}),
    ]
    found = await store.view(own, "callflows/listing_by_number", key="100", include_docs=True)
    assert [row.doc["flow"] for row in found.rows] == [flow]
    assert await keys_and_values(store, own, "callflows/listing_by_pattern") == [(r"^\*98([0-9]*)$", {"name": "cf2"})]
    assert await keys_and_values(store, own, "callflows/crossbar_listing") == [
        (
            "cf1",
            {
                "name": "Main",
                "numbers": ["+14085550100", "100"],
                "id": "cf1",
                "featurecode": False,
                "modules": ["user", "voicemail"],
                "flags": [],
            },
        ),
        (
            "cf2",
            {
                "numbers": ["*97"],
                "patterns": [r"^\*98([0-9]*)$"],
                "id": "cf2",
                "featurecode": False,
                "modules": [],
                "flags": ["f"],
            },
        ),
    ]


async def test_devices_and_what_they_register_with(store, own):
    sip = {"username": "User_ABC", "password": "secret", "realm": "x", "method": "password"}
    await store.bulk(
        own,
        [
            {"_id": "d1", "pvt_type": "device", "name": "Desk", "enabled": True, "owner_id": "u1", "sip": sip},
            {"_id": "d2", "pvt_type": "device", "name": "Cell", "device_type": "mobile", "sip": {"username": "mob"}},
            {"_id": "d3", "pvt_type": "device", "name": "No sip"},
            {"_id": "d4", "pvt_type": "device", "name": "Nameless", "sip": {"password": "x"}},
            {"_id": "d5", "pvt_type": "device", "name": "Gone", "sip": sip, "pvt_deleted": True},
            {
                "_id": "t1",
                "pvt_type": "sys_info",
                "servers": [
                    {"auth": {"auth_method": "Password", "auth_user": "PBX", "auth_password": "s"}, "options": {}},
                    {"auth": {"auth_method": "IP", "ip": "192.0.2.1"}},
                    {"broken": True},
                ],
            },
        ],
    )
    assert await keys_and_values(store, own, "devices/sip_credentials") == [
        ("mob", {"username": "mob", "authorizing_id": "d2", "authorizing_type": "mobile"}),
        (
            "pbx",
            {
                "password": "s",
                "username": "PBX",
                "method": "Password",
                "invite_format": "e164",
                "authorizing_id": "t1",
                "authorizing_type": "sys_info",
            },
        ),
        ("user_abc", {**sip, "authorizing_id": "d1", "authorizing_type": "device"}),
    ]
    listing = await keys_and_values(store, own, "devices/crossbar_listing")
    assert listing[0] == (
        "d1",
        {
            "name": "Desk",
            "owner_id": "u1",
            "enabled": True,
            "id": "d1",
            "username": "User_ABC",
            "mac_address": "",
            "device_type": "sip_device",
            "flags": [],
        },
    )
    assert [key for key, _ in listing] == ["d1", "d2", "d3", "d4"]


async def test_ownership_with_hotdesking_first(store, own):
    await store.bulk(
        own,
        [
            {"_id": "d1", "pvt_type": "device", "owner_id": "u1"},
            {"_id": "d2", "pvt_type": "device", "owner_id": "u1", "hotdesk": {"users": {"u2": {}, "u3": {}}}},
            {"_id": "d3", "pvt_type": "device", "hotdesk": {"users": {}}, "owner_id": "u3"},
            {"_id": "v1", "pvt_type": "vmbox", "owner_id": "u1", "mailbox": "1001"},
        ],
    )
    owned = await store.view(own, "attributes/owned", key=["u1", "device"])
    assert [row.value for row in owned.rows] == ["d1"]
    everything = await store.view(own, "attributes/owned", startkey=["u1"], endkey=["u1", {}])
    assert [(row.key[1], row.value) for row in everything.rows] == [("device", "d1"), ("vmbox", "v1")]
    assert await keys_and_values(store, own, "attributes/owned", key=["u3", "device"]) == [
        (["u3", "device"], "d2"),
        (["u3", "device"], "d3"),
    ]
    assert await keys_and_values(store, own, "attributes/owner", key="d2") == [("d2", "u2"), ("d2", "u3")]
    assert await keys_and_ids(store, own, "attributes/mailbox_number", key="1001") == [("1001", "v1")]


async def test_users_by_name_and_by_credentials(store, own, account_id):
    hashes = password_hashes("Ann@Example.com", "pässword")
    expected = "ann@example.com:pässword".encode()
    assert hashes == {
        "pvt_md5_auth": hashlib.md5(expected).hexdigest(),
        "pvt_sha1_auth": hashlib.sha1(expected).hexdigest(),
    }
    ann = {
        "_id": "u1",
        "pvt_type": "user",
        "pvt_account_id": account_id,
        "first_name": "Ann",
        "last_name": "Able",
        "username": "ann@example.com",
        "email": "Ann@Example.com",
        "enabled": True,
        "priv_level": "admin",
        "call_forward": {"enabled": False, "failover": True},
        "vm_to_email_enabled": True,
        "smartpbx": {"conferencing": {"enabled": True}, "faxing": {"enabled": False}},
        **hashes,
    }
    default = {**ann, "_id": "u2", **password_hashes("bob", "x")}
    del default["enabled"]
    disabled = {**ann, "_id": "u3", "enabled": False, **password_hashes("eve", "x")}
    await store.bulk(own, [ann, default, disabled])
    who = {"owner_id": "u1", "account_id": account_id}
    md5, sha1 = hashes["pvt_md5_auth"], hashes["pvt_sha1_auth"]
    assert await keys_and_values(store, own, "users/creds_by_md5", key=md5) == [(md5, who)]
    assert await keys_and_values(store, own, "users/creds_by_sha", key=sha1) == [(sha1, who)]
    assert {row.id for row in (await store.view(own, "users/creds_by_md5")).rows} == {"u1", "u2"}
    assert len(await keys_and_ids(store, own, "users/list_by_username", key="ann@example.com")) == 3
    assert ("ann@example.com", "u1") in await keys_and_ids(store, own, "users/list_by_email")
    key, value = (await keys_and_values(store, own, "users/crossbar_listing"))[0]
    assert key == "Able Ann"
    assert value == {
        "username": "ann@example.com",
        "email": "Ann@Example.com",
        "first_name": "Ann",
        "last_name": "Able",
        "priv_level": "admin",
        "id": "u1",
        "features": ["conferencing", "call_forward_failover", "vm_to_email"],
        "flags": [],
    }


async def test_the_other_listings(store, own):
    await store.bulk(
        own,
        [
            {"_id": "m1", "pvt_type": "menu", "name": "Main menu", "retries": 3},
            {"_id": "v1", "pvt_type": "vmbox", "name": "Box", "mailbox": "1", "messages": [{}, {}]},
            {"_id": "g1", "pvt_type": "group", "name": "Sales", "endpoints": {"u1": {"type": "user"}, "d1": {}}},
            {"_id": "x1", "pvt_type": "media", "name": "Hold", "language": "EN-us", "prompt_id": "vm-hello"},
            {"_id": "x2", "pvt_type": "media", "name": "Plain", "media_source": "upload"},
        ],
    )
    assert await keys_and_values(store, own, "menus/crossbar_listing") == [
        ("m1", {"name": "Main menu", "id": "m1", "flags": []})
    ]
    assert await keys_and_values(store, own, "vmboxes/crossbar_listing") == [
        ("Box", {"name": "Box", "mailbox": "1", "id": "v1", "messages": 2, "flags": []})
    ]
    assert await keys_and_values(store, own, "groups/crossbar_listing") == [
        ("g1", {"name": "Sales", "id": "g1", "features": [], "endpoints": 2, "flags": []})
    ]
    assert [value for _, value in await keys_and_values(store, own, "media/crossbar_listing")] == [
        {"name": "Hold", "id": "x1", "language": "en-us", "is_prompt": True},
        {"name": "Plain", "id": "x2", "language": "", "is_prompt": False},
    ]


async def test_cdrs_by_time_and_by_owner(store, month):
    def a_cdr(n, owner):
        return {
            "_id": f"202611-{n}",
            "pvt_type": "cdr",
            "pvt_created": 63_900_000_000 + n,
            "call_id": f"call-{n}",
            "hangup_cause": "NORMAL_CLEARING",
            "duration_seconds": n,
            "call_direction": "inbound",
            "from_uri": "a@x",
            "to_uri": "b@x",
            "custom_channel_vars": {"owner_id": owner, "authorizing_id": "d1"} if owner else {},
        }

    await store.bulk(month, [a_cdr(2, "u1"), a_cdr(1, "u2"), a_cdr(3, "u1"), a_cdr(4, None)])
    newest = await keys_and_values(store, month, "cdrs/crossbar_listing", descending=True, limit=2)
    assert [key for key, _ in newest] == [[63_900_000_004, "202611-4"], [63_900_000_003, "202611-3"]]
    assert newest[1][1] == {
        "call_id": "call-3",
        "hangup_cause": "NORMAL_CLEARING",
        "duration_seconds": 3,
        "id": "202611-3",
        "direction": "inbound",
        "owner_id": "u1",
        "authorizing_id": "d1",
        "to": "b@x",
        "from": "a@x",
    }
    owned = await keys_and_values(
        store, month, "cdrs/listing_by_owner", startkey=["u1", 63_900_000_000], endkey=["u1", 63_900_000_002, {}]
    )
    assert [key for key, _ in owned] == [["u1", 63_900_000_002, "202611-2"]]
    assert owned[0][1]["call_direction"] == "inbound"


async def test_voicemail_messages_by_box_and_counted_by_folder(store, month):
    def a_message(n, box, folder, **more):
        metadata = {"timestamp": n, "folder": folder, "media_id": f"202611-{n}", "length": 5}
        return {
            "_id": f"202611-{n}",
            "pvt_type": "mailbox_message",
            "source_id": box,
            "metadata": metadata,
            **more,
        }

    await store.bulk(
        month,
        [
            a_message(1, "b1", "new", transcription={"result": "success"}),
            a_message(2, "b1", "saved"),
            a_message(3, "b1", "new"),
            a_message(4, "b2", "new"),
            a_message(5, "b2", "new", pvt_deleted=True),
        ],
    )
    box = await keys_and_values(store, month, "mailbox_messages/listing_by_mailbox", startkey=["b1"], endkey=["b1", {}])
    assert [key for key, _ in box] == [["b1", 1], ["b1", 2], ["b1", 3]]
    assert box[0][1] == {
        "timestamp": 1,
        "folder": "new",
        "length": 5,
        "media_id": "202611-1",
        "transcribed": True,
    }
    counts = await keys_and_values(store, month, "mailbox_messages/count_per_box_folder", group_level=2)
    assert counts == [(["b1", "new"], 2), (["b1", "saved"], 1), (["b2", "new"], 1)]
    since = await keys_and_values(
        store, month, "mailbox_messages/count_per_box_folder", startkey=["b1", "new", 2], endkey=["b1", "new", {}]
    )
    assert since == [(None, 1)]


async def test_maintenance_sees_every_type(store, own, month):
    await store.bulk(
        own,
        [
            {"_id": "u1", "pvt_type": "user", "first_name": "Ann", "last_name": "Able"},
            {"_id": "cf1", "pvt_type": "callflow", "numbers": ["1"], "name": "x"},
            {"_id": "d1", "pvt_type": "device", "name": "Desk"},
            {"_id": "d2", "pvt_type": "device", "name": "Gone", "pvt_deleted": True},
            {"_id": "untyped"},
        ],
    )
    assert await keys_and_values(store, own, "maintenance/listing_by_type") == [
        ("callflow", {"numbers": ["1"]}),
        ("device", {"name": "Desk"}),
        ("user", {"name": "Ann Able"}),
    ]
    assert await keys_and_ids(store, own, "maintenance/soft_deletes") == [("device", "d2")]
    assert (await store.view(month, "maintenance/listing_by_type")).rows == []


def test_the_views_that_kazoo_has_in_the_reference_have_its_names(reference):
    """Each design document named in the reference's table is declared with names that stand there."""
    table = (reference / "kazoo.md").read_text().split("### 7.4")[1].split("### 7.5")[0]
    for view in VIEWS:
        if view.name in OURS:
            continue
        design, name = view.name.split("/")
        assert name in table or f"_{name.removeprefix('listing_')}" in table, view.name
        assert name == "crossbar_listing" or design in table, view.name


async def test_what_callflow_actions_look_for(store, own):
    await store.bulk(
        own,
        [
            {"_id": "u1", "pvt_type": "user", "directories": {"d1": "cf1", "d2": "cf2"}, "hotdesk": {"id": "77"}},
            {"_id": "u2", "pvt_type": "user", "directories": {"d1": "cf3"}, "hotdesk": {}},
            {"_id": "e1", "pvt_type": "list_entry", "list_id": "l1", "number": "10"},
            {"_id": "e2", "pvt_type": "list_entry", "list_id": "l1", "pvt_deleted": True},
            {"_id": "parking-slot-7", "pvt_type": "parked_call", "slot": {"Call-ID": "c1"}},
        ],
    )
    assert await keys_and_ids(store, own, "directories/users_listing") == [("d1", "u1"), ("d1", "u2"), ("d2", "u1")]
    assert await keys_and_ids(store, own, "users/list_by_hotdesk_id") == [("77", "u1")]
    assert await keys_and_ids(store, own, "lists/entries", key="l1") == [("l1", "e1")]
    assert await keys_and_ids(store, own, "parking/parked_call") == [("c1", "parking-slot-7")]
