"""Finding a conference, and getting into it."""

from __future__ import annotations

from dataclasses import field

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything, Flag, Gregorian, Number, ReplyTo, Vars


@kapi(
    "conference.search_req",
    "conference",
    "conference",
    "conference.discovery",
    one_of=(("Conference-ID", "Account-ID"),),
)
class SearchReq:
    """Where is this conference? Or: which has this account?"""

    conference_id: str | None = None
    account_id: str | None = None


@kapi("conference.search_resp", "conference", one_of=(("Conferences", "Conference-ID"),))
class SearchResp:
    """It is here; or these are."""

    conferences: Anything = None
    conference_id: str | None = None
    answered: Flag | None = None
    dynamic: Flag | None = None
    locked: Flag | None = None
    participant_count: Number | None = None
    participants: Anything = None
    run_time: int | None = None
    running: Flag | None = None
    start_time: int | None = None
    switch_external_ip: str | None = None
    switch_hostname: str | None = None
    switch_url: str | None = None
    uuid: str | None = None


@kapi("conference.discovery_req", "conference", "conference", "conference.discovery")
class DiscoveryReq:
    """A caller wants into a conference."""

    call: Vars
    conference_doc: Anything = None
    conference_id: str | None = None
    conference_name: str | None = None
    moderator: bool | None = None
    play_entry_tone: Flag | None = None
    play_exit_tone: Flag | None = None
    play_welcome: bool | None = None
    play_welcome_media: str | None = None


@kapi("conference.discovery_resp", "conference")
class DiscoveryResp:
    """The caller is in, under this number."""

    participant_id: str
    conference_id: str | None = None


@kapi("conference.add_participant", "conference")
class AddParticipant:
    """Take in this leg, which is on another switch: to the queue of the one that has the conference."""

    call_id: str
    conference_id: str
    control_queue: ReplyTo
    account_id: str | None = None
    answered: Flag | None = None
    authorizing_id: str | None = None
    authorizing_type: str | None = None
    bridge_id: str | None = None
    call_direction: str | None = None
    callee_id_name: str | None = None
    callee_id_number: str | None = None
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    channel_authorized: Flag | None = None
    channel_call_state: str | None = None
    channel_created_time: int | None = None
    channel_is_loopback: Flag | None = None
    channel_loopback_bowout: Flag | None = None
    channel_loopback_bowout_execute: Flag | None = None
    channel_loopback_leg: str | None = None
    channel_loopback_other_leg_id: str | None = None
    channel_moving: Flag | None = None
    channel_name: str | None = None
    channel_state: str | None = None
    custom_application_vars: Vars = field(default_factory=dict)
    custom_channel_vars: Vars = field(default_factory=dict)
    custom_sip_headers: Vars = field(default_factory=dict)
    destination: str | None = None
    disposition: str | None = None
    ecallmgr_node: str | None = None
    from_: str | None = None
    from_tag: str | None = None
    hangup_cause: str | None = None
    hangup_code: str | None = None
    is_loopback: Flag | None = None
    is_on_hold: Flag | None = None
    media_node: str | None = None
    media_server: str | None = None
    msg_id: str | None = None
    node: str | None = None
    origination_call_id: str | None = None
    other_leg_call_id: str | None = None
    other_leg_caller_id_name: str | None = None
    other_leg_caller_id_number: str | None = None
    other_leg_destination_number: str | None = None
    other_leg_direction: str | None = None
    participant_flags: Anything = None
    profile_name: str | None = None
    presence_id: str | None = None
    raw_application_data: str | None = None
    raw_application_name: str | None = None
    realm: str | None = None
    replaced_by: str | None = None
    request: str | None = None
    switch_hostname: str | None = None
    switch_nodename: str | None = None
    switch_uri: str | None = None
    switch_url: str | None = None
    timestamp: Gregorian | None = None
    to: str | None = None
    to_tag: str | None = None
    transfer_history: Anything = None
    username: str | None = None


@kapi("conference.config_req", "conference", "conference", "conference.config.{profile}")
class ConfigReq:
    """What does this profile say?"""

    request: str
    profile: str
    call_id: str | None = None
    conference_id: str | None = None
    controls: Anything = None


@kapi("conference.config_resp", "conference", one_of=(("Profiles", "Caller-Controls"),))
class ConfigResp:
    """This."""

    profiles: Anything = None
    caller_controls: Anything = None
    advertise: Anything = None
    chat_permissions: Anything = None
