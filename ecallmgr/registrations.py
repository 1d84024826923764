"""Where phones are registered, as the switches tell it (`sofia::register` and its siblings).

The switch's own table is the truth: after a restart, and whenever a switch comes back, it is read anew. Kazoo:
ecallmgr_registrar, which learns the same from Kamailio.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from mirliton.actors.kapi.registration import RegQuery, RegQueryResp
from mirliton.actors.switching import SwitchApi, SwitchDown, SwitchUp, switch_name
from mirliton.runtime import Completed, Continue, From, GenServer, Name, NoReply, Reply, TimerFired, message

REGISTRAR: Final = Name("service", "registrar")
EXPIRES_DEVIATION: Final = 180.0
"""How much longer a registration is believed than it asked for (Kazoo: expires_deviation_time)."""
SWEEP_EVERY: Final = 30.0
DEFAULT_EXPIRES: Final = 3600.0
MAX_REGISTRATIONS: Final = 200_000
"""More than this are not kept: a flood of registrations must not take the node's memory."""


@message("registrar.event")
class RegistrationEvent:
    """A CUSTOM event of a switch; those that are not about registrations are ignored."""

    switch: str
    subclass: str
    headers: dict[str, str]


class Registrar(GenServer):
    """The registrations of all switches, under REGISTRAR."""

    mailbox_limit = 50_000
    mailbox_overflow = "drop_oldest"

    def init(self, switches: tuple[str, ...] = ()) -> NoReply:
        self.switches = switches
        self.registrations: dict[tuple[str, str], dict[str, Any]] = {}
        self.refused = 0
        self.started = self.node.clock.now()
        self.start_timer(SWEEP_EVERY, "sweep")
        return NoReply(then=Continue())

    def handle_continue(self, argument: Any) -> None:
        for switch in self.switches:
            self._read(switch)

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case RegQuery():
                found = self._found(request)
                age = self.node.clock.now() - self.started
                if request.count_only:
                    return Reply(RegQueryResp(count=len(found), registrar_age=age))
                return Reply(RegQueryResp(fields=found, count=len(found), registrar_age=age))
        return super().handle_call(request, sender)

    def handle_info(self, message: Any) -> None:
        match message:
            case RegistrationEvent(subclass="sofia::register"):
                self._register(message.headers, message.switch)
            case RegistrationEvent(subclass="sofia::unregister" | "sofia::expire"):
                self.registrations.pop(_key(message.headers), None)
            case RegistrationEvent():
                pass
            case SwitchUp(switch=switch):
                self._read(switch)
            case SwitchDown():
                pass
            case Completed(tag=("read", switch), value=str() as text, error=None):
                self._take(switch, text)
            case Completed(tag=("read", switch), error=error):
                self.log.info("registrations_unread", switch=switch, error=str(error))
            case TimerFired(message="sweep"):
                self._sweep()
                self.start_timer(SWEEP_EVERY, "sweep")
            case _:
                super().handle_info(message)

    def _found(self, query: RegQuery) -> list[dict[str, Any]]:
        return [
            dict(registration)
            for (realm, username), registration in self.registrations.items()
            if (query.realm in (None, realm)) and (query.username in (None, username))
        ]

    def _register(self, headers: dict[str, str], switch: str) -> None:
        key = _key(headers)
        if key not in self.registrations and len(self.registrations) >= MAX_REGISTRATIONS:
            self.refused += 1
            return
        expires = _number(headers.get("expires", ""), DEFAULT_EXPIRES)
        self.registrations[key] = {
            "realm": key[0],
            "username": key[1],
            "contact": headers.get("contact", ""),
            "call_id": headers.get("call-id", ""),
            "user_agent": headers.get("user-agent", ""),
            "source_ip": headers.get("network-ip", ""),
            "source_port": headers.get("network-port", ""),
            "status": headers.get("status", ""),
            "expires": expires,
            "event_timestamp": self.node.clock.time(),
            "switch": switch,
            "until": self.node.clock.now() + expires + EXPIRES_DEVIATION,
        }

    def _read(self, switch: str) -> None:
        request = SwitchApi("show registrations as json")
        self.background(self.call(switch_name(switch), request, timeout=15.0), ("read", switch))

    def _take(self, switch: str, text: str) -> None:
        try:
            rows = orjson.loads(text).get("rows", [])
        except (orjson.JSONDecodeError, AttributeError):
            self.log.warning("registrations_unreadable", switch=switch)
            return
        for row in rows:
            if isinstance(row, dict) and row.get("reg_user") and row.get("realm"):
                left = _number(str(row.get("expires", "")), 0.0) - self.node.clock.time()
                self._register(
                    {
                        "username": str(row["reg_user"]),
                        "realm": str(row["realm"]),
                        "contact": str(row.get("url", "")),
                        "call-id": str(row.get("token", "")),
                        "network-ip": str(row.get("network_ip", "")),
                        "network-port": str(row.get("network_port", "")),
                        "expires": str(max(1, int(left))),
                    },
                    switch,
                )

    def _sweep(self) -> None:
        now = self.node.clock.now()
        self.registrations = {
            key: registration for key, registration in self.registrations.items() if registration["until"] > now
        }


def _key(headers: dict[str, str]) -> tuple[str, str]:
    realm = headers.get("realm") or headers.get("from-host") or headers.get("host", "")
    user = headers.get("username") or headers.get("from-user") or headers.get("user", "")
    return realm.lower(), user.lower()


def _number(text: str, default: float) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 12 else default
