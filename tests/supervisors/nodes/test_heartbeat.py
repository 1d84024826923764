"""The node's end of the heartbeat pipe."""

import asyncio
import contextlib
import gc
import os

import pytest

from mirliton.supervisors.node_heartbeat import DRAIN, DRAINED, TAKES_DRAIN, Heartbeat


@pytest.fixture
def pipe():
    read_end, write_end = _pipe()
    yield read_end, write_end
    for fd in (read_end, write_end):
        with contextlib.suppress(OSError):  # a test may have closed it
            os.close(fd)


def _pipe():
    ends = os.pipe()
    for fd in ends:
        os.set_blocking(fd, False)
    return ends


def _heard(read_end):
    try:
        return os.read(read_end, 65536)
    except BlockingIOError:
        return b""


async def _next_beat(read_end):
    heard = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(read_end, heard.set)
    try:
        async with asyncio.timeout(10):
            await heard.wait()
    finally:
        loop.remove_reader(read_end)
    return _heard(read_end)


async def test_it_beats_from_the_loop_at_its_interval(pipe):
    heartbeat = Heartbeat(pipe[1], 0.01, program="a")
    heartbeat.start()
    heartbeat.start()
    assert _heard(pipe[0]) == b"."
    assert await _next_beat(pipe[0]) == b"."
    assert await _next_beat(pipe[0]) == b"."
    heartbeat.leaving()


async def test_leaving_stops_the_beat(pipe):
    other_read_end, other_write_end = _pipe()
    heartbeat, other = (Heartbeat(fd, 0.01, program="a") for fd in (pipe[1], other_write_end))
    heartbeat.start()
    other.start()
    heartbeat.leaving()
    assert _heard(pipe[0]) == b".L"
    _heard(other_read_end)
    # By the second beat of one that started later, the first would have beaten too.
    assert await _next_beat(other_read_end) == b"."
    assert await _next_beat(other_read_end) == b"."
    assert _heard(pipe[0]) == b""
    other.leaving()
    for fd in (other_read_end, other_write_end):
        os.close(fd)


def test_ready_takes_what_boot_made_out_of_the_collectors_sight(pipe):
    before = gc.get_freeze_count()
    try:
        Heartbeat(pipe[1], 1.0, program="a").ready()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
    assert _heard(pipe[0]) == b"R"


def test_a_full_pipe_holds_nobody_up(pipe):
    heartbeat = Heartbeat(pipe[1], 1.0, program="a")
    with pytest.raises(BlockingIOError):
        while True:
            os.write(pipe[1], b"." * 4096)
    heartbeat.ready(freeze=False)


def test_a_parent_that_is_gone_is_noticed(pipe):
    heartbeat = Heartbeat(pipe[1], 1.0, program="a")
    assert heartbeat.watched
    os.close(pipe[0])
    heartbeat.ready(freeze=False)
    assert not heartbeat.watched


async def test_without_a_parent_every_notice_goes_nowhere():
    heartbeat = Heartbeat.unwatched("a")
    assert not heartbeat.watched
    heartbeat.start()
    heartbeat.ready(freeze=False)
    heartbeat.leaving()


async def test_a_drain_request_is_passed_on_and_the_end_of_the_parent_is_no_request(pipe):
    read_end, write_end = pipe
    requests, parent_end = _pipe()
    try:
        heartbeat = Heartbeat(write_end, 60.0, program="a", requests=requests)
        asked = asyncio.Queue()
        heartbeat.on_drain(lambda: asked.put_nowait("drain"))
        assert _heard(read_end) == TAKES_DRAIN
        os.write(parent_end, DRAIN)
        assert await asyncio.wait_for(asked.get(), 10.0) == "drain"
        heartbeat.drained()
        assert _heard(read_end) == DRAINED
        os.close(parent_end)
        for _ in range(3):  # the loop looks at the closed pipe, and then no more
            await asyncio.sleep(0)
        assert asked.empty()
        assert not asyncio.get_running_loop().remove_reader(requests)
    finally:
        os.close(requests)


async def test_without_a_parent_nobody_asks_for_a_drain():
    heartbeat = Heartbeat.unwatched("a")
    heartbeat.on_drain(lambda: pytest.fail("nobody asked"))
    heartbeat.drained()
    assert not heartbeat.watched
