"""gevent stays in its thread: importing starts nothing, and the loop's thread never gets a hub."""

import subprocess
import sys
import threading

from gevent._hub_local import get_hub_if_exists


def test_importing_starts_no_thread_and_no_hub_and_patches_nothing():
    program = """
import socket, threading, time
before = (socket.socket, time.sleep, threading.Thread.start)
import mirliton.ecallmgr.esl
from gevent._hub_local import get_hub_if_exists
assert (socket.socket, time.sleep, threading.Thread.start) == before
assert get_hub_if_exists() is None
assert threading.active_count() == 1
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


async def test_using_a_connection_makes_no_hub_in_the_loops_thread(switch, connection, owner):
    async def script(peer):
        await peer.login()
        await peer.subscription()
        peer.event("CHANNEL_CREATE")
        await peer.command()
        peer.response("UP")
        await peer.until_closed()

    events = connection(await switch(script), events=["CHANNEL_CREATE"])
    await events.connect()
    assert await events.api("status") == "UP"
    await owner.wait(lambda: len(owner.events) == 1)
    await events.close()
    assert get_hub_if_exists() is None
    assert threading.current_thread() is threading.main_thread()
