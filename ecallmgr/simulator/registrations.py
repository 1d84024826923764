"""Registrations: the table of contacts, and the events of REGISTER requests."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirliton.ecallmgr.simulator.clock import Timer
from mirliton.ecallmgr.simulator.events import Value
from mirliton.ecallmgr.simulator.phones import Phone

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

NOT_REGISTERED = "error/user_not_registered"
PROFILE = "internal"
GRACE = 60  # seconds the switch keeps a registration beyond what the phone asked for


@dataclass
class Registration:
    """One contact of a user; `expires` is the simulated wall clock in seconds."""

    user: str
    realm: str
    contact: str  # host:port
    call_id: str
    expires: int
    user_agent: str
    timer: Timer

    @property
    def uri(self) -> str:
        """The contact as a SIP URI."""
        return f"sip:{self.user}@{self.contact}"

    @property
    def host(self) -> str:
        """The host part of the contact."""
        return self.contact.partition(":")[0]

    @property
    def port(self) -> str:
        """The port of the contact."""
        return self.contact.partition(":")[2] or "5060"


class Registrations:
    """Who is registered where. Survives a restart of the switch, which keeps its table on disk."""

    def __init__(self, switch: SimulatedSwitch) -> None:
        self._switch = switch
        self._table: dict[tuple[str, str, str], Registration] = {}

    def all(self) -> list[Registration]:
        """Every registration, oldest first."""
        return list(self._table.values())

    def of(self, user: str, realm: str) -> list[Registration]:
        """The registrations of one user; an empty realm or `*` means any."""
        return [one for one in self._table.values() if one.user == user and (realm in ("", "*") or one.realm == realm)]

    def contact(self, user: str, realm: str) -> str:
        """What `sofia_contact` answers: dial strings, or an error that is dialled as a cause."""
        found = self.of(user, realm)
        return ",".join(f"sofia/{PROFILE}/{one.uri}" for one in found) or NOT_REGISTERED

    def register(
        self,
        phone: Phone,
        *,
        expires: int = 3600,
        call_id: str | None = None,
        password_ok: bool = True,
    ) -> bool:
        """A REGISTER from a phone (`expires=0` unregisters); False when its password is wrong."""
        call_id = call_id or f"{self._switch.new_uuid()}@{phone.contact.partition(':')[0]}"
        host, _, port = phone.contact.partition(":")
        base: dict[str, Value] = {
            "profile-name": PROFILE,
            "from-user": phone.user,
            "from-host": phone.realm,
            "contact": f'"" <sip:{phone.user}@{phone.contact}>',
            "call-id": call_id,
            "rpid": "unknown",
            "status": "Registered(UDP)",
            "expires": str(expires),
            "to-user": phone.user,
            "to-host": phone.realm,
            "network-ip": host,
            "network-port": port,
            "user-agent": phone.user_agent,
        }
        who: dict[str, Value] = {"username": phone.user, "realm": phone.realm}
        self._fire("pre_register", base)
        result = "RENEWED" if password_ok else "FORBIDDEN"
        self._fire("register_attempt", {**base, **who, "auth-result": result})
        if not password_ok:
            kept = ("profile-name", "to-user", "to-host", "network-ip", "network-port", "user-agent")
            self._fire("register_failure", {**{name: base[name] for name in kept}, "registration-type": "REGISTER"})
            return False
        directory = _directory(phone)
        if expires == 0:
            for one in self.of(phone.user, phone.realm):
                self._drop(one)
            self._presence(phone, "unknown", {"presence-source": "register", "user-agent": phone.user_agent})
            gone = {name: value for name, value in base.items() if name not in ("status", "to-user", "to-host")}
            self._fire("unregister", {**gone, **who, **directory})
            return True
        self._keep(phone, call_id, expires)
        self._fire("register", {**base, **who, "presence-hosts": "n/a", **directory})
        return True

    def unregister(self, phone: Phone) -> None:
        """A REGISTER with expiry 0."""
        self.register(phone, expires=0)

    def flush(self, text: str) -> int:
        """`flush_inbound_reg`: drop what matches a call id, `user@realm`, or everything; how many."""
        user, at, realm = text.partition("@")
        doomed = [
            one
            for one in self._table.values()
            if not text or one.call_id == text or (at and one.user == user and one.realm == realm)
        ]
        for one in doomed:
            self._expire(one)
        return len(doomed)

    def close(self) -> None:
        """Stop the expiry timers."""
        for one in self._table.values():
            one.timer.cancel()

    def _keep(self, phone: Phone, call_id: str, expires: int) -> None:
        key = (phone.user, phone.realm, phone.contact)
        old = self._table.pop(key, None)
        if old is not None:
            old.timer.cancel()
        kept = expires + GRACE
        timer = self._switch.clock.call_later(kept, lambda: self._expire(self._table[key]))
        until = self._switch.clock.micros() // 1_000_000 + kept
        self._table[key] = Registration(phone.user, phone.realm, phone.contact, call_id, until, phone.user_agent, timer)

    def _drop(self, one: Registration) -> None:
        one.timer.cancel()
        self._table.pop((one.user, one.realm, one.contact), None)

    def _expire(self, one: Registration) -> None:
        self._drop(one)
        self._fire(
            "expire",
            {
                "profile-name": PROFILE,
                "call-id": one.call_id,
                "user": one.user,
                "username": one.user,
                "host": one.realm,
                "contact": f'"" <sip:{one.user}@{one.contact}>',
                "expires": str(one.expires),
                "user-agent": one.user_agent,
                "realm": one.realm,
                "network-ip": one.host,
                "network-port": one.port,
            },
        )
        self._presence(one, "away", {"user-agent": "Registered(UDP)"})

    def _fire(self, subclass: str, headers: Mapping[str, Value]) -> None:
        self._switch.bus.fire("CUSTOM", headers, subclass=f"sofia::{subclass}")

    def _presence(self, one: Registration | Phone, rpid: str, extra: Mapping[str, Value]) -> None:
        headers: dict[str, Value] = {
            "proto": "sip",
            "login": "sip:mod_sofia@127.0.0.1:5080",
            "rpid": rpid,
            "from": f"{one.user}@{one.realm}",
            "status": "Unregistered",
            "event_type": "presence",
            **extra,
        }
        self._switch.bus.fire("PRESENCE_IN", headers)

    def status_text(self) -> str:
        """What `sofia status profile internal reg` prints."""
        rule = "=" * 97
        lines = ["", "Registrations:", rule]
        for one in self._table.values():
            left = one.expires - self._switch.clock.micros() // 1_000_000
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.expires))
            lines += [
                f"Call-ID:    \t{one.call_id}",
                f"User:       \t{one.user}@{one.realm}",
                f'Contact:    \t"" <sip:{one.user}@{one.contact}>',
                f"Agent:      \t{one.user_agent}",
                f"Status:     \tRegistered(UDP)(unknown) EXP({stamp}) EXPSECS({left})",
                "Ping-Status:\tReachable",
                "Ping-Time:\t0.00",
                f"Host:       \t{self._switch.name}",
                f"IP:         \t{one.host}",
                f"Port:       \t{one.port}",
                f"Auth-User:  \t{one.user}",
                f"Auth-Realm: \t{one.realm}",
                "MWI-Account:\t" + f"{one.user}@{one.realm}",
                "",
            ]
        lines += [f"Total items returned: {len(self._table)}", rule, ""]
        return "\n".join(lines)


def _directory(phone: Phone) -> dict[str, Value]:
    """What the directory entry of a user adds to its registration events."""
    return {
        "sip_number_alias": phone.user,
        "sip_auth_username": phone.user,
        "sip_auth_realm": phone.realm,
        "number_alias": phone.user,
        "user_name": phone.user,
        "domain_name": phone.realm,
        **phone.variables,
    }
