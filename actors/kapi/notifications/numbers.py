"""Telephone numbers, and their way to another carrier."""

from __future__ import annotations

from dataclasses import dataclass, field

from mirliton.actors.kapi.notifications._mail import Mail, mail
from mirliton.actors.kapi.wire import Anything, Vars


@dataclass(frozen=True, slots=True)
class PortNews(Mail):
    """What is told of a port request."""

    account_id: str
    port_request_id: str
    authorized_by: str | None = None
    local_number: str | None = None
    number: str | None = None
    number_state: str | None = None
    port: Anything = None
    reason: Vars = field(default_factory=dict)
    version: str | None = None


@mail("cnam_request", "number.cnam_request")
class CnamRequest(Mail):
    """A number's name shall be changed."""

    account_id: str
    number: str
    cnam: str
    acquired_for: str | None = None
    local_number: str | None = None
    number_state: str | None = None
    request: Anything = None


@mail("port_request", "number.port_request")
class PortRequest(PortNews):
    """A number shall be ported."""


@mail("port_cancel", "number.port_cancel")
class PortCancel(PortNews):
    """The port was called off."""


@mail("port_comment", "number.port_comment")
class PortComment(Mail):
    """Somebody has commented on the port."""

    account_id: str
    comment: str
    port_request_id: str
    authorized_by: str | None = None
    local_number: str | None = None
    number: str | None = None
    number_state: str | None = None
    port: Anything = None
    version: str | None = None


@mail("port_pending", "number.port_pending")
class PortPending(PortNews):
    """The port was handed in."""


@mail("port_rejected", "number.port_rejected")
class PortRejected(PortNews):
    """The port was refused."""


@mail("port_scheduled", "number.port_scheduled")
class PortScheduled(PortNews):
    """The port has a date."""


@mail("port_unconfirmed", "number.port_unconfirmed")
class PortUnconfirmed(PortNews):
    """The port waits to be confirmed."""


@mail("ported", "number.ported")
class Ported(PortNews):
    """The number is ported."""
