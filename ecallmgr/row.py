"""One row of the channel table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from mirliton.actors.allotments import CHANNEL_VAR
from mirliton.actors.kapi.call import ChannelDestroyed, DtmfReceived
from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.money import RATE_VARS
from mirliton.actors.switching import LOOPED_ACCOUNT
from mirliton.ecallmgr.leg_record import interaction
from mirliton.ecallmgr.mapping import GREGORIAN_EPOCH, leg_fields

_DESCRIBING: Final = frozenset(leg_fields({}))
"""What describes a leg, whatever happens to it."""
_REPORT_FIELDS: Final = frozenset(field.name for field in fields(CdrReport))


@dataclass(slots=True)
class Row:
    """What the table knows of a leg. `leg` is its latest description (any kapi call event), `run` its switch's run."""

    switch: str
    leg: Any
    run: str = ""
    answered: bool = False
    answered_at: int | None = None
    """Gregorian seconds, by the switch's clock."""
    other_leg: str | None = None
    on_hold: bool = False
    admitted: bool = False
    """Whether its account counts it. A call that has a checkpoint has been admitted before."""
    billing: Mapping[str, str] = field(default_factory=dict)
    """Who pays for its call's legs to and from carriers, by direction."""
    reachable: bool = True
    ended: bool = False
    report: CdrReport | None = None
    """Once it has ended: the record that is to be stored."""
    pause: float = 0.0
    """Seconds before that was tried again last."""

    @property
    def uuid(self) -> str:
        return str(self.leg.call_id)

    @property
    def account_id(self) -> str | None:
        found = self.leg.custom_channel_vars.get("Account-ID")
        return str(found) if found else None

    @property
    def controlled(self) -> bool:
        """Whether somebody has to decide where this leg goes: it came in from outside, or it is the far end of a leg
        of the switch's own by which a call goes on (one that is forwarded, say)."""
        return is_controlled(self.leg)

    @property
    def provisional(self) -> bool:
        """Whether its end was inferred, so that a record from the switch itself knows better."""
        return self.report is not None and self.report.extended_data is not None

    def learn(self, leg: Any, run: str = "") -> None:
        """A later event says more, or the same again."""
        if isinstance(leg, DtmfReceived):
            return  # the one event that comes without the leg's variables
        # What was noted on the channel a moment ago may not be in an event that was made before.
        missing = self.leg.custom_channel_vars.keys() - leg.custom_channel_vars.keys()
        known = self.leg.custom_channel_vars
        self.leg = leg
        self.run = run or self.run
        if missing:
            self.own({name: known[name] for name in missing})

    def own(self, channel_vars: Mapping[str, Any]) -> None:
        """These Custom-Channel-Vars hold for the leg, too."""
        self.leg = replace(self.leg, custom_channel_vars={**self.leg.custom_channel_vars, **channel_vars})

    def vanished(self, cause: str, now: float) -> tuple[ChannelDestroyed, CdrReport]:
        """The end of a leg of which nobody was told, as an event and as a record; both inferred, at unix time `now`."""
        known = {name: getattr(self.leg, name) for name in _DESCRIBING}
        created = self.leg.channel_created_time
        ended = int(now) + GREGORIAN_EPOCH
        billed = max(0, ended - self.answered_at) if self.answered_at else None
        known |= {
            "timestamp": ended,
            "channel_state": "DESTROY",
            "channel_call_state": "HANGUP",
            "channel_answer_state": "hangup",
            "hangup_cause": cause,
            "duration_seconds": max(0, int(now - created / 1_000_000)) if created else None,
            "billing_seconds": billed if self.answered else 0,
        }
        event = ChannelDestroyed(**known)
        shared = {name: known[name] for name in known.keys() & _REPORT_FIELDS}
        channel_vars = shared["custom_channel_vars"]
        report = CdrReport(
            **shared,
            account_id=str(channel_vars.get("Account-ID") or ""),
            call_interaction=interaction(str(channel_vars.get("Call-Interaction-ID") or "")),
            extended_data={"Provisional": True},
        )
        return event, report

    def as_channel(self) -> dict[str, Any]:
        """The row as Kazoo's channel queries show it."""
        leg = self.leg
        ccvs = leg.custom_channel_vars
        created = leg.channel_created_time
        return {
            "uuid": leg.call_id,
            "account_id": ccvs.get("Account-ID"),
            "account_billing": ccvs.get("Account-Billing") or self.billing.get(str(leg.call_direction)),
            "billing": dict(self.billing),
            "allotment": ccvs.get(CHANNEL_VAR),
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
            "from_tag": leg.from_tag,
            "interaction_id": leg.interaction_id,
            "is_authorized": self.admitted,
            "is_loopback": bool(leg.channel_is_loopback),
            "is_onhold": self.on_hold,
            "node": self.switch,
            "other_leg": self.other_leg,
            "owner_id": ccvs.get("Owner-ID"),
            "presence_id": leg.presence_id,
            "rate": {name: ccvs[name] for name in RATE_VARS if name in ccvs},
            "realm": ccvs.get("Realm"),
            "resource_id": ccvs.get("Resource-ID"),
            "timestamp": created // 1_000_000 + GREGORIAN_EPOCH if created else leg.timestamp,
            "to": leg.to,
            "to_tag": leg.to_tag,
            "username": ccvs.get("Username"),
        }


def is_controlled(leg: Any) -> bool:
    """Whether somebody has to decide where this leg (a kapi call event) goes."""
    if leg.call_direction != "inbound":
        return False
    return not leg.channel_is_loopback or LOOPED_ACCOUNT in leg.custom_channel_vars
