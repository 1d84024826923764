"""Documents and accounts by how their name or number begins."""

import pytest


@pytest.fixture
async def acme(world):
    account_id, token = await world.admin("acme")
    world.plain_id = await world.user(account_id, "plain", "user")
    for number, name in (("1001", "Reception"), ("1002", "Reports"), ("2001", "Sales")):
        await world.document(account_id, "callflow", name=name, numbers=[number], flow={})
    await world.document(account_id, "device", name="Reception phone", sip={"username": "u", "password": "SECRET"})
    await world.document(account_id, "vmbox", name="Box", mailbox="1001", pin="1234")
    return account_id, token


async def search(world, acme, query, token=None):
    return await world.get(f"/accounts/{acme[0]}/search?{query}", token or acme[1])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("t=callflow&q=name&v=re", ["Reception", "Reports"]),
        ("t=callflow&q=name&v=RECEPT", ["Reception"]),
        ("t=callflow&q=number&v=100", ["Reception", "Reports"]),
        ("t=callflow&q=name_and_number&v=2", ["Sales"]),
        ("t=callflow&q=name&v=eception", []),
        ("t=device&q=name&v=rec", ["Reception phone"]),
        ("t=vmbox&q=number&v=1001", ["Box"]),
        ("t=user&q=name&v=plain", ["plain Example"]),
        ("t=callflow&q=name&v=", ["Reception", "Reports", "Sales"]),
    ],
)
async def test_documents_are_found_by_how_they_begin(world, acme, query, names):
    reply = await search(world, acme, query)
    assert reply.status == 200, reply.raw
    assert sorted(row["name"] for row in reply.data) == names
    assert b"SECRET" not in reply.raw


async def test_pages_go_on_where_the_last_one_ended(world, acme):
    first = await search(world, acme, "t=callflow&q=name&v=&page_size=2")
    more = await search(world, acme, f"t=callflow&q=name&v=&page_size=2&start_key={first.body['next_start_key']}")
    assert len(first.data + more.data) == 3
    assert len({row["id"] for row in first.data + more.data}) == 3


async def test_several_are_asked_at_once(world, acme):
    reply = await world.get(f"/accounts/{acme[0]}/search/multi?t=callflow&by_name=sal&by_number=1001", acme[1])
    assert {by: [row["name"] for row in rows] for by, rows in reply.data.items()} == {
        "name": ["Sales"],
        "number": ["Reception"],
    }


@pytest.mark.parametrize(
    "query", ["q=name&v=a", "t=nonsense&q=name&v=a", "t=user&v=a", "t=user&q=name", "t=user&q=x&v=a"]
)
async def test_what_cannot_be_searched_for_is_told(world, acme, query):
    assert (await search(world, acme, query)).status == 400
    assert (await world.get(f"/accounts/{acme[0]}/search/multi?t=user", acme[1])).status == 400


async def test_accounts_are_found_below_ones_own_and_nowhere_else(world):
    master, master_token = await world.admin("master")
    await world.make_master(master)
    parent, parent_token = await world.admin("parent", master)
    child = await world.account("Child One", parent)
    await world.account("childless stranger", master)
    found = await world.get("/search?t=account&q=name&v=child", parent_token)
    assert [row["id"] for row in found.data] == [child]
    assert len((await world.get("/search?t=account&q=name&v=child", master_token)).data) == 2
    assert [row["id"] for row in (await world.get(f"/search?t=account&q=id&v={child[:6]}", parent_token)).data] == [
        child
    ]
    assert (await world.get(f"/accounts/{parent}/search?t=account&q=realm&v=child", master_token)).data[0][
        "id"
    ] == child
    assert (await world.get("/search?t=user&q=name&v=a", master_token)).status == 400
    await world.user(parent, "plain", "user")
    assert (await world.get("/search?t=account&q=name&v=c", await world.login(parent, "plain"))).status == 403
