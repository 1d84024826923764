"""`mirliton dead-letters`, over a real control socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from mirliton.api.cli.command import main
from mirliton.api.cli.control import ControlServer
from mirliton.runtime import Name, Node, Reply
from mirliton.supervisors.entities import Entities, Entity, MemoryWorld, SetAside, ShardHub

SHY = Name("shy", "one")
Run = Callable[..., Coroutine[Any, Any, tuple[int, str, str]]]


class Shy(Entity):
    shy = True
    restarts = (100, 1.0)

    def init(self, key: str, state: Any) -> None:
        self.value = state or 0

    def handle_call(self, request: Any, sender: Any) -> Reply:
        if Shy.shy:
            raise ValueError("too shy")
        self.value += 1
        self.save(self.value)
        return Reply(self.value)


@pytest.fixture
async def entities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Entities]:
    monkeypatch.setattr(Shy, "shy", True)
    monkeypatch.setenv("MIRLITON_NODE_STATE_DIR", str(tmp_path))
    async with Node("operated@localhost") as node:
        await node.start(ControlServer, str(tmp_path / "control.sock"), Name("supervisor", "root"))
        async with Entities(node, None, ShardHub(4).shards(), MemoryWorld(4).store(), {"shy": Shy}) as entities:
            yield entities


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    async def command(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = await asyncio.to_thread(main, ["dead-letters", *words])
        out, err = capsys.readouterr()
        return status, out, err

    return command


def last_line(told: tuple[int, str, str]) -> str:
    """The command's own; the node's log is on the same standard output here."""
    status, out, _ = told
    assert status == 0
    return out.splitlines()[-1]


async def set_aside(entities: Entities, *keys: str) -> None:
    for key in keys:
        with pytest.raises(SetAside):
            await entities.durable_call(SHY, f"request {key}", key=key, timeout=30.0)


async def test_they_are_seen_tried_again_and_discarded(entities: Entities, run: Run) -> None:
    assert await run("list") == (0, "there are none\n", "")
    await set_aside(entities, "first", "second", "third")
    _, out, _ = await run("list")
    head, first, *_ = out.splitlines()
    assert head.split() == ["ID", "SET", "ASIDE", "WHY", "ENTITY", "KEY", "REQUEST"]
    id, _, _, why, entity, key, *request = first.split()
    assert (why, entity, key, request) == ("crashes", "shy:one", "first", ["'request", "first'"])
    assert [letter["key"] for letter in json.loads((await run("list", "--json"))[1])] == ["first", "second", "third"]
    status, out, _ = await run("show", id)
    assert (status, "operated@localhost" in out) == (0, True)
    Shy.shy = False
    assert last_line(await run("redrive", id)) == "1 message put back into the queue"
    assert await entities.durable_call(SHY, "look", timeout=30.0) == 2
    assert last_line(await run("discard", "--all")) == "2 messages discarded"
    assert await run("list") == (0, "there are none\n", "")


async def test_an_id_that_is_none_is_told(entities: Entities, run: Run) -> None:
    await set_aside(entities, "first")
    for action in ("show", "redrive", "discard"):
        status, _, err = await run(action, "nonsense")
        assert (status, "no dead letter 'nonsense'" in err) == (69, True)
    assert len(await entities.dead_letters.look()) == 1


async def test_neither_all_nor_one_is_not_guessed(entities: Entities, run: Run) -> None:
    with pytest.raises(SystemExit):
        await run("discard")
