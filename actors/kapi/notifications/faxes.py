"""Faxes that came, went, or did not."""

from __future__ import annotations

from typing import Annotated

from mirliton.actors.kapi.notifications._mail import Mail, mail
from mirliton.actors.kapi.wire import Anything, Gregorian, Header


@mail("inbound_fax", "fax.inbound")
class InboundFax(Mail):
    """A fax has come."""

    account_id: str
    fax_id: str
    from_realm: str
    from_user: str
    to_realm: str
    to_user: str
    call_id: str | None = None
    callee_id_name: str | None = None
    callee_id_number: str | None = None
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    fax_info: Anything = None
    fax_notifications: Anything = None
    fax_timestamp: Gregorian | None = None
    faxbox_id: str | None = None
    owner_id: str | None = None


@mail("inbound_fax_error", "fax.inbound_error")
class InboundFaxError(Mail):
    """A fax could not be received."""

    account_id: str
    from_realm: str
    from_user: str
    to_realm: str
    to_user: str
    call_id: str | None = None
    callee_id_name: str | None = None
    callee_id_number: str | None = None
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    fax_error: str | None = None
    fax_info: Anything = None
    fax_id: str | None = None
    fax_notifications: Anything = None
    fax_timestamp: Gregorian | None = None
    faxbox_id: str | None = None
    owner_id: str | None = None


@mail("outbound_fax", "fax.outbound")
class OutboundFax(Mail):
    """A fax was sent."""

    account_id: str
    callee_id_number: str
    caller_id_number: str
    fax_id: str
    fax_jobid: Annotated[str, Header("Fax-JobId")]
    call_id: str | None = None
    callee_id_name: str | None = None
    caller_id_name: str | None = None
    fax_info: Anything = None
    fax_notifications: Anything = None
    fax_timestamp: Gregorian | None = None
    faxbox_id: str | None = None


@mail("outbound_fax_error", "fax.outbound_error")
class OutboundFaxError(Mail):
    """A fax could not be sent."""

    fax_id: str
    fax_jobid: Annotated[str, Header("Fax-JobId")]
    call_id: str | None = None
    callee_id_name: str | None = None
    callee_id_number: str | None = None
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    fax_error: str | None = None
    fax_info: Anything = None
    fax_notifications: Anything = None
    fax_timestamp: Gregorian | None = None
    faxbox_id: str | None = None


@mail("outbound_smtp_fax_error", "fax.outbound_smtp_error")
class OutboundSmtpFaxError(Mail):
    """A mail could not become a fax."""

    account_id: str
    fax_from_email: str
    errors: Anything
    timestamp: Gregorian
    fax_to_email: str | None = None
    faxbox_id: str | None = None
    faxbox_name: str | None = None
    faxbox_timezone: str | None = None
    number: str | None = None
    owner_id: str | None = None
    original_number: str | None = None
