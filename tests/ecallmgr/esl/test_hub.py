"""The hub thread: calls cross into it in order, connections end with it, and nothing is left behind."""

import asyncio
import gc
import threading
import weakref
from pathlib import Path

import greenlet
import pytest

from mirliton.ecallmgr.esl import ConnectFailed, ConnectionClosed, EventSocket, Hub, HubStopped
from mirliton.ecallmgr.esl import connection as connection_module
from mirliton.ecallmgr.esl.hub import shared
from mirliton.ecallmgr.esl.inbox import BATCH, Inbox


async def quiet(peer):
    await peer.login()
    await peer.until_closed()


async def called(hub, call=lambda: None):
    """Run something in the hub and wait until it has run."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def run():
        call()
        loop.call_soon_threadsafe(done.set_result, threading.current_thread().name)

    hub.post(run)
    async with asyncio.timeout(10):
        return await done


async def test_calls_run_in_the_hubs_thread_in_their_order(hub):
    seen = []
    for n in range(100):
        hub.post(lambda n=n: seen.append(n))
    assert await called(hub) == "esl-hub-test"
    assert seen == list(range(100))


async def test_a_call_that_fails_is_no_end_of_the_hub(hub):
    def fail():
        raise ValueError("a defect")

    hub.post(fail)
    assert await called(hub)
    assert hub.running


async def test_a_stopped_hub_takes_no_calls():
    hub = Hub()
    await called(hub)
    await hub.stop()
    await hub.stop()
    assert not hub.running
    with pytest.raises(HubStopped):
        hub.post(lambda: None)


async def test_a_hub_that_was_never_used_stops_too():
    hub = Hub()
    await hub.stop()
    with pytest.raises(HubStopped):
        hub.post(lambda: None)


async def test_several_may_stop_it_at_once():
    hub = Hub()
    await called(hub)
    await asyncio.gather(hub.stop(), hub.stop(), hub.stop())
    assert "esl-hub" not in {thread.name for thread in threading.enumerate()}


async def test_a_hub_that_does_not_give_way_is_told():
    hub = Hub("stuck")
    go_on = threading.Event()
    hub.post(lambda: go_on.wait(20))
    with pytest.raises(HubStopped, match=r"'stuck' did not end within 0\.1 s"):
        await hub.stop(timeout=0.1)
    go_on.set()
    await hub.stop()


async def test_a_login_does_not_wait_for_a_hub_that_is_stuck(switch, monkeypatch):
    monkeypatch.setattr(connection_module, "HUB_GRACE", 0.1)
    hub = Hub("stuck")
    go_on = threading.Event()
    hub.post(lambda: go_on.wait(20))
    served = await switch(quiet)
    with pytest.raises(HubStopped, match="did not open the connection within"):
        await EventSocket("127.0.0.1", served.port, "ClueCon", hub=hub, connect_timeout=0.1).connect()
    go_on.set()
    await hub.stop()


async def test_connections_end_with_their_hub(switch, owner):
    hub = Hub()
    served = await switch(quiet)
    several = [EventSocket("127.0.0.1", served.port, "ClueCon", hub=hub, on_closed=owner.on_closed) for _ in range(3)]
    for one in several:
        await one.connect()
    await hub.stop()
    await owner.wait(lambda: len(owner.closed) == 3)
    assert {type(reason) for reason in owner.closed} == {HubStopped}
    with pytest.raises(HubStopped):
        await EventSocket("127.0.0.1", served.port, "ClueCon", hub=hub).connect()


async def test_one_hub_serves_several_connections(switch, hub):
    async def script(peer):
        await peer.login()
        while (command := await peer.command()) != "exit":
            peer.response(command)
        peer.close()

    served = await switch(script)
    several = [EventSocket("127.0.0.1", served.port, "ClueCon", hub=hub) for _ in range(8)]
    await asyncio.gather(*(one.connect() for one in several))
    answers = await asyncio.gather(*(one.api(f"echo {n}") for n, one in enumerate(several)))
    assert answers == [f"api echo {n}" for n in range(8)]
    await asyncio.gather(*(one.close() for one in several))


async def test_who_brings_no_hub_shares_one_that_ends_with_its_last_user(switch):
    served = await switch(quiet)
    first = EventSocket("127.0.0.1", served.port, "ClueCon")
    second = EventSocket("127.0.0.1", served.port, "ClueCon")
    await first.connect()
    thread = next(each for each in threading.enumerate() if each.name == "esl-hub-shared")
    await second.connect()
    assert [each.name for each in threading.enumerate()].count("esl-hub-shared") == 1
    await first.close()
    assert thread.is_alive()
    await second.close()
    await asyncio.to_thread(thread.join, 5.0)
    assert not thread.is_alive()
    assert shared._hub is None


def _open_things():
    # This thread's own greenlet is made when it is first asked for.
    greenlet.getcurrent()
    gc.collect()
    return {
        "threads": threading.active_count(),
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "greenlets": sum(isinstance(each, greenlet.greenlet) and not each.dead for each in gc.get_objects()),
    }


@pytest.mark.parametrize("end", ["close", "switch", "abort", "refused", "silent"])
async def test_fifty_connections_leave_nothing_behind(end, switch, hub, owner):
    async def script(peer):
        try:
            if end == "silent":
                await peer.silence()
                return
            if end == "refused":
                peer.send(b"Content-Type: auth/request\n\n")
                await peer.command()
                peer.reply("-ERR invalid")
                return
            await peer.login()
            await peer.subscription()
            peer.event("CHANNEL_CREATE")
            if end == "switch":
                await asyncio.sleep(0)
                peer.notice()
                return
            await peer.until_closed()
        finally:
            peer.close()
            await peer.writer.wait_closed()

    served = await switch(script)

    async def one():
        made = EventSocket(
            "127.0.0.1",
            served.port,
            "wrong" if end == "refused" else "ClueCon",
            events=["CHANNEL_CREATE"],
            hub=hub,
            on_closed=owner.on_closed,
            connect_timeout=0.02 if end == "silent" else 5.0,
        )
        before = len(owner.closed)
        try:
            await made.connect()
        except (ConnectFailed, ConnectionClosed):
            return
        if end == "close":
            await made.close()
        elif end == "abort":
            made.abort()
        await owner.wait(lambda: len(owner.closed) > before)

    async def settled():
        await served.idle()
        # A greenlet that was killed ends in one of the hub's next turns.
        for _ in range(5):
            await called(hub)
        return _open_things()

    await one()
    before = await settled()
    for _ in range(50):
        await one()
    assert await settled() == before


async def test_a_connection_that_its_owner_forgot_closes(switch, hub):
    ended = asyncio.Event()

    async def script(peer):
        await peer.login()
        await peer.until_closed()
        ended.set()

    class Forgetful:
        """An owner with a reference in each direction, as actors have."""

        def __init__(self, port):
            self.switch = EventSocket("127.0.0.1", port, "ClueCon", hub=hub, on_closed=self.lost, liveness=1.0)

        def lost(self, reason):
            raise AssertionError("nobody is there to be told")

    owner = Forgetful((await switch(script)).port)
    await owner.switch.connect()
    gone = weakref.ref(owner.switch)
    del owner
    gc.collect()
    assert gone() is None
    async with asyncio.timeout(5):
        await ended.wait()


async def test_a_connection_whose_loop_has_ended_closes(switch, hub):
    ended = asyncio.Event()
    left = asyncio.Event()

    async def script(peer):
        await peer.login()
        await peer.subscription()
        await left.wait()
        peer.event("CHANNEL_CREATE")
        try:
            await peer.silence()
        finally:
            ended.set()

    port = (await switch(script)).port
    kept = EventSocket("127.0.0.1", port, "ClueCon", hub=hub, events=["CHANNEL_CREATE"])
    await asyncio.to_thread(asyncio.run, kept.connect())
    left.set()
    async with asyncio.timeout(10):
        await ended.wait()


async def test_what_crosses_to_the_loop_is_taken_in_batches_and_in_order():
    loop = asyncio.get_running_loop()
    turns = []
    taken = []

    def take(item):
        if not turns or turns[-1][0] != turn:
            turns.append((turn, 0))
        turns[-1] = (turn, turns[-1][1] + 1)
        taken.append(item)

    turn = 0
    inbox = Inbox(loop, take, limit=10_000, limit_bytes=1_000_000)
    thread = threading.Thread(target=lambda: [inbox.put(n, 10) for n in range(1000)])
    thread.start()
    thread.join()
    assert len(inbox) == 1000
    assert inbox.waiting_bytes == 10_000
    while len(taken) < 1000:
        turn += 1
        await asyncio.sleep(0)
    assert taken == list(range(1000))
    assert max(count for _, count in turns) == BATCH
    assert inbox.waiting_bytes == 0
    assert inbox.high_water == 1000


async def test_items_put_while_the_loop_takes_are_all_taken():
    loop = asyncio.get_running_loop()
    taken = []
    done = asyncio.Event()
    total = 100_000

    def take(item):
        taken.append(item)
        if len(taken) == total:
            done.set()

    inbox = Inbox(loop, take, limit=total, limit_bytes=1)
    thread = threading.Thread(target=lambda: [inbox.put(n, always=True) for n in range(total)])
    thread.start()
    async with asyncio.timeout(30):
        await done.wait()
    thread.join()
    assert taken == list(range(total))


async def test_a_full_inbox_takes_no_more_but_one_large_item_when_it_is_empty():
    inbox = Inbox(asyncio.get_running_loop(), lambda _: None, limit=2, limit_bytes=100)
    assert inbox.put("large", 1000)
    assert not inbox.put("small", 1)
    assert inbox.put("the end", always=True)
    assert len(inbox) == 2
