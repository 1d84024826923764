"""What an action wants of the endpoints that it rings. Kazoo: the properties that kz_endpoint is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mirliton.whapps.callflow.fields import flag, mapping, text
from mirliton.whapps.callflow.script import Data


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an action wants of the endpoints that it rings. Durations in seconds."""

    timeout: float | None = None
    delay: float | None = None
    may_be_self: bool = False
    direct: bool = True
    """Whether the phone itself was called, and not a group that it is in."""
    show_caller: bool = True
    static_invite: str | None = None
    """The user part that the phone is invited by, instead of its username."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """SIP headers of the action's own."""
    ringtones: Mapping[str, str] = field(default_factory=dict)
    """`internal` and `external`, before those of the device."""


def wishes_of(data: Data, *, timeout: float | None = None, delay: float | None = None) -> Wishes:
    """What the data of `user` and `device` say."""
    headers = mapping(data, "custom_sip_headers")
    return Wishes(
        timeout=timeout,
        delay=delay,
        may_be_self=bool(data.get("can_call_self")),
        show_caller=not flag(data, "suppress_clid", False),
        static_invite=text(data, "static_invite"),
        headers={name: value for name, value in headers.items() if isinstance(value, str)},
    )
