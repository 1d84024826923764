"""One broker and one Kamailio for all tests of this folder that do not end them: both take seconds to start."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import broker as brokers
import kamailio as proxies
from broker import Broker, running_broker
from kamailio import Kamailio, running_kamailio
from proxied import Place, a_place

ABSENT = brokers.missing() or proxies.missing()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    if ABSENT is not None:
        pytest.skip(ABSENT)
    with running_broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="session")
def kamailio(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Kamailio]:
    with running_kamailio(tmp_path_factory.mktemp("kamailio"), [broker.url]) as running:
        yield running


@pytest.fixture
async def place(tmp_path: Path, broker: Broker, kamailio: Kamailio) -> AsyncIterator[Place]:
    async with a_place(tmp_path, [broker], kamailio) as made:
        yield made
        await made.forget_all()
