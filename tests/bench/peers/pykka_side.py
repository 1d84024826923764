"""Pykka: a thread per actor."""

from __future__ import annotations

import threading
import time
from typing import Any

import pykka

from tests.bench.measuring import Figures, resident, spread

TIMEOUT = 60.0


class Ponger(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> None:
        message.tell(message)


class Pinger(pykka.ThreadingActor):
    def __init__(self, other: pykka.ActorRef[Ponger], count: int, done: threading.Event) -> None:
        super().__init__()
        self.other, self.left, self.done = other, count, done

    def on_receive(self, message: Any) -> None:
        if self.left == 0:
            self.done.set()
            return
        self.left -= 1
        self.other.tell(self.actor_ref)


def ping_pong(count: int) -> Figures:
    done = threading.Event()
    pinger = Pinger.start(Ponger.start(), count, done)
    began = time.perf_counter()
    pinger.tell("go")
    return _rate(count, began, done)


class Sink(pykka.ThreadingActor):
    def __init__(self, count: int, done: threading.Event) -> None:
        super().__init__()
        self.left, self.done = count, done

    def on_receive(self, message: Any) -> None:
        self.left -= 1
        if self.left == 0:
            self.done.set()


class Source(pykka.ThreadingActor):
    def __init__(self, sink: pykka.ActorRef[Sink], bursts: int, burst: int) -> None:
        super().__init__()
        self.sink, self.bursts, self.burst = sink, bursts, burst

    def on_receive(self, message: Any) -> None:
        for _ in range(self.burst):
            self.sink.tell("drop")
        self.bursts -= 1
        if self.bursts:
            self.actor_ref.tell(message)


def one_way(count: int) -> Figures:
    return _flood(1, count, 100)


def fan_in(count: int) -> Figures:
    return _flood(100, count, 10)


def _flood(sources: int, count: int, burst: int) -> Figures:
    done = threading.Event()
    bursts = count // (sources * burst)
    sink = Sink.start(sources * bursts * burst, done)
    ready = [Source.start(sink, bursts, burst) for _ in range(sources)]
    began = time.perf_counter()
    for source in ready:
        source.tell("go")
    return _rate(sources * bursts * burst, began, done)


class Answering(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        return message


def calls(count: int) -> Figures:
    server = Answering.start()
    took = []
    for _ in range(count):
        began = time.perf_counter()
        server.ask("request")
        took.append(time.perf_counter() - began)
    pykka.ActorRegistry.stop_all()
    return {"rate": count / sum(took), **spread(took, 1e6)}


def idle_servers(count: int) -> Figures:
    before = resident()
    began = time.perf_counter()
    for _ in range(count):
        Answering.start()
    took = time.perf_counter() - began
    size = (resident() - before) / count
    pykka.ActorRegistry.stop_all()
    return {"bytes": size, "rate": count / took}


def _rate(count: int, began: float, done: threading.Event) -> Figures:
    if not done.wait(TIMEOUT):
        raise TimeoutError(f"not done within {TIMEOUT:g} s")
    took = time.perf_counter() - began
    pykka.ActorRegistry.stop_all()
    return {"rate": count / took}
