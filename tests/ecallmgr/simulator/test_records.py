"""The record of each ended leg: what it says, and that it arrives, also when nobody listened for a while."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from mirliton.ecallmgr.simulator import Dialplan, SimulatedSwitch, answer, await_bridge, hang_up, ring

ASwitch = Callable[..., Awaitable[SimulatedSwitch]]


class Listener:
    """Takes records, when it is up; can be taken down and brought back on the same port."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.uuids: list[str] = []
        self.authorizations: list[str] = []
        self.status = 200
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/cdr"

    async def up(self) -> None:
        app = web.Application()
        app.router.add_post("/cdr", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def down(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.Response:
        if self.status == 200:
            self.uuids.append(request.query["uuid"])
            self.authorizations += request.headers.getall("Authorization", [])
            self.records.append(await request.json())
        return web.Response(status=self.status)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    await listener.up()
    yield listener
    await listener.down()


def spooled(folder: Path) -> dict[str, dict[str, Any]]:
    """The records in a spool directory, by the uuids in their file names."""
    return {path.name.removesuffix(".cdr.json"): json.loads(path.read_text()) for path in folder.iterdir()}


async def delivered(switch: SimulatedSwitch) -> None:
    assert switch.poster is not None
    await asyncio.wait_for(switch.poster.drained(), 10)


async def ended_call(switch: SimulatedSwitch) -> str:
    call = await switch.place_call("1000", "2000", script=(hang_up(after=0.1),))
    await call.wait_ended()
    return call.uuid


async def test_a_record_tells_the_whole_story_of_a_leg(a_switch: ASwitch, listener: Listener) -> None:
    switch = await a_switch(
        cdr_url=listener.url, dialplan=Dialplan({"2000": [("set", "a=b"), ("bridge", "user/1001")]})
    )
    switch.phone("1001", script=(ring(after=1.0), answer(after=1.0)))
    call = await switch.place_call(
        "1000",
        "2000",
        name="Ann",
        variables={"ecallmgr_Account-ID": "acc"},
        script=(await_bridge(), hang_up(after=5.0)),
    )
    await call.wait_ended()
    await delivered(switch)
    by_direction = {record["channel_data"]["direction"]: record for record in listener.records}
    inbound, outbound = by_direction["inbound"], by_direction["outbound"]
    assert (inbound["core-uuid"], inbound["switchname"]) == (switch.core_uuid, "fs1.local")
    variables = inbound["variables"]
    assert (variables["uuid"], variables["ecallmgr_Account-ID"]) == (call.uuid, "acc")
    assert (variables["hangup_cause"], variables["hangup_cause_q850"]) == ("NORMAL_CLEARING", "16")
    assert variables["sip_hangup_disposition"] == "recv_bye"
    assert 5 <= int(variables["billsec"]) < int(variables["duration"]) < 30
    assert int(variables["start_epoch"]) <= int(variables["answer_epoch"]) <= int(variables["end_epoch"])
    flow = inbound["callflow"][0]
    assert (flow["caller_profile"]["caller_id_name"], flow["caller_profile"]["destination_number"]) == ("Ann", "2000")
    assert flow["times"]["answered_time"] == variables["answer_uepoch"]
    assert flow["extension"]["applications"] == [
        {"app_name": "set", "app_data": "a=b"},
        {"app_name": "bridge", "app_data": "user/1001"},
    ]
    assert [entry["app_name"] for entry in inbound["app_log"]["applications"]] == ["set", "bridge"]
    originator = outbound["callflow"][0]["caller_profile"]["originator"]["originator_caller_profiles"][0]
    assert originator["uuid"] == call.uuid
    assert sorted(listener.uuids) == sorted([call.uuid, outbound["variables"]["uuid"]])


@pytest.mark.parametrize("in_a_directory", [False, True])
async def test_a_record_waits_for_a_listener_that_is_down_and_arrives_once(
    in_a_directory: bool, a_switch: ASwitch, listener: Listener, tmp_path: Path
) -> None:
    spool = tmp_path / "spool" if in_a_directory else None
    switch = await a_switch(cdr_url=listener.url, cdr_spool=spool)
    first = await ended_call(switch)
    await delivered(switch)
    await listener.down()
    missed = [await ended_call(switch) for _ in range(5)]
    assert switch.poster is not None
    while switch.poster.statistics.spooled < 5:
        await switch.poster.changed()
    if spool is not None:
        assert set(spooled(spool)) == set(missed)
    await listener.up()
    await delivered(switch)
    assert listener.uuids[0] == first
    assert sorted(listener.uuids[1:]) == sorted(missed)
    assert switch.poster.statistics.dropped == 0
    if spool is not None:
        assert spooled(spool) == {}


async def test_a_record_that_is_refused_is_sent_again(a_switch: ASwitch, listener: Listener) -> None:
    switch = await a_switch(cdr_url=listener.url)
    listener.status = 503
    uuid = await ended_call(switch)
    assert switch.poster is not None
    while not switch.poster.statistics.spooled:
        await switch.poster.changed()
    listener.status = 200
    await delivered(switch)
    assert listener.uuids == [uuid]


async def test_credentials_in_the_address_are_sent_and_not_logged(
    a_switch: ASwitch, listener: Listener, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    url = listener.url.replace("http://", "http://switch:secret@")
    switch = await a_switch(cdr_url=url)
    await ended_call(switch)
    await delivered(switch)
    assert listener.authorizations == ["Basic " + base64.b64encode(b"switch:secret").decode()]
    await listener.down()
    await ended_call(switch)
    assert switch.poster is not None
    while not switch.poster.statistics.spooled:
        await switch.poster.changed()
    written = capsys.readouterr()
    assert "secret" not in caplog.text + written.out + written.err


async def test_the_spool_of_a_switch_that_stopped_is_sent_by_the_next(
    a_switch: ASwitch, listener: Listener, tmp_path: Path
) -> None:
    await listener.down()
    switch = await a_switch(cdr_url=listener.url, cdr_spool=tmp_path)
    uuid = await ended_call(switch)
    await switch.stop()
    assert [(name, record["variables"]["uuid"]) for name, record in spooled(tmp_path).items()] == [(uuid, uuid)]
    await listener.up()
    await delivered(await a_switch(cdr_url=listener.url, cdr_spool=tmp_path))
    assert listener.uuids == [uuid]


async def test_a_leg_with_a_chosen_uuid_is_spooled_inside_the_directory(
    a_switch: ASwitch, listener: Listener, tmp_path: Path
) -> None:
    await listener.down()
    switch = await a_switch(cdr_url=listener.url, cdr_spool=tmp_path / "spool")
    call = await switch.place_call("1000", "2000", uuid="../strange/id", script=(hang_up(after=0.1),))
    await call.wait_ended()
    await switch.stop()
    assert list(spooled(tmp_path / "spool")) == ["..%2Fstrange%2Fid"]
    await listener.up()
    await delivered(await a_switch(cdr_url=listener.url, cdr_spool=tmp_path / "spool"))
    assert listener.uuids == ["../strange/id"]


async def test_a_record_that_cannot_be_spooled_is_counted(
    a_switch: ASwitch, listener: Listener, tmp_path: Path
) -> None:
    await listener.down()
    switch = await a_switch(cdr_url=listener.url, cdr_spool=tmp_path)
    call = await switch.place_call("1000", "2000", uuid="x" * 300, script=(hang_up(after=0.1),))
    await call.wait_ended()
    assert switch.poster is not None
    while not switch.poster.statistics.dropped:
        await switch.poster.changed()
    await listener.up()
    uuid = await ended_call(switch)
    await delivered(switch)
    assert listener.uuids == [uuid]


async def test_a_full_spool_drops_the_oldest_and_counts_it(a_switch: ASwitch, listener: Listener) -> None:
    await listener.down()
    switch = await a_switch(cdr_url=listener.url, cdr_limit=2)
    uuids = [await ended_call(switch) for _ in range(4)]
    assert switch.poster is not None
    while switch.poster.statistics.dropped < 2:
        await switch.poster.changed()
    await listener.up()
    await delivered(switch)
    assert len(listener.uuids) == 2
    assert set(listener.uuids) < set(uuids)


async def test_a_crash_of_the_switch_leaves_no_record_of_the_calls_it_took(
    a_switch: ASwitch, listener: Listener
) -> None:
    switch = await a_switch(cdr_url=listener.url)
    await switch.place_call("1000", "2000")
    await switch.faults.restart()
    uuid = await ended_call(switch)
    await delivered(switch)
    assert listener.uuids == [uuid]
