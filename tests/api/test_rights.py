"""Who may do what: every URL shape of the API, asked by every kind of token.

`refused` answers are told apart from all others: 401 without a token, 403 with one that has no right. What a request
with the right gets (200, 400, 404, 503 …) depends on the resource and is tested there.
"""

import pytest

from mirliton.api.routes import all_routes

ACCOUNT_ROUTES = [
    (route.shape, method) for route in all_routes() if route.scope == "account" for method in route.methods
]
MASTER_ROUTES = [(route.shape, method) for route in all_routes() if route.scope == "master" for method in route.methods]
TOKEN_ROUTES = [(route.shape, method) for route in all_routes() if route.scope == "token" for method in route.methods]
PLAIN = {route.shape: dict(route.plain) for route in all_routes()}
RESERVED = {route.shape: dict(route.reserved) for route in all_routes()}
PUBLIC = {"user_auth", "user_auth/recovery", "api_auth", "ip_auth", "schemas", "schemas/{schema_name}"}
PUBLIC |= {"openapi.json", "docs", "docs/{asset}"}


def path_of(shape: str, account_id: str, user_id: str = "f" * 32) -> str:
    """A URL of this shape, of documents that do not exist."""
    filled = {"account_id": account_id, "user_id": user_id, "process": "service:nobody"}
    parts = [filled.get(part.strip("{}"), "0" * 32) if part.startswith("{") else part for part in shape.split("/")]
    return "/" + "/".join(parts)


class Family:
    """master > parent > (child, sibling); a stranger beside them; in child an administrator and a plain user."""

    def __init__(self, world):
        self.world = world
        self.ids = {}
        self.tokens = {}

    async def build(self):
        world = self.world
        await self._admin("master", None)
        await world.make_master(self.ids["master"])
        await self._admin("parent", "master")
        await self._admin("child", "parent")
        await self._admin("sibling", "parent")
        await self._admin("stranger", "master")
        self.user_id = await world.user(self.ids["child"], "plain", "user")
        self.tokens["plain"] = await world.login(self.ids["child"], "plain")
        # Those who have power over other accounts are administrators there.
        await world.user(self.ids["parent"], "plain_parent", "user")
        self.tokens["plain parent"] = await world.login(self.ids["parent"], "plain_parent")
        await world.user(self.ids["master"], "plain_master", "user")
        self.tokens["plain master"] = await world.login(self.ids["master"], "plain_master")
        return self

    async def _admin(self, name, parent):
        # Without this an account adds no numbers.
        may_add = {"pvt_wnm_allow_additions": True}
        self.ids[name], self.tokens[name] = await self.world.admin(name, self.ids.get(parent), **may_add)


@pytest.fixture
async def family(world):
    return await Family(world).build()


async def status(family, shape, method, who, account="child", user_id="f" * 32):
    path = path_of(shape, family.ids.get(account, account), user_id)
    token = family.tokens.get(who, who)
    return (await family.world.ask(method, path, {} if method != "GET" else None, token=token)).status


def test_only_these_are_public():
    assert {route.shape for route in all_routes() if route.scope == "public"} == PUBLIC


@pytest.mark.parametrize("who", [None, "nonsense"])
async def test_without_a_token_every_url_but_the_public_ones_is_401(family, who):
    for shape, method in ACCOUNT_ROUTES + MASTER_ROUTES + TOKEN_ROUTES:
        assert await status(family, shape, method, who) == 401, (shape, method)


@pytest.mark.parametrize("who", ["stranger", "sibling", "plain parent", "plain master"])
async def test_over_others_accounts_nobody_has_power(family, who):
    for shape, method in ACCOUNT_ROUTES:
        assert await status(family, shape, method, who) == 403, (shape, method)


async def test_a_child_has_no_power_over_its_parent(family):
    for shape, method in ACCOUNT_ROUTES:
        assert await status(family, shape, method, "child", "parent") == 403, (shape, method)


@pytest.mark.parametrize("who", ["child", "stranger", "plain"])
async def test_an_account_that_does_not_exist_looks_like_one_of_others(family, who):
    for account in ("0" * 32, "../etc", "x" * 32, "A" * 32):
        for shape, method in ACCOUNT_ROUTES:
            path_account = account.replace("/", "%2F")
            assert await status(family, shape, method, who, path_account) == 403, (shape, method)


async def test_the_master_is_told_that_an_account_does_not_exist(family):
    for shape, method in ACCOUNT_ROUTES:
        assert await status(family, shape, method, "master", "0" * 32) == 404, (shape, method)


async def test_the_account_its_ancestors_and_the_master_have_power_over_it(family):
    # Another reseller changes who may do what, so that comes last.
    for shape, method in sorted(ACCOUNT_ROUTES, key=lambda each: each[0].endswith("/reseller")):
        if method == "DELETE" and shape == "accounts/{account_id}":
            continue  # It would take the account away.
        for who in ("child", "parent", "master"):
            answered = await status(family, shape, method, who)
            reserved = RESERVED[shape].get(method)
            refused = who in {"above": ("child",), "master": ("child", "parent"), None: ()}[reserved]
            assert answered == 403 if refused else answered not in (401, 403, 405, 500), (shape, method, who)
            if shape.endswith("/api_key") and method == "PUT":
                assert answered == 201


async def test_a_plain_user_may_only_what_the_routes_say(family):
    for shape, method in ACCOUNT_ROUTES:
        answered = await status(family, shape, method, "plain")
        right = PLAIN[shape].get(method)
        if right is None or (right == "own" and "{user_id}" in shape):
            # The user in the URL is not this one.
            assert answered == 403, (shape, method)
        else:
            assert answered not in (401, 403, 405, 500), (shape, method)


async def test_a_plain_user_may_see_themselves_and_what_is_below(family):
    gettable = [shape for shape, method in ACCOUNT_ROUTES if method == "GET" and "{user_id}" in shape]
    shapes = [shape for shape in gettable if "GET" in PLAIN[shape]]
    assert len(shapes) >= 4
    for shape in shapes:
        # Nobody runs the channel table here.
        wanted = 503 if shape.endswith("/channels") else 200
        if shape.endswith("/photo"):
            wanted = 404  # They have none.
        assert await status(family, shape, "GET", "plain", user_id=family.user_id) == wanted, shape


async def test_what_belongs_to_no_account_is_the_masters(family):
    for shape, method in MASTER_ROUTES:
        for who in ("child", "parent", "stranger", "plain", "plain master"):
            assert await status(family, shape, method, who) == 403, (shape, method, who)
        assert await status(family, shape, method, "master") not in (401, 403, 405, 500), (shape, method)


async def test_without_a_named_master_nobody_is(world):
    account_id, token = await world.admin("acme")
    assert (await world.get("/supervision", token)).status == 403
    assert (await world.get(f"/accounts/{'0' * 32}", token)).status == 403
    assert (await world.get(f"/accounts/{account_id}", token)).status == 200


async def test_power_ends_when_the_account_moves_elsewhere(family):
    world, child = family.world, family.ids["child"]
    assert await status(family, "accounts/{account_id}", "GET", "parent") == 200
    doc = await world.store.get(f"account/{child[:2]}/{child[2:4]}/{child[4:]}", child)
    await world.store.put(f"account/{child[:2]}/{child[2:4]}/{child[4:]}", {**doc, "pvt_tree": [family.ids["master"]]})
    assert await status(family, "accounts/{account_id}", "GET", "parent") == 403
