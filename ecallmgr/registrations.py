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
MAX_TEXT: Final = 1024
"""Characters that are kept of what a phone says."""
MAX_REGISTRATIONS: Final = 200_000
"""More than this are not kept: a flood of registrations must not take the node's memory."""

_FIELDS: Final = (
    ("contact", "contact"),
    ("call_id", "call-id"),
    ("user_agent", "user-agent"),
    ("source_ip", "network-ip"),
    ("source_port", "network-port"),
    ("status", "status"),
)
_COLUMNS: Final = (
    ("username", "reg_user"),
    ("realm", "realm"),
    ("contact", "url"),
    ("call-id", "token"),
    ("network-ip", "network_ip"),
    ("network-port", "network_port"),
)


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
                self._unregister(message.headers)
            case RegistrationEvent():
                pass
            case SwitchUp(switch=switch):
                self._read(switch)
            case SwitchDown():
                pass
            case Completed(tag=("read", switch, begun), value=str() as text, error=None):
                self._take(switch, begun, text)
            case Completed(tag=("read", switch, _), value=value, error=error):
                self.log.info("registrations_unread", switch=switch, error=str(error or value))
            case TimerFired(message="sweep"):
                self._sweep()
                self.start_timer(SWEEP_EVERY, "sweep")
            case _:
                super().handle_info(message)

    def _found(self, query: RegQuery) -> list[dict[str, Any]]:
        realm = query.realm.lower() if query.realm is not None else None
        username = query.username.lower() if query.username is not None else None
        if realm is not None and username is not None:
            found = self.registrations.get((realm, username))
            return [_chosen(found, query.fields)] if found is not None else []
        return [
            _chosen(registration, query.fields)
            for key, registration in self.registrations.items()
            if realm in (None, key[0]) and username in (None, key[1])
        ]

    def _register(self, headers: dict[str, str], switch: str) -> None:
        key = _key(headers)
        if not all(key):
            return
        if key not in self.registrations and len(self.registrations) >= MAX_REGISTRATIONS:
            self.refused += 1
            return
        expires = _number(headers.get("expires", ""), DEFAULT_EXPIRES)
        self.registrations[key] = {
            "realm": key[0],
            "username": key[1],
            **{field: headers.get(header, "")[:MAX_TEXT] for field, header in _FIELDS},
            "expires": expires,
            "event_timestamp": self.node.clock.time(),
            "switch": switch,
            "until": self.node.clock.now() + expires + EXPIRES_DEVIATION,
        }

    def _unregister(self, headers: dict[str, str]) -> None:
        known = self.registrations.get(_key(headers))
        # Another phone may have registered the same user since: a registration is known by its Call-ID.
        if known is not None and headers.get("call-id", "") in ("", known["call_id"]):
            del self.registrations[_key(headers)]

    # A switch's own table

    def _read(self, switch: str) -> None:
        request = SwitchApi("show registrations as json")
        tag = ("read", switch, self.node.clock.time())
        self.background(self.call(switch_name(switch), request, timeout=15.0), tag)

    def _take(self, switch: str, begun: float, text: str) -> None:
        try:
            rows = orjson.loads(text).get("rows", [])
        except (orjson.JSONDecodeError, AttributeError):
            rows = None
        if not isinstance(rows, list):
            self.log.warning("registrations_unreadable", switch=switch)
            return
        listed = set()
        for row in rows:
            if isinstance(row, dict) and row.get("reg_user") and row.get("realm"):
                headers = self._headers(row)
                listed.add(_key(headers))
                self._register(headers, switch)
        # What it does not list is over, unless it came while we asked.
        self.registrations = {
            key: registration
            for key, registration in self.registrations.items()
            if key in listed or registration["switch"] != switch or registration["event_timestamp"] >= begun
        }

    def _headers(self, row: dict[str, Any]) -> dict[str, str]:
        """A row of `show registrations` as the headers of an event."""
        left = _number(str(row.get("expires", "")), 0.0) - self.node.clock.time()
        named = {header: str(row.get(column) or "") for header, column in _COLUMNS}
        return {**named, "expires": str(max(1, int(left)))}

    def _sweep(self) -> None:
        now = self.node.clock.now()
        self.registrations = {
            key: registration for key, registration in self.registrations.items() if registration["until"] > now
        }


def _chosen(registration: dict[str, Any], fields: Any) -> dict[str, Any]:
    """All of a registration, or the fields that were asked for."""
    if not isinstance(fields, tuple | list) or not fields:
        return dict(registration)
    return {name: registration[name] for name in fields if isinstance(name, str) and name in registration}


def _key(headers: dict[str, str]) -> tuple[str, str]:
    realm = headers.get("realm") or headers.get("from-host") or headers.get("host", "")
    user = headers.get("username") or headers.get("from-user") or headers.get("user", "")
    return realm.lower(), user.lower()


def _number(text: str, default: float) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 12 else default
