"""The small parts: throttle, locks, merging, routing."""

import asyncio

import pytest

from mirliton.api.errors import UnknownUrl
from mirliton.api.locks import Locks
from mirliton.api.merging import merged
from mirliton.api.routes import all_routes
from mirliton.api.routing import Route, Router
from mirliton.api.throttle import Throttle


class Time:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_bucket_runs_dry_and_fills_up_again():
    clock = Time()
    throttle = Throttle(3, 10.0, clock)
    assert [throttle.take("a") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert throttle.take("a") == 10.0
    assert throttle.take("b") == 0.0
    clock.now = 4.0
    assert throttle.take("a") == pytest.approx(6.0)
    clock.now = 10.0
    assert throttle.take("a") == 0.0
    assert throttle.take("a") > 0.0


def test_what_is_given_back_does_not_count():
    throttle = Throttle(2, 10.0, Time())
    for _ in range(10):
        assert throttle.take("a") == 0.0
        throttle.give_back("a")
    assert len(throttle) == 0


def test_the_number_of_buckets_is_bounded_and_the_oldest_goes():
    throttle = Throttle(1, 1000.0, Time(), limit=3)
    for key in "abc":
        throttle.take(key)
    assert throttle.take("a") > 0.0
    throttle.take("d")
    assert len(throttle) == 3
    assert throttle.take("a") > 0.0
    assert throttle.take("b") == 0.0


async def test_a_lock_lets_one_in_at_a_time_and_leaves_nothing_behind():
    locks = Locks()
    inside, most = 0, 0

    async def enter(key):
        nonlocal inside, most
        async with locks.hold(key):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(enter("a") for _ in range(10)))
    assert (most, len(locks)) == (1, 0)


async def test_a_lock_is_let_go_when_its_holder_or_a_waiter_is_cancelled():
    locks = Locks()
    entered = asyncio.Event()

    async def hold():
        async with locks.hold("a"):
            entered.set()
            await asyncio.Event().wait()

    holder, waiter = asyncio.create_task(hold()), asyncio.create_task(hold())
    await entered.wait()
    waiter.cancel()
    holder.cancel()
    await asyncio.gather(holder, waiter, return_exceptions=True)
    assert len(locks) == 0


@pytest.mark.parametrize(
    ("base", "change", "result"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": 3}}, {"a": {"c": 2, "d": 3}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": {"b": 1}}, {"a": 5}, {"a": 5}),
        ({"a": 5}, {"a": {"b": 1, "c": None}}, {"a": {"b": 1}}),
        ({}, {"a": None}, {}),
    ],
)
def test_a_patch_merges(base, change, result):
    before = repr(base), repr(change)
    assert merged(base, change) == result
    assert (repr(base), repr(change)) == before


async def _handler(context):
    raise AssertionError


def routes(*shapes):
    return [Route(shape, "x", {"GET": _handler}) for shape in shapes]


def test_a_literal_wins_over_a_parameter_and_gives_way_where_it_leads_nowhere():
    router = Router(routes("boxes/{id}", "boxes/messages", "boxes/{id}/raw"))
    assert router.find("/boxes/messages")[0].shape == "boxes/messages"
    assert router.find("/boxes/7")[1] == {"id": "7"}
    assert router.find("/boxes/messages/raw") == (router.routes[2], {"id": "messages"})


def test_parameters_are_decoded_after_the_path_is_split():
    router = Router(routes("boxes/{id}"))
    assert router.find("/boxes/a%2Fb%20c")[1] == {"id": "a/b c"}
    assert router.find("/boxes/7/")[1] == {"id": "7"}


@pytest.mark.parametrize(
    "path", ["", "/", "/boxes", "/boxes//", "/boxes/%00", "/boxes/%FF", "/boxes/a/b", "/" + "a/" * 40]
)
def test_what_matches_no_shape_is_unknown(path):
    with pytest.raises(UnknownUrl):
        Router(routes("boxes/{id}", "boxes/{id}/x/y")).find(path)


def test_a_table_that_contradicts_itself_is_refused():
    with pytest.raises(ValueError, match="two routes"):
        Router(routes("a/{id}", "a/{id}"))
    with pytest.raises(ValueError, match="stands where"):
        Router(routes("a/{id}", "a/{other}/b"))


def test_every_route_of_an_account_names_it():
    for route in all_routes():
        assert ("{account_id}" in route.shape) == (route.scope == "account"), route.shape
        assert set(route.plain) <= set(route.methods), route.shape


OURS = (
    "supervision",
    "sup/",
    "openapi.json",
    "docs",
    "hangups",
    "accounts/{account_id}/hangups",
    "accounts/{account_id}/users/{user_id}/multi_factor",
)
"""`sup/` takes a function's arguments as segments, as Kazoo does without saying so."""


def test_urls_and_methods_are_kazoos(reference):
    """Each of our URLs is one of Kazoo's, with methods that Kazoo has, but for a few that are ours."""
    rows = [line.split("\t") for line in (reference / "kazoo-endpoints.tsv").read_text().splitlines()[1:]]
    kazoo = {shape_of(shape): set(methods.split(",")) for _, shape, methods in rows}
    for route in all_routes():
        if route.shape.startswith(OURS):
            continue
        resource = shape_of(route.shape)
        for parent in (*(f"accounts/{{}}/{noun}/{{}}/" for noun in ("users", "devices", "callflows")), "accounts/{}/"):
            rest = resource.removeprefix(parent)
            if rest != resource and rest in kazoo:
                resource = rest
                break
        assert resource in kazoo, route.shape
        assert set(route.methods) <= kazoo[resource], (route.shape, kazoo[resource])


def shape_of(shape):
    """A shape without the names of its parameters."""
    return "/".join("{}" if part.startswith("{") else part for part in shape.split("/"))
