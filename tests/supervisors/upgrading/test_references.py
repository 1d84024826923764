"""Who else holds something of the old code: other modules, closures, what processes keep in their state."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

from mirliton.runtime import Cast
from shop import ONE, TWO, changed

MODEL_1 = """
    import enum
    from collections import namedtuple
    from dataclasses import dataclass

    class Kind(enum.Enum):
        LOW = 1
        HIGH = 2

    class Order:
        size = 1
        def __init__(self, number):
            self.number = number
            self.next = None

    class Slim:
        __slots__ = ("what", "__private")
        def __init__(self, what):
            self.what = what
            self.__private = "p"
        def private(self):
            return self.__private

    @dataclass(frozen=True)
    class Price:
        amount: int

    Pair = namedtuple("Pair", ["left", "right"])

    class Missing:
        '''A sentinel's class.'''

    MISSING = Missing()

    def double(number):
        return number * 2
"""
MODEL_2 = (
    MODEL_1.replace("size = 1", "size = 2")
    .replace("amount: int", "amount: int\n        currency: str = 'EUR'")
    .replace("number * 2", "number * 20")
    .replace('["left", "right"]', '["right", "left"]')
)


def with_model(version: dict[str, str], model: str) -> dict[str, str]:
    return {**version, "model": model, "app": "    import example_shop.model\n" + version["app"]}


@pytest.fixture
def outsider() -> Iterator[types.ModuleType]:
    """A module of another package."""
    module = types.ModuleType("example_outsider")
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


async def test_other_modules_mean_the_new_code_by_the_names_they_have_imported(shop: Any, outsider: Any) -> None:
    await shop.open(with_model(ONE, MODEL_1))
    exec(
        "from example_shop.messages import Add\n"
        "import example_shop.model as model\n"
        "from example_shop.model import double",
        vars(outsider),
    )
    old = outsider.Add
    await shop.upgrade(with_model(TWO, MODEL_2))
    assert outsider.Add is shop.module("messages").Add
    assert outsider.Add is not old
    assert outsider.model is shop.module("model")
    assert outsider.double(1) == 20


async def test_they_mean_the_old_code_again_when_it_is_undone(shop: Any, outsider: Any) -> None:
    await shop.open(with_model(ONE, MODEL_1))
    exec(
        "from example_shop.messages import Add\n"
        "import example_shop.model as model\n"
        "from example_shop.model import double",
        vars(outsider),
    )
    before = dict(vars(outsider))
    await shop.fails(changed(with_model(TWO, MODEL_2), "auditor", ("self.audits = 0", "1 / 0")))
    assert vars(outsider) == before
    # A class that made instances of another for a while makes its own again, whatever its arguments.
    assert type(before["Add"](3)) is before["Add"]
    assert before["model"].Order(5).number == 5
    assert before["model"].Pair(1, 2) == (1, 2)


async def test_an_old_class_that_somebody_has_kept_makes_instances_of_the_new(shop: Any) -> None:
    await shop.open(with_model(ONE, MODEL_1), stocks=1)
    add, stock, order = shop.module("messages").Add, shop.module("stock").Stock, shop.module("model").Order
    await shop.upgrade(with_model(TWO, MODEL_2))
    assert add(3) == shop.module("messages").Add(3, "piece")
    shop.node.cast(shop.stocks[0], add(3))
    pid = await shop.asks(shop.node.start(stock, "by the old class"))
    assert shop.actor(pid).version == "2"
    assert order(1).size == 2
    assert shop.actor(shop.stocks[0]).counts == {"piece": 3}

    class Special(order):  # type: ignore[misc, valid-type] # of a package that the upgrade does not touch
        pass

    assert type(Special(1)) is Special


async def test_what_a_process_holds_becomes_of_the_new_classes(shop: Any) -> None:
    await shop.open(with_model(ONE, MODEL_1), stocks=1)
    actor = shop.actor(shop.stocks[0])
    model = shop.module("model")
    order, slim = model.Order(1), model.Slim("s")
    order.next = order  # holds itself
    actor.held = {
        "orders": [order, (order, slim)],
        model.Price(5): {model.Kind.HIGH, "x"},
        "cast": Cast(shop.module("messages").Add(2)),
        "functions": [model.double, model.Order],
        "pair": model.Pair(1, 2),
        "nothing": model.MISSING,
        "frozen": frozenset({model.Price(1)}),
        "plain": [1, 2, 3],
    }
    plain, orders = actor.held["plain"], actor.held["orders"]
    await shop.upgrade(with_model(TWO, MODEL_2))
    model = shop.module("model")
    held = actor.held
    assert held["plain"] is plain
    assert held["orders"] is orders
    assert orders[0] is order
    assert (order.size, order.next is order, type(slim) is model.Slim, slim.private()) == (2, True, True, "p")
    assert held[model.Price(5, "EUR")] == {model.Kind.HIGH, "x"}
    assert held["cast"] == Cast(shop.module("messages").Add(2, "piece"))
    assert [held["functions"][0](1), held["functions"][1]] == [20, model.Order]
    assert (held["pair"].left, held["pair"].right) == (1, 2)
    assert held["nothing"] is model.MISSING
    assert held["frozen"] == frozenset({model.Price(1)})


async def test_and_of_the_old_ones_again_when_it_is_undone(shop: Any) -> None:
    await shop.open(with_model(ONE, MODEL_1), stocks=1)
    actor = shop.actor(shop.stocks[0])
    model = shop.module("model")
    order, price, slim = model.Order(1), model.Price(5), model.Slim("s")
    actor.held = {"list": [order, price, slim], price: model.MISSING}
    await shop.fails(changed(with_model(TWO, MODEL_2), "auditor", ("self.audits = 0", "1 / 0")))
    [first, second, third] = actor.held["list"]
    assert (first is order, second is price, third is slim) == (True, True, True)
    assert (type(order), type(slim), actor.held[price]) == (model.Order, model.Slim, model.MISSING)
    assert (order.size, slim.private()) == (1, "p")


async def test_a_thing_of_an_enum_that_is_gone_undoes_the_upgrade(shop: Any) -> None:
    await shop.open(with_model(ONE, MODEL_1), stocks=1)
    shop.actor(shop.stocks[0]).kind = shop.module("model").Kind.HIGH
    failed = await shop.fails(with_model(TWO, MODEL_2.replace("        HIGH = 2\n", "")))
    assert failed.stage == "convert"
    assert "HIGH" in str(failed)
