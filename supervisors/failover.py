"""A tree that runs on one node of a cluster at a time (OTP: a distributed application, kernel's dist_ac).

    acting = [worker(Channels, "fs1"), worker(Connection, "fs1")]
    root = Tree("one_for_one", [supervisor(failover("switch fs1", acting, place=0))], …)    # on each that could run it

Each such node has a Failover; they know of one another by a process group, and one acts: it runs the tree. Which one is
said by `place`: groups with places 0, 1, 2 … are dealt out in turn to the nodes that are there, in the order of their
names, so that each has its part of them; without a place the oldest node acts. When a node is lost another takes its
trees over, within `Delays`; when it comes back it waits, and takes nothing back, unless somebody asks (Yield).

There is no vote. Nodes that see each other agree, by two rules: of two that act the one with the higher *term* stays
(each takeover counts one up), and a node that others could have taken over from acts only under a lease
(runtime/transport/lease.py): it stops when the network has not confirmed for so long that it is heard. That is before
any other misses it, and only what another has heard itself by then counts: one that has slept waits. So two never act
at the same time while the network does what it confirms. What acts on the world outside asks `leave_to_act` at the last
moment, so that a node that wakes up does nothing before it has looked.

A restart of a Failover ends the tree on its node too (they are one_for_all), and others may take over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mirliton.runtime import (
    CallError,
    Continue,
    Down,
    From,
    GenServer,
    GroupJoined,
    Name,
    Node,
    NoReply,
    Pid,
    Ref,
    Reply,
    TimerFired,
    message,
)
from mirliton.runtime.distribution import NodeIsDown, NodeIsUp
from mirliton.runtime.reasons import NOCONNECTION
from mirliton.supervisors.client import delete_child, start_child, terminate_child
from mirliton.supervisors.declare import supervisor, worker
from mirliton.supervisors.errors import SupervisionFault
from mirliton.supervisors.specs import ChildSpec
from mirliton.supervisors.tree import Tree

SCOPE: Final = "failover"
TICK: Final = 0.25
FIRST: Final = 0.05
"""Seconds until the first look: the supervisor of the tree is started after the Failover."""
STOP_TIMEOUT: Final = 60.0


@dataclass(frozen=True)
class Delays:
    """Seconds. `settle` after a lease has begun, or this loop has slept, in which others are heard; before a tree is
    taken over: `left` when the one that ran it has ended, `closed` when its node has, `silent` when its node has been
    silent for longer than a lease; `awake` for which this loop may stand still and still know what is going on;
    `failed` before a node that could not start the tree tries again."""

    settle: float = 2.0
    left: float = 0.1
    closed: float = 0.3
    silent: float = 0.3
    awake: float = 1.0
    failed: float = 5.0


@message("failover.standing")
class Standing:
    """How one Failover stands. `term` is 0 where it does not act, `highest` that of the last who did, who wanted `heir`
    (a node, or nobody) to be the next; the lowest `since` is the oldest."""

    pid: Pid
    since: int
    term: int
    highest: int
    willing: bool
    place: int = -1
    heir: str = ""

    @property
    def rank(self) -> tuple[int, str]:
        return self.since, self.pid.node


@message("failover.set_willing")
class SetWilling:
    """Act where it is your turn (True), or let another act where there is one (False). Answered with the Standing."""

    willing: bool


@message("failover.yield")
class Yield:
    """Let that node act instead; without one, the node whose turn it is (`FailoverStatus.preferred`). Answered with a
    FailoverStatus when this one has ended its tree or has nothing to yield, or with CannotYield."""

    to: str | None = None


@message("failover.cannot_yield")
class CannotYield:
    """Why not."""

    reason: str


@message("failover.ask")
class AskStanding:
    """Ask for a FailoverStatus."""


@message("failover.status")
class FailoverStatus:
    """`acting`: the tree runs here. `others`: the nodes that could take it over now. `by`: the node where it runs, as
    far as is known here. `preferred`: that where it would run if it were dealt out now."""

    acting: bool
    term: int
    willing: bool
    others: tuple[str, ...]
    by: str | None
    takeovers: int
    step_downs: int
    preferred: str | None = None


def failover_name(group: str) -> Name:
    """The Failover of this node for that group."""
    return Name("failover", group)


def failover(group: str, children: Sequence[ChildSpec], delays: Delays | None = None, *, place: int = -1) -> Tree:
    """What each node that could run `children` runs; they are started and stopped together, in their order."""
    acting = Tree("one_for_one", [], intensity=5, period=10.0, name=Name("supervisor", f"{group} acting"))
    arguments = (group, acting.name, tuple(children), delays or Delays(), place)
    return Tree(
        "one_for_all",
        [
            worker(Failover, *arguments, id="failover", name=failover_name(group)),
            # Behind it, so that it ends first: nobody takes over from a tree that is still ending.
            supervisor(acting),
        ],
        intensity=5,
        period=10.0,
        name=Name("supervisor", f"{group} failover"),
    )


def leave_to_act(node: Node, group: str) -> Callable[[], bool]:
    """Whether what the tree of this group has begun on this node may have an effect outside now: to be asked just
    before it, from any thread. Where there is no such group it always may."""
    cell = node.find(failover_name(group))
    if cell is None or not isinstance(cell.actor, Failover):
        return lambda: True
    own = cell.actor
    return lambda: cell.alive and own.may_act()


class Failover(GenServer):
    """Under `failover_name(group)`. On a node without a cluster it acts at once."""

    def init(self, group: str, acting: Name, children: tuple[ChildSpec, ...], delays: Delays, place: int) -> NoReply:
        self.group = group
        self.supervisor = acting
        self.children = children
        self.delays = delays
        self.place = place
        self.term = 0
        self.highest = 0
        self.heir = ""
        """Who shall act next, as the last that acted wanted it."""
        self.willing = True
        self.others: dict[Pid, Standing | None] = {}
        """Those that are in reach, as they have told; None for one that has not."""
        self.refs: dict[Ref, Pid] = {}
        self.lost: dict[str, Standing] = {}
        """Of nodes that were lost a moment ago, nobody has told yet how."""
        self.silent: set[str] = set()
        """Nodes that were lost and may still run."""
        self.paired = False
        """Another could have taken over."""
        self.lease = 0
        """The lease under which it acts; 0 while it is alone, or has none yet."""
        self.barred = False
        """It has to stop acting at once."""
        self.not_before = 0.0
        self.unable = False
        """It could not start the tree a moment ago."""
        self.ticked = self.node.clock.now()
        self.running: list[Any] = []
        """The children that were started, by their ids."""
        self.takeovers = 0
        self.step_downs = 0
        return NoReply(then=Continue())

    def state(self) -> Any:
        return {
            "group": self.group,
            "term": self.term,
            "willing": self.willing,
            "others": [str(pid) for pid in self.others],
        }

    @property
    def acting(self) -> bool:
        return self.term > 0

    def may_act(self) -> bool:
        """See `leave_to_act`."""
        distribution = self.node.distribution
        if self.barred or not self.term:
            return False
        if distribution is None or not self.paired:
            return True
        return distribution.lease.holds(self.lease) if self.lease else distribution.is_connected

    @property
    def is_willing(self) -> bool:
        return self.willing and not self.unable

    async def handle_continue(self, argument: Any) -> None:
        if self.node.distribution is not None:
            self.node.distribution.monitor_nodes(self.pid)
            groups = self.node.groups.scope(SCOPE)
            _, members = groups.monitor(self.pid, self.group)
            groups.join(self.group, self.pid)
            for pid in members:
                self._meet(pid)
        self.start_timer(FIRST, "tick")

    async def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case SetWilling(willing):
                self.willing = willing
                await self._decide()
                self._tell()
                return Reply(self._standing())
            case Yield(to):
                return Reply(await self._yield(to))
            case AskStanding():
                return Reply(self._status())
        return super().handle_call(request, sender)

    async def handle_info(self, message: Any) -> None:
        match message:
            case TimerFired(message="tick"):
                await self._tick()
            case TimerFired(message="decide"):
                pass
            case TimerFired(message="able"):
                self.unable = False
                self._tell()
            case GroupJoined(pids=pids):
                for pid in pids:
                    self._meet(pid)
            case Standing():
                self._heard(message)
            case Down(ref=ref, reason=reason) if ref in self.refs:
                self._parted(self.refs.pop(ref), reason)
            case NodeIsDown(node, _, reason):
                self._node_down(node, reason)
            case NodeIsUp(node):
                if node in self.silent:
                    # Another start of a node that was silent, or the same: either way it will tell how it stands.
                    self.silent.remove(node)
                    self.not_before = min(self.not_before, self._now() + self.delays.settle)
            case _:
                return
        await self._decide()

    # The others

    def _meet(self, pid: Pid) -> None:
        if pid == self.pid or pid in self.others:
            return
        self.others[pid] = None
        self.refs[self.monitor(pid)] = pid
        self.send(pid, self._standing())

    def _heard(self, standing: Standing) -> None:
        if standing.pid in self.others:
            self.others[standing.pid] = standing
            if standing.highest > self.highest:
                self.highest, self.heir = standing.highest, standing.heir
            elif standing.highest == self.highest and standing.heir:
                self.heir = standing.heir
            self.paired = self.paired or standing.willing

    def _parted(self, pid: Pid, reason: Any) -> None:
        standing = self.others.pop(pid, None)
        if reason == NOCONNECTION:
            if standing is not None:
                self.lost[pid.node] = standing
            return
        if standing is not None and standing.term:
            self._wait(self.delays.left)
        self._unpair()

    def _node_down(self, node: str, reason: str) -> None:
        standing = self.lost.pop(node, None)
        if standing is None:
            return
        if reason == "connection_closed":
            if standing.term:
                self._wait(self.delays.closed)
            self._unpair()
            return
        self.silent.add(node)
        distribution = self.node.distribution
        if reason == "broker_lost" or not standing.term or distribution is None:
            return
        # It hangs, or is cut off, and acts while its lease lasts. That of one that was silent has run out meanwhile.
        left = 0.0 if reason == "net_tick_timeout" else distribution.lease.length
        self._wait(left + self.delays.silent)

    def _unpair(self) -> None:
        self.paired = bool(self.lost or self.silent) or any(
            each is not None and each.willing for each in self.others.values()
        )

    def _wait(self, seconds: float) -> None:
        self.not_before = max(self.not_before, self._now() + seconds)
        self.start_timer(seconds, "decide")

    # What follows from it

    async def _tick(self) -> None:
        self._wake()
        self.start_timer(TICK, "tick")
        if self.acting and self.paired and not self.lease and self.node.distribution is not None:
            self.lease = self.node.distribution.lease.number

    def _wake(self) -> None:
        """What this loop believes of others after it has slept is old."""
        now = self._now()
        if now - self.ticked > self.delays.awake:
            self._wait(self.delays.settle)
        self.ticked = now

    async def _decide(self) -> None:
        if self.acting:
            reason = self._against_acting()
            if reason:
                await self._step_down(reason)
        else:
            self._wake()
            if self._is_mine():
                await self._act()

    def _against_acting(self) -> str:
        mine = self._standing()
        for other in self._known():
            if other.term > mine.term or (other.term == mine.term and other.rank < mine.rank):
                return f"{other.pid.node} acts"
        if not self.is_willing and any(other.willing for other in self._known()):
            return "another shall act"
        if not self.may_act():
            return "the network does not confirm that it is heard"
        return ""

    def _is_mine(self) -> bool:
        if self.unable or self.lost or self._now() < self.not_before or not self._has_settled():
            return False
        known = list(self._known())
        if len(known) < len(self.others) or any(other.term for other in known):
            return False
        return self._next(self.heir).pid == self.pid

    def _next(self, heir: str = "") -> Standing:
        """Whose turn it is, of all that are known: the heir's, or as the place says."""
        members = sorted([self._standing(), *self._known()], key=lambda each: each.pid.node)
        # Where nobody is willing somebody must act all the same.
        able = [each for each in members if each.willing] or members
        for each in able:
            if each.pid.node == heir:
                return each
        # Nodes with other settings may have another place for it: that of the first counts.
        place = members[0].place
        return able[place % len(able)] if place >= 0 else min(able, key=lambda each: each.rank)

    def _known(self) -> list[Standing]:
        return [standing for standing in self.others.values() if standing is not None]

    def _has_settled(self) -> bool:
        distribution = self.node.distribution
        if distribution is None:
            return True
        lease = distribution.lease
        return lease.number > 0 and self._now() - lease.since >= self.delays.settle

    async def _act(self) -> None:
        took_over = self.highest > 0
        self.term = self.highest = self.highest + 1
        self.heir = ""
        self.barred = False
        self.lease = self.node.distribution.lease.number if self.node.distribution is not None else 0
        self._tell()
        try:
            for spec in self.children:
                await start_child(self, self.supervisor, spec)
                self.running.append(spec.id)
        except (SupervisionFault, CallError) as error:
            self.log.error("failover_cannot_act", group=self.group, reason=str(error))
            self.unable = True
            self.start_timer(self.delays.failed, "able")
            await self._step_down("it could not start")
            return
        finally:
            self.ticked = self._now()  # what took long was no sleep
        self.takeovers += took_over
        self.log.info("failover_acts", group=self.group, term=self.term)

    async def _step_down(self, reason: str) -> None:
        self.log.warning("failover_steps_down", group=self.group, term=self.term, reason=reason)
        self.step_downs += 1
        self.barred = self.barred or not self.may_act() or any(other.term for other in self._known())
        while self.running:
            child = self.running.pop()
            await terminate_child(self, self.supervisor, child, timeout=STOP_TIMEOUT)
            await delete_child(self, self.supervisor, child)
        self.term = self.lease = 0
        self._tell()

    async def _yield(self, to: str | None) -> FailoverStatus | CannotYield:
        if self.acting:
            heir = to or self._next().pid.node
            able = {each.pid.node for each in self._known() if each.willing}
            if heir != self.node.name and heir not in able:
                return CannotYield(
                    f"{heir} cannot take {self.group} over; there are: {', '.join(sorted(able)) or 'none'}"
                )
            if heir != self.node.name:
                self.heir = heir
                await self._step_down(f"{heir} shall act")
        return self._status()

    def _standing(self) -> Standing:
        return Standing(
            self.pid, self.node.incarnation, self.term, self.highest, self.is_willing, self.place, self.heir
        )

    def _tell(self) -> None:
        standing = self._standing()
        for pid in self.others:
            self.send(pid, standing)

    def _status(self) -> FailoverStatus:
        known = self._known()
        by = self.node.name if self.acting else next((each.pid.node for each in known if each.term), None)
        others = tuple(sorted(each.pid.node for each in known if each.willing))
        preferred = self._next().pid.node
        counts = self.takeovers, self.step_downs
        return FailoverStatus(self.acting, self.term, self.willing, others, by, *counts, preferred)

    def _now(self) -> float:
        return self.node.clock.now()


__all__ = [
    "AskStanding",
    "CannotYield",
    "Delays",
    "Failover",
    "FailoverStatus",
    "SetWilling",
    "Standing",
    "Yield",
    "failover",
    "failover_name",
    "leave_to_act",
]
