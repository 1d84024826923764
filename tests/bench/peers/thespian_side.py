"""Thespian's simpleSystemBase: every actor in the caller's thread, run by whoever sends or asks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from thespian.actors import Actor, ActorAddress, ActorSystem

from tests.bench.measuring import Figures, resident, spread

TIMEOUT = timedelta(seconds=60)


class Ponger(Actor):
    def receiveMessage(self, message: Any, sender: ActorAddress) -> None:
        if isinstance(message, int):
            self.send(sender, message)


class Pinger(Actor):
    def receiveMessage(self, message: Any, sender: ActorAddress) -> None:
        if isinstance(message, tuple):
            self.other, self.left = message
            self.asker = sender
        elif not isinstance(message, int):
            return
        if self.left == 0:
            self.send(self.asker, "done")
            return
        self.left -= 1
        self.send(self.other, self.left)


def ping_pong(count: int) -> Figures:
    with _system() as system:
        ponger, pinger = system.createActor(Ponger), system.createActor(Pinger)
        began = time.perf_counter()
        assert system.ask(pinger, (ponger, count), TIMEOUT) == "done"
        return {"rate": count / (time.perf_counter() - began)}


class Sink(Actor):
    def receiveMessage(self, message: Any, sender: ActorAddress) -> None:
        if message == "how many?":
            self.send(sender, self.came)
        elif message == "drop":
            self.came = getattr(self, "came", 0) + 1


class Source(Actor):
    def receiveMessage(self, message: Any, sender: ActorAddress) -> None:
        if isinstance(message, tuple):
            sink, burst = message
            for _ in range(burst):
                self.send(sink, "drop")


def one_way(count: int) -> Figures:
    return _flood(1, count, 100)


def fan_in(count: int) -> Figures:
    return _flood(100, count, 10)


def _flood(sources: int, count: int, burst: int) -> Figures:
    bursts = count // (sources * burst)
    messages = sources * bursts * burst
    with _system() as system:
        sink = system.createActor(Sink)
        ready = [system.createActor(Source) for _ in range(sources)]
        began = time.perf_counter()
        for _ in range(bursts):
            for source in ready:
                system.tell(source, (sink, burst))
        assert system.ask(sink, "how many?", TIMEOUT) == messages
        return {"rate": messages / (time.perf_counter() - began)}


class Answering(Actor):
    def receiveMessage(self, message: Any, sender: ActorAddress) -> None:
        if message == "request":
            self.send(sender, message)


def calls(count: int) -> Figures:
    with _system() as system:
        server = system.createActor(Answering)
        took = []
        for _ in range(count):
            began = time.perf_counter()
            assert system.ask(server, "request", TIMEOUT) == "request"
            took.append(time.perf_counter() - began)
    return {"rate": count / sum(took), **spread(took, 1e6)}


def idle_servers(count: int) -> Figures:
    with _system() as system:
        before = resident()
        began = time.perf_counter()
        kept = [system.createActor(Answering) for _ in range(count)]
        took = time.perf_counter() - began
        return {"bytes": (resident() - before) / len(kept), "rate": count / took}


@contextmanager
def _system() -> Iterator[ActorSystem]:
    system = ActorSystem("simpleSystemBase")
    try:
        yield system
    finally:
        system.shutdown()
