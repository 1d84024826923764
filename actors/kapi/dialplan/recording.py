"""Commands that record, and that send recordings to where they are kept."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from mirliton.actors.kapi._family import command, kapi
from mirliton.actors.kapi.dialplan._command import Command
from mirliton.actors.kapi.wire import Flag, Keys, Number, Seconds, TextSeconds, Vars


@command("record")
class Record(Command):
    """Record the caller, up to a terminator, a silence or `time_limit`."""

    media_name: str
    terminators: Keys | None = None
    time_limit: Seconds | None = None
    silence_threshold: Number | None = None
    """Energy below which it counts as silence."""
    silence_hits: Number | None = None
    """How much of it ends the recording."""


@command("record_call")
class RecordCall(Command):
    """Start, stop, or for a while blank (`mask`) the recording of the whole call."""

    record_action: Literal["start", "stop", "mask", "unmask"]
    media_name: str | None = None
    time_limit: Seconds | None = None
    record_min_sec: TextSeconds | None = None
    """A shorter recording is not kept."""
    record_sample_rate: int | None = None
    channels_as_stereo: Flag | None = None
    follow_transfer: Flag | None = None
    media_recorder: str | None = None
    media_recording_id: str | None = None
    media_recording_origin: str | None = None
    media_recording_endpoint_id: str | None = None
    media_transfer_method: str | None = None
    media_transfer_destination: str | None = None
    additional_headers: tuple[Vars, ...] = ()
    recording_variables: Vars = field(default_factory=dict)


@command("store")
class Store(Command):
    """Send a recording to where it is kept."""

    media_name: str
    media_transfer_method: Literal["stream", "put", "post"]
    media_transfer_destination: str
    additional_headers: tuple[str, ...] = ()
    suppress_error_report: bool | None = None


@command("store_vm")
class StoreVm(Command):
    """Send a voicemail to where it is kept."""

    media_name: str
    media_transfer_method: Literal["stream", "put", "post"]
    media_transfer_destination: str
    additional_headers: tuple[str, ...] = ()
    suppress_error_report: bool | None = None


@kapi(
    "dialplan.store_amqp_resp",
    "call",
    name="response",
    application="store",
    fixed={"Media-Transfer-Method": "stream"},
)
class StoreAmqpResp:
    """A piece of a recording, for whoever asked that it be streamed."""

    call_id: str
    media_name: str
    media_content: str
    """In base64."""
    media_sequence_id: str | None = None


@kapi("dialplan.store_http_resp", "call", name="response", application="store")
class StoreHttpResp:
    """A recording was sent to where it is kept, or could not be."""

    call_id: str
    media_name: str
    media_transfer_method: Literal["put", "post"]
    media_transfer_results: Vars
    """The headers of the answer, and its `StatusCode`."""
