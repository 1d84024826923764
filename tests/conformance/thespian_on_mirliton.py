"""A pytest plugin that runs Thespian's own tests, as its wheel ships them, on our system base.

    make conformance

Thespian's test modules star-import the fixture `asys` from `thespian.test`, parametrised with its stock bases: that
fixture is replaced before they are imported. What needs several actor systems in a convention is skipped; what cannot
hold where all actors share one thread is expected to fail, by name and with its reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import thespian.test as suite
from thespian.actors import ActorSystem

from mirliton.runtime.system_base import install

BASE = install()

IN_TURN = "its hundred handlers sleep one after the other in one thread, a minute in all"
CANNOT_HOLD = {
    f"test_multiple_threads_private_context[{BASE}-100]": IN_TURN,
    f"test_multiple_threads_private_context_ask[{BASE}-100]": IN_TURN,
    f"test05_verifyUnloadOfHashedSourceDoesNotKillActiveActors[{BASE}]": "what is unloaded is gone for all actors",
}

CAPABILITIES = {"Foo Allowed": True, "Cows Allowed": True, "Dogs Allowed": True, "dog": "food"}
"""What the suite's actors require of their system."""


@pytest.fixture(params=[BASE])
def asys(request: pytest.FixtureRequest) -> Iterator[Any]:
    system = ActorSystem(request.param, dict(CAPABILITIES), logDefs=False, transientUnique=True)
    system.base_name = request.param
    system.port_num = None
    system.txonly = False
    yield system
    system.shutdown()


_unsupported = suite.actor_system_unsupported


def skip_what_needs_a_convention(system: Any, *bases: str) -> None:
    """What no base without a network can do, but the one over UDP can, is a matter of several systems."""
    without_network = "simpleSystemBase" in bases and "multiprocQueueBase" in bases
    if system.base_name == BASE and without_network and "multiprocUDPBase" not in bases:
        pytest.skip("needs a convention of several actor systems")
    _unsupported(system, *bases)


def pytest_configure() -> None:
    suite.asys = asys
    suite.actor_system_unsupported = skip_what_needs_a_convention
    # One test expects the output of a Python child to be buffered.
    os.environ.pop("PYTHONUNBUFFERED", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.name in CANNOT_HOLD:
            item.add_marker(pytest.mark.xfail(reason=CANNOT_HOLD[item.name], strict=False))
