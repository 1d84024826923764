"""Where phones are registered: at the switches, as they tell it (`sofia::register` and its siblings), and at SIP
proxies, which report it over the edge.

The truth is theirs: after a restart, and whenever a switch or a broker comes back, the switches' own tables are read
anew and the proxies asked for what they hold (`reg_sync`). Kazoo: ecallmgr_registrar.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import orjson

from mirliton.actors.edge import Answer, BrokerUp, Publish
from mirliton.actors.kapi.inbox import Received
from mirliton.actors.kapi.registration import (
    RegFlush,
    RegQuery,
    RegQueryError,
    RegQueryResp,
    RegSuccess,
    RegSync,
)
from mirliton.actors.switching import SwitchApi, SwitchDown, SwitchUp, switch_name
from mirliton.ecallmgr import registration_rows as rows
from mirliton.ecallmgr.registration_rows import DEFAULT_EXPIRES, MAX_TEXT, Row
from mirliton.ecallmgr.registration_table import RegistrationTable
from mirliton.runtime import Address, Completed, Continue, From, GenServer, Name, NoReply, Reply, TimerFired, message

__all__ = ["DEFAULT_EXPIRES", "MAX_TEXT", "REGISTRAR", "Flushed", "Registrar", "RegistrationEvent"]

REGISTRAR: Final = Name("service", "registrar")
EXPIRES_DEVIATION: Final = 180.0
"""How much longer a registration is believed than it asked for (Kazoo: expires_deviation_time)."""
SWEEP_EVERY: Final = 30.0
MAX_REGISTRATIONS: Final = 200_000
"""More than this are not kept: a flood of registrations must not take the node's memory."""
CLOCKS_DIFFER: Final = 60.0
"""Seconds by which a proxy's clock may be ahead of ours and still tell which of two reports is the later."""
_PHONE: Final = re.compile(r"[A-Za-z0-9_.+*#~=&!%-]{1,128}@[A-Za-z0-9.:-]{1,253}")
_INTERFACE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@message("registrar.event")
class RegistrationEvent:
    """A CUSTOM event of a switch; those that are not about registrations are ignored."""

    switch: str
    subclass: str
    headers: dict[str, str]


@message("registrar.flushed")
class Flushed:
    """Answers a RegFlush: how many registrations were known and are forgotten. Proxies and switches have been told."""

    count: int


class Registrar(GenServer):
    """The registrations of all switches and proxies, under REGISTRAR.

    It answers RegQuery, also from outside, and RegFlush (also as a cast), which proxies and switches are told of.
    """

    mailbox_limit = 50_000
    mailbox_overflow = "drop_oldest"

    def init(
        self,
        switches: tuple[str, ...] = (),
        edge: Address | None = None,
        deviation: float = EXPIRES_DEVIATION,
        interface: str = "sipinterface_1",
    ) -> NoReply:
        """Without an `edge` there are no proxies. `deviation` is in seconds; `interface` is the switches' SIP profile
        that phones register at."""
        self.switches = switches
        self.edge = edge
        self.deviation = deviation
        self.interface = interface
        self.registrations = RegistrationTable()
        self.refused = 0
        self.started = self.node.clock.now()
        self.start_timer(SWEEP_EVERY, "sweep")
        return NoReply(then=Continue())

    def handle_continue(self, argument: Any) -> None:
        for switch in self.switches:
            self._read(switch)
        self._ask_proxies()

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case RegQuery():
                found = self.registrations.found(request.realm, request.username)
                listed = None if request.count_only else [rows.chosen(row, request.fields) for row in found]
                return Reply(RegQueryResp(fields=listed, count=len(found), registrar_age=self._age()))
            case RegFlush():
                return Reply(Flushed(self._flush(request)))
        return super().handle_call(request, sender)

    def handle_cast(self, request: Any) -> Any:
        match request:
            case RegFlush():
                self._flush(request)
            case _:
                return super().handle_cast(request)
        return None

    def handle_info(self, message: Any) -> None:
        match message:
            case RegistrationEvent(subclass="sofia::register"):
                self._register(rows.of_switch(message.headers, message.switch), self.node.clock.time())
            case RegistrationEvent(subclass="sofia::unregister" | "sofia::expire"):
                self._unregister(message.headers)
            case RegistrationEvent():
                pass
            case Received(message=RegSuccess() as report):
                self._reported(report, message.envelope.node or "")
            case Received(message=RegQuery() as query):
                self._answer(query, message)
            case Received(message=RegFlush() as flush) if not flush.cache_only:
                self._forget(flush, lambda row: not row["switch"])
            case Received():
                pass
            case BrokerUp():
                self._ask_proxies()
            case SwitchUp(switch=switch):
                self._read(switch)
            case SwitchDown():
                pass
            case Completed(tag=("read", switch, begun), value=str() as text, error=None):
                self._take(switch, begun, text)
            case Completed(tag=("read", switch, _), value=value, error=error):
                self.log.info("registrations_unread", switch=switch, error=str(error or value))
            case Completed(tag=("flush", switch), value=value, error=error):
                if error is not None or not isinstance(value, str):
                    self.log.warning("registrations_not_flushed", switch=switch, error=str(error or value))
            case TimerFired(message="sweep"):
                self._sweep()
                self.start_timer(SWEEP_EVERY, "sweep")
            case _:
                super().handle_info(message)

    def _age(self) -> float:
        return self.node.clock.now() - self.started

    def _register(self, row: Row, happened: float) -> None:
        key = row["realm"], row["username"]
        if not all(key):
            return
        if key not in self.registrations and len(self.registrations) >= MAX_REGISTRATIONS:
            self.refused += 1
            return
        until = self.node.clock.now() + row["expires"] + self.deviation
        self.registrations.put({**row, "event_timestamp": happened, "until": until})

    def _unregister(self, headers: dict[str, str]) -> None:
        ended = headers.get("call-id", "")
        for row in self.registrations.of(rows.key_of(headers)):
            # Another phone may have registered the same user since: a registration is known by its Call-ID.
            if row["switch"] and ended in ("", row.get("call_id", "")):
                self.registrations.remove(row)

    # Proxies

    def _ask_proxies(self) -> None:
        if self.edge is not None:
            self.cast(self.edge, Publish(RegSync(), answers_here=True))

    def _reported(self, report: RegSuccess, proxy: str) -> None:
        row = rows.of_proxy(report, proxy)
        known = self.registrations.known(row)
        happened = min(float(report.event_timestamp), self.node.clock.time() + CLOCKS_DIFFER)
        if known is not None and known["proxy"] == proxy and known["event_timestamp"] > happened:
            # A proxy's reports travel on several channels: one may overtake another.
            return
        if not rows.is_end(report):
            self._register(row, happened)
        elif rows.names_all(report):
            for each in self.registrations.of((row["realm"], row["username"])):
                if not each["switch"]:
                    self.registrations.remove(each)
        elif known is not None:
            self.registrations.remove(known)

    def _answer(self, query: RegQuery, asked: Received) -> None:
        if self.edge is None:
            return
        found = self.registrations.found(query.realm, query.username)
        age = self._age()
        if query.count_only:
            answer: Any = RegQueryResp(count=len(found), registrar_age=age)
        elif found:
            answer = RegQueryResp(fields=[rows.as_kazoo(row, query.fields) for row in found], registrar_age=age)
        else:
            answer = RegQueryError(registrar_age=age)
        self.cast(self.edge, Answer(answer, asked.envelope))

    def _flush(self, flush: RegFlush) -> int:
        """Forget registrations, here and where they are held."""
        if self.edge is not None:
            self.cast(self.edge, Publish(flush))
        if flush.cache_only:
            return 0
        for row in self.registrations.found(flush.realm, flush.username):
            self._flush_at_switch(row)
        return self._forget(flush, lambda row: True)

    def _flush_at_switch(self, row: Row) -> None:
        phone, switch = f"{row['username']}@{row['realm']}", row["switch"]
        if not switch or not _PHONE.fullmatch(phone) or not _INTERFACE.fullmatch(self.interface):
            return
        request = SwitchApi(f"sofia profile {self.interface} flush_inbound_reg {phone}")
        self.background(self.call(switch_name(switch), request, timeout=15.0), ("flush", switch))

    def _forget(self, flush: RegFlush, which: Callable[[Row], bool]) -> int:
        gone = [row for row in self.registrations.found(flush.realm, flush.username) if which(row)]
        for row in gone:
            self.registrations.remove(row)
        return len(gone)

    # A switch's own table

    def _read(self, switch: str) -> None:
        request = SwitchApi("show registrations as json")
        tag = ("read", switch, self.node.clock.time())
        self.background(self.call(switch_name(switch), request, timeout=15.0), tag)

    def _take(self, switch: str, begun: float, text: str) -> None:
        try:
            found = orjson.loads(text).get("rows", [])
        except (orjson.JSONDecodeError, AttributeError):
            found = None
        if not isinstance(found, list):
            self.log.warning("registrations_unreadable", switch=switch)
            return
        now = self.node.clock.time()
        listed = set()
        for each in found:
            if isinstance(each, dict) and each.get("reg_user") and each.get("realm"):
                row = rows.of_switch(rows.headers_of(each, now), switch)
                listed.add((row["realm"], row["username"]))
                self._register(row, now)
        # What it does not list is over, unless it came while we asked.
        self.registrations.keep(
            lambda row: (
                row["switch"] != switch or (row["realm"], row["username"]) in listed or row["event_timestamp"] >= begun
            )
        )

    def _sweep(self) -> None:
        now = self.node.clock.now()
        self.registrations.keep(lambda row: row["until"] > now)
