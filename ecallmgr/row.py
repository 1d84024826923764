"""One row of the channel table."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from mirliton.actors.kapi.call import CallEvent, ChannelDestroyed
from mirliton.actors.kapi.cdr import CdrReport

_LEG_FIELDS: Final = frozenset(field.name for field in fields(CallEvent))
_REPORT_FIELDS: Final = frozenset(field.name for field in fields(CdrReport))


@dataclass(slots=True)
class Row:
    """What the table knows of a leg. `leg` is the latest description of it (any kapi call event)."""

    switch: str
    leg: Any
    answered: bool = False
    other_leg: str | None = None
    on_hold: bool = False
    reachable: bool = True
    ended: bool = False
    provisional: bool = False
    """Its end was inferred, so that a record from the switch itself knows better."""
    report: CdrReport | None = None

    @property
    def uuid(self) -> str:
        return str(self.leg.call_id)

    @property
    def account_id(self) -> str | None:
        found = self.leg.custom_channel_vars.get("Account-ID")
        return str(found) if found else None

    @property
    def controlled(self) -> bool:
        """Whether somebody has to decide where this leg goes: it came in from outside."""
        return self.leg.call_direction == "inbound" and not self.leg.channel_is_loopback

    def learn(self, leg: Any) -> None:
        """A later event says more, or the same again."""
        self.leg = leg

    def fields(self) -> dict[str, Any]:
        """The leg as the fields of a call event."""
        return {name: getattr(self.leg, name) for name in _LEG_FIELDS if name not in ("hangup_cause", "msg_id")}

    def report_of(self, event: ChannelDestroyed) -> CdrReport:
        """The record of the leg from its last event."""
        known = {name: getattr(event, name) for name in _LEG_FIELDS & _REPORT_FIELDS}
        ccvs = dict(known.pop("custom_channel_vars"))
        interaction = ccvs.get("Call-Interaction-ID")
        return CdrReport(
            **known,
            custom_channel_vars=ccvs,
            account_id=str(ccvs.get("Account-ID", "")),
            call_interaction={"Id": interaction} if interaction else {},
            extended_data={"Provisional": True} if self.provisional else None,
        )

    def as_channel(self) -> dict[str, Any]:
        """The row as Kazoo's channel queries show it."""
        leg = self.leg
        ccvs = leg.custom_channel_vars
        return {
            "uuid": leg.call_id,
            "account_id": ccvs.get("Account-ID"),
            "answered": self.answered,
            "authorizing_id": ccvs.get("Authorizing-ID"),
            "authorizing_type": ccvs.get("Authorizing-Type"),
            "bridge_id": ccvs.get("Bridge-ID"),
            "callee_id_name": leg.callee_id_name,
            "callee_id_number": leg.callee_id_number,
            "callflow_id": ccvs.get("CallFlow-ID"),
            "caller_id_name": leg.caller_id_name,
            "caller_id_number": leg.caller_id_number,
            "destination": leg.caller_destination_number,
            "direction": leg.call_direction,
            "from": leg.from_,
            "interaction_id": leg.interaction_id,
            "is_onhold": self.on_hold,
            "node": self.switch,
            "other_leg": self.other_leg,
            "owner_id": ccvs.get("Owner-ID"),
            "presence_id": leg.presence_id,
            "realm": ccvs.get("Realm"),
            "timestamp": leg.timestamp,
            "to": leg.to,
            "username": ccvs.get("Username"),
        }
