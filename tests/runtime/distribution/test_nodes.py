"""Nodes that come and go."""

from __future__ import annotations

import random
from typing import Any

import pytest
from structlog.testing import capture_logs

from mirliton.runtime import ExitSignal, Name, Pid, encode
from mirliton.runtime.distribution import Distribution, NodeIsDown, NodeIsUp
from mirliton.runtime.testing import Cluster, VirtualNode, virtual_cluster
from mirliton.runtime.transport import Endpoint, Hub, Keyring, Limits


async def test_a_watcher_is_told_of_nodes_that_come_and_go_until_it_wants_no_more(
    cluster: Cluster, a: VirtualNode, on: Any
) -> None:
    watcher = await on(a)
    here = cluster.at("a@host")
    here.monitor_nodes(watcher.pid)
    c = await cluster.start("c@host")
    await cluster.all_up()
    await cluster.kill("c@host")
    await cluster.advance(1.0)
    assert watcher.seen == [
        NodeIsUp("c@host", c.incarnation),
        NodeIsDown("c@host", c.incarnation, "connection_closed"),
    ]
    here.monitor_nodes(watcher.pid, on=False)
    await cluster.start("c@host")
    await cluster.all_up()
    assert len(watcher.seen) == 2


async def test_a_node_that_stops_in_order_is_down_at_once_and_its_processes_told_why(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, other = await on(a, trap=True), await on(b)
    await one.do(lambda me: (me.link(other.pid), me.monitor(other.pid)))
    cluster.at("a@host").monitor_nodes(one.pid)
    await cluster.advance(0.1)
    await b.stop()
    await cluster.drive(cluster.at("b@host").close())
    await cluster.advance(0.1)
    assert one.exits == [(other.pid, "shutdown")]
    assert one.downs == [(other.pid, "shutdown")]
    assert one.seen[-1] == NodeIsDown("b@host", b.incarnation, "connection_closed")


async def test_a_cut_is_noticed_by_both_within_the_bound_and_not_before(cluster: Cluster) -> None:
    cluster.hub.cut("a@host", "b@host")
    await cluster.advance(3.0)
    assert cluster.at("a@host").nodes() == ["b@host"]
    await cluster.advance(2.0)
    assert cluster.at("a@host").nodes() == cluster.at("b@host").nodes() == []
    cluster.hub.heal("a@host", "b@host")
    await cluster.advance(2.5)
    assert cluster.at("a@host").nodes() == ["b@host"]


async def test_a_session_that_is_ended_on_one_side_is_found_out_by_the_other_and_begins_anew(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    watchers = [await on(a), await on(b)]
    for watcher in watchers:
        cluster.at(watcher.node.name).monitor_nodes(watcher.pid)
    assert cluster.at("a@host").disconnect_node("b@host")
    assert not cluster.at("a@host").disconnect_node("nowhere@host")
    await cluster.advance(0.1)
    for watcher, peer in zip(watchers, (b, a), strict=True):
        assert watcher.seen == [
            NodeIsDown(peer.name, peer.incarnation, "disconnect"),
            NodeIsUp(peer.name, peer.incarnation),
        ]


async def test_a_node_without_its_network_goes_on_alone_and_comes_back(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, other = await on(a, trap=True), await on(b, trap=True)
    await one.do(lambda me: me.link(other.pid))
    await cluster.advance(0.1)
    cluster.hub.disconnect("a@host")
    assert cluster.at("a@host").nodes() == []
    await cluster.advance(1.0)
    assert one.exits == [(other.pid, "noconnection")]
    assert other.exits == [(one.pid, "noconnection")]
    assert await cluster.drive(a.call(one.pid, "still here")) == "still here"
    cluster.hub.reconnect("a@host")
    await cluster.all_up()
    assert await cluster.drive(a.call(other.pid, "the same process")) == "the same process"
    assert cluster.at("a@host").counters.reconnects == 1


async def test_a_node_that_the_network_knows_is_gone_is_down_at_once(cluster: Cluster, b: VirtualNode) -> None:
    cluster.hub.announce_gone(Endpoint("b@host", b.incarnation))
    cluster.hub.announce_gone(Endpoint("b@host", b.incarnation + 1))  # of whom nobody knows
    cluster.hub.kill("b@host")
    await cluster.advance(0.01)
    assert cluster.at("a@host").nodes() == []


async def test_a_node_that_is_started_again_replaces_its_earlier_start(
    cluster: Cluster, a: VirtualNode, on: Any
) -> None:
    watcher = await on(a)
    cluster.at("a@host").monitor_nodes(watcher.pid)
    await cluster.kill("b@host")
    again = await cluster.start("b@host")
    await cluster.advance(0.2)  # sooner than the death was noticed
    kinds = [(type(mail), mail.incarnation) for mail in watcher.seen]
    assert kinds == [(NodeIsDown, 2), (NodeIsUp, again.incarnation)]


async def test_nodes_with_different_secrets_do_not_see_each_other(cluster: Cluster, a: VirtualNode) -> None:
    await cluster.start("c@host", secret="the secret of another cluster")
    await cluster.advance(5.0)
    assert cluster.at("a@host").nodes() == ["b@host"]
    assert cluster.at("c@host").nodes() == []
    assert cluster.at("a@host").counters.refused["unknown_key"] > 0


async def test_the_secret_changes_without_a_stop(cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any) -> None:
    old, new = "the secret of a cluster in a test", "the next secret of that cluster"
    other = await on(b)
    for step in ((old, new), (new, old), (new,)):
        for name in ("a@host", "b@host"):
            cluster.at(name).keys.change(*step)
            await cluster.advance(1.0)
            assert await cluster.drive(a.call(other.pid, "hello")) == "hello"
    assert cluster.at("a@host").counters.downs.total() == 0
    assert cluster.at("b@host").counters.refused.total() == 0


async def test_frames_that_come_again_later_have_no_effect(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    other = await on(b)
    recorded: list[bytes] = []
    tapped = cluster.hub.tap("b@host", recorded.append)
    a.send(other.pid, "pay")
    await cluster.advance(1.0)
    for data in list(recorded):
        tapped.take(data)
    cluster.at("a@host").disconnect_node("b@host")
    await cluster.advance(1.0)
    for data in list(recorded):
        tapped.take(data)
    await cluster.advance(1.0)
    assert other.seen == ["pay"]
    refused = cluster.at("b@host").counters.refused
    assert refused["duplicate"] > 0
    assert refused["stale"] > 0
    assert cluster.at("b@host").nodes() == ["a@host"]


async def test_a_hundred_thousand_mutated_frames_have_no_effect_and_a_bounded_log(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    other = await on(b)
    recorded: list[bytes] = []
    tapped = cluster.hub.tap("b@host", recorded.append)
    a.send(other.pid, "pay")
    await cluster.advance(1.0)
    genuine, dice = list(recorded), random.Random(7)
    refused = cluster.at("b@host").counters.refused
    before = refused.total()
    with capture_logs() as lines:
        for _ in range(100_000):
            data = bytearray(dice.choice(genuine))
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            tapped.tell = None
            tapped.take(bytes(data))
    assert refused.total() - before == 100_000
    assert len(lines) < 10
    await cluster.advance(1.0)
    assert other.seen == ["pay"]
    assert cluster.at("b@host").nodes() == ["a@host"]
    assert cluster.at("b@host").counters.downs.total() == 0


async def test_nonsense_that_is_signed_harms_nobody(cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any) -> None:
    other = await on(b, trap=True)
    dice = random.Random(11)
    values = [
        None,
        0,
        1,
        -1,
        2**62,
        other.pid.serial,
        "x",
        b"",
        b"\xc1",
        [],
        [1],
        {},
        ("t",),
        Name("a", "b"),
        other.pid,
    ]
    peer = next(iter(cluster.at("a@host")._connections.values())).peer
    for number in range(3_000):
        fields = [dice.choice(values) for _ in range(dice.randint(0, 7))]
        envelope = encode([dice.randint(-1, 18), *fields]) if number % 3 else dice.randbytes(dice.randint(0, 40))
        peer.put(envelope)
        if number % 200 == 0:
            await cluster.advance(0.1)
    await cluster.advance(1.0)
    assert cluster.at("b@host").counters.refused["unreadable"] > 1_000
    assert cluster.at("b@host").counters.downs.total() == 0
    assert await cluster.drive(a.call(other.pid, "still here")) == "still here"


async def test_frames_that_are_doubled_late_or_out_of_order_break_no_promise() -> None:
    hub = Hub(seed=5, jitter=0.01)
    hub.doubling = 0.3
    async with virtual_cluster("a@host", "b@host", hub=hub) as cluster:
        from far_world import Far

        a, b = cluster.nodes
        other = await Far.on(cluster, b)
        for number in range(200):
            a.send(other.pid, number)
            await cluster.advance(0.005)
        await cluster.advance(1.0)
        assert other.seen == list(range(200))
        assert cluster.at("b@host").counters.refused["duplicate"] > 0


async def test_a_frame_that_is_lost_ends_the_session_rather_than_the_order() -> None:
    hub = Hub(seed=5)
    async with virtual_cluster("a@host", "b@host", hub=hub) as cluster:
        from far_world import Far

        a, b = cluster.nodes
        one, other = await Far.on(cluster, a, trap=True), await Far.on(cluster, b, trap=True)
        await one.do(lambda me: me.link(other.pid))
        await cluster.advance(0.1)
        hub.loss = 1.0
        a.send(other.pid, "lost")
        await cluster.advance(0.01)
        hub.loss = 0.0
        a.send(other.pid, "after it")
        await cluster.advance(1.0)
        assert one.exits == [(other.pid, "noconnection")]
        assert other.seen == [ExitSignal(one.pid, "noconnection")]
        assert cluster.at("b@host").counters.downs["gap"] == 1
        await cluster.all_up()
        a.send(other.pid, "in the next session")
        await cluster.advance(0.1)
        assert other.seen[1:] == ["in the next session"]


async def test_a_lane_on_which_too_many_signals_wait_is_given_up_and_begins_anew() -> None:
    async with virtual_cluster("a@host", "b@host", limits=Limits(outbox_envelopes=10)) as cluster:
        from far_world import Far

        a, b = cluster.nodes
        other = await Far.on(cluster, b)
        for _ in range(25):
            a.exit(other.pid, "normal")
        await cluster.advance(1.0)
        assert cluster.at("a@host").counters.downs["overrun"] == 1
        assert cluster.at("a@host").nodes() == ["b@host"]


async def test_only_one_distribution_is_open_on_a_node(cluster: Cluster, a: VirtualNode) -> None:
    with pytest.raises(RuntimeError, match="already"):
        await Distribution(a, cluster.hub.network(), Keyring("some secret of a cluster")).open()


async def test_a_pid_of_this_node_from_another_node_is_this_process(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one = await on(a)
    assert await cluster.drive(a.call(Pid("a@host", a.incarnation, one.pid.serial), 1)) == 1


@pytest.mark.parametrize("limits", [{"tick": 3.0}, {"tick": 0.0}, {"announce": 0.0}, {"outbox_envelopes": 0}])
def test_limits_that_make_no_sense_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Limits(**limits)


async def test_one_that_was_forgotten_by_the_other_side_alone_comes_back(cluster: Cluster) -> None:
    for _ in range(3):  # so that there were several sessions, which a remembers
        cluster.at("b@host").disconnect_node("a@host")
        await cluster.advance(0.1)
    cluster.hub.cut("a@host", "b@host", one_way=True)
    await cluster.advance(75.0)  # b hears nothing of a for so long that it forgets it
    assert cluster.at("b@host").nodes() == []
    cluster.hub.heal("a@host", "b@host")
    await cluster.advance(5.0)
    assert cluster.at("a@host").nodes() == ["b@host"]
    assert cluster.at("b@host").nodes() == ["a@host"]


async def test_frames_of_a_session_that_both_have_forgotten_have_no_effect_in_another(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    other = await on(b)
    recorded: list[bytes] = []
    tapped = cluster.hub.tap("b@host", recorded.append)
    cluster.at("a@host").disconnect_node("b@host")
    await cluster.advance(0.1)
    a.send(other.pid, "pay")
    await cluster.advance(1.0)
    assert other.seen == ["pay"]
    cluster.hub.cut("a@host", "b@host")
    await cluster.advance(75.0)
    old = list(recorded)
    cluster.hub.heal("a@host", "b@host")
    await cluster.all_up()
    for data in old:
        tapped.take(data)
    await cluster.advance(1.0)
    assert other.seen == ["pay"]
    assert cluster.at("b@host").nodes() == ["a@host"]
