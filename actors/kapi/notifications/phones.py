"""Phones and their calls."""

from __future__ import annotations

from mirliton.actors.kapi.notifications._mail import Mail, mail
from mirliton.actors.kapi.wire import Anything, Flag, Gregorian, Number, TextSeconds


@mail("denied_emergency_bridge", "registration.denied_emergency_bridge")
class DeniedEmergencyBridge(Mail):
    """An emergency call was not let through."""

    account_id: str
    call_id: str
    emergency_caller_id_name: str | None = None
    emergency_caller_id_number: str | None = None
    outbound_caller_id_name: str | None = None
    outbound_caller_id_number: str | None = None


@mail("emergency_bridge", "registration.emergency_bridge")
class EmergencyBridge(Mail):
    """An emergency call was made."""

    account_id: str
    call_id: str
    account_name: str | None = None
    authorizing_id: str | None = None
    device_name: str | None = None
    emergency_to_did: str | None = None
    emergency_test_call: Flag | None = None
    emergency_caller_id_name: str | None = None
    emergency_caller_id_number: str | None = None
    emergency_address_street_1: str | None = None
    emergency_address_street_2: str | None = None
    emergency_address_city: str | None = None
    emergency_address_region: str | None = None
    emergency_address_postal_code: str | None = None
    emergency_address_latitude: str | None = None
    emergency_address_longitude: str | None = None
    emergency_notfication_contact_emails: Anything = None
    outbound_caller_id_name: str | None = None
    outbound_caller_id_number: str | None = None
    owner_id: str | None = None
    user_first_name: str | None = None
    user_last_name: str | None = None
    user_email: str | None = None


@mail("deregister", "sip.deregister")
class Deregister(Mail):
    """A phone is gone."""

    account_id: str
    realm: str
    username: str
    authorizing_id: str | None = None
    call_id: str | None = None
    contact: str | None = None
    event_timestamp: Number | None = None
    expires: TextSeconds | None = None
    freeswitch_hostname: str | None = None
    from_host: str | None = None
    from_user: str | None = None
    network_ip: str | None = None
    network_port: str | None = None
    presence_hosts: str | None = None
    profile_name: str | None = None
    rpid: str | None = None
    status: str | None = None
    suppress_unregister_notify: Flag | None = None
    to_host: str | None = None
    to_user: str | None = None
    user_agent: str | None = None


@mail("missed_call", "sip.missed_call")
class MissedCall(Mail):
    """A call was not taken."""

    account_id: str
    call_bridged: Flag
    call_id: str
    message_left: int
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    from_realm: str | None = None
    from_user: str | None = None
    notify: Anything = None
    timestamp: Gregorian | None = None
    to_realm: str | None = None
    to_user: str | None = None


@mail("register", "sip.register")
class Register(Mail):
    """A phone has registered."""

    account_id: str
    realm: str
    username: str
    authorizing_id: str | None = None
    authorizing_type: str | None = None
    call_id: str | None = None
    contact: str | None = None
    event_timestamp: Number | None = None
    expires: TextSeconds | None = None
    from_host: str | None = None
    from_user: str | None = None
    network_ip: str | None = None
    network_port: str | None = None
    owner_id: str | None = None
    suppress_unregister_notify: Flag | None = None
    to_host: str | None = None
    to_user: str | None = None
    user_agent: str | None = None
