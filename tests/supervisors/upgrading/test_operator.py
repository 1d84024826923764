"""An upgrade at an operator's word, over the control socket."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from mirliton.runtime import Name
from mirliton.supervisors import ControlSocket, Supervisor, Tree, supervisor
from shop import ONE, TWO, changed, write

ROOT = Name("supervisor", "root")


class Operator:
    """One who may open the socket."""

    def __init__(self, shop: Any, path: Path) -> None:
        self.shop = shop
        self.path = str(path)

    async def opens(self, *parts: Any) -> Operator:
        await self.shop.asks(self.shop.node.start(ControlSocket, self.path, ROOT, parts))
        return self

    async def asks(self, **request: Any) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(self.path)
        writer.write(json.dumps({"do": "upgrade", **request}).encode() + b"\n")
        line = await self.shop.asks(asyncio.wait_for(reader.readline(), 20))
        writer.close()
        answer: dict[str, Any] = json.loads(line)
        return answer


@pytest.fixture
def log(node: Any) -> LogCapture:
    captured = LogCapture()
    node.log = structlog.wrap_logger(structlog.ReturnLogger(), processors=[captured])
    return captured


@pytest.fixture
def operator(shop: Any, tmp_path: Path) -> Operator:
    return Operator(shop, tmp_path / "control.sock")


async def test_the_report_comes_back_and_the_use_is_audited(operator: Operator, shop: Any, log: LogCapture) -> None:
    await shop.open(ONE)
    await operator.opens()
    shop.install(TWO)
    answer = await operator.asks(application="shop")
    assert answer["ok"] is True
    assert (answer["result"]["processes"], answer["result"]["to_version"]) == (5, "2")
    [audit] = [entry for entry in log.entries if entry["event"] == "audit"]
    assert (audit["operation"], audit["by"], audit["application"]) == ("upgrade", "control socket", "shop")
    assert shop.actor(shop.stocks[0]).version == "2"


async def test_a_folder_and_a_way_down_can_be_asked_for(operator: Operator, shop: Any, tmp_path: Path) -> None:
    await shop.open(TWO)
    await operator.opens()
    answer = await operator.asks(application="shop", path=str(write(tmp_path / "one", ONE)), down=True)
    assert (answer["result"]["direction"], answer["result"]["to_version"]) == ("down", "1")


async def test_what_failed_and_where_is_told(operator: Operator, shop: Any, log: LogCapture) -> None:
    await shop.open(ONE)
    await operator.opens()
    shop.install(changed(TWO, "auditor", ("self.audits = 0", "1 / 0")))
    answer = await operator.asks(application="shop")
    assert answer["ok"] is False
    assert "children failed at Auditor" in answer["error"]
    [undone] = [entry for entry in log.entries if entry["event"] == "upgrade_undone"]
    assert (undone["application"], undone["stage"], undone["where"]) == ("shop", "children", "Auditor")


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"application": "bank"}, "no application is called 'bank'; there are: shop"),
        ({"application": 7}, "application must be a string"),
        ({"application": "shop", "path": "relative"}, "an absolute path is wanted"),
        ({"application": "shop", "path": "/nowhere/at/all"}, "is no folder"),
    ],
)
async def test_bad_requests_are_told(operator: Operator, shop: Any, request_: dict[str, Any], told: str) -> None:
    await shop.open(ONE)
    await operator.opens()
    answer = await operator.asks(**request_)
    assert told in answer["error"]


async def test_no_code_is_taken_from_where_everybody_may_write(operator: Operator, shop: Any, tmp_path: Path) -> None:
    await shop.open(ONE)
    await operator.opens()
    folder = write(tmp_path / "open", TWO)
    folder.chmod(0o777)
    answer = await operator.asks(application="shop", path=str(folder))
    assert "can be written by everybody" in answer["error"]


async def test_a_part_of_the_tree_is_upgraded_by_the_name_of_the_child(operator: Operator, shop: Any) -> None:
    shop.install(ONE)
    application = shop.module("app").application
    tree = Tree("one_for_one", [supervisor(application.tree(), id="shop")], name=ROOT)
    await shop.asks(shop.node.start(Supervisor, tree))
    await operator.opens(application)
    for version, told in ((TWO, ("1", "2")), (changed(TWO, "app", ('"2"', '"3"')), ("2", "3"))):
        shop.install(version)
        answer = await operator.asks(application="shop")
        assert (answer["result"]["from_version"], answer["result"]["to_version"]) == told
