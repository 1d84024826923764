"""Commands to a call: sent to its control queue, done one after the other. Kazoo: kapi_dialplan.

Every command has:

`call_id`    the leg that it is for.
`insert_at`  where it goes in the queue: to its `tail`, its `head`, alone into a queue that is emptied first
             (`flush`), or past the queue (`now`).
`msg_id`     the sender's name for it; what reports its end bears the same. At the edge one is made if there is none.

Of those that play something, `terminators` are the keys that end it: None leaves the switch's, () lets none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from mirliton.actors.kapi._family import command, definition_for, definition_of, kapi, part
from mirliton.actors.kapi.endpoint import Endpoint as Endpoint
from mirliton.actors.kapi.endpoint import Peer
from mirliton.actors.kapi.errors import KapiError
from mirliton.actors.kapi.wire import (
    Anything,
    Array,
    Edge,
    Flag,
    Header,
    Json,
    Keys,
    Number,
    Positive,
    Required,
    Seconds,
    Secret,
    TextMillis,
    TextSeconds,
    Vars,
    Wire,
    is_text,
)

InsertAt = Literal["head", "tail", "flush", "now"]
Leg = Literal["A", "B", "Both"]
BLegEvent = Literal[
    "CALL_SECURE",
    "CALL_UPDATE",
    "CHANNEL_ANSWER",
    "CHANNEL_BRIDGE",
    "CHANNEL_CREATE",
    "CHANNEL_DESTROY",
    "CHANNEL_EXECUTE",
    "CHANNEL_EXECUTE_COMPLETE",
    "CHANNEL_EXECUTE_ERROR",
    "CHANNEL_FAX_STATUS",
    "CHANNEL_HOLD",
    "CHANNEL_INTERCEPTED",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_REPLACED",
    "CHANNEL_TRANSFEREE",
    "CHANNEL_TRANSFEROR",
    "CHANNEL_UNBRIDGE",
    "CHANNEL_UNHOLD",
    "DETECTED_TONE",
    "DTMF",
    "LEG_CREATED",
    "LEG_DESTROYED",
    "RECORD_START",
    "RECORD_STOP",
    "dialplan",
]
"""Events of the other leg that the sender wants too."""


@command("answer")
class Answer:
    """Answer the call."""

    call_id: str
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("progress")
class Progress:
    """Send early media (183)."""

    call_id: str
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("ring")
class Ring:
    """Say that it rings (180)."""

    call_id: str
    ringback: str | None = None
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("play")
class Play:
    """Play a medium, to the end or to a terminator; on a bridged call to one `leg` or both."""

    call_id: str
    media_name: str
    terminators: Keys | None = None
    leg: Leg | None = None
    endless_playback: bool | None = None
    loop_count: Positive | None = None
    group_id: str | None = None
    """Commands of one group are dropped together."""
    format: str | None = None
    language: str | None = None
    voice: str | None = None
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("playstop")
class PlayStop:
    """Stop what plays, and all that the switch has queued behind it."""

    call_id: str
    insert_at: Literal["now"] = "now"
    msg_id: str | None = None


@command("break")
class Break:
    """Stop the application that runs."""

    call_id: str
    insert_at: Literal["now"] = "now"
    msg_id: str | None = None


@command("play_and_collect_digits")
class PlayAndCollectDigits:
    """Play a medium until digits come, and collect them; again, up to `media_tries` times, if they do not fit."""

    call_id: str
    media_name: str
    minimum_digits: Required[Number] = 1
    maximum_digits: Required[Number] = 1
    digits_regex: Required[str] = r"\d+"
    timeout: Required[TextMillis] = 5.0
    """How long to wait for each digit, in seconds."""
    terminators: Required[Keys] = ("#",)
    media_tries: Required[Number] = 3
    failed_media_name: str | None = None
    """Played after digits that do not fit."""
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("say")
class Say:
    """Say a number, a date and the like from recorded pieces."""

    call_id: str
    say_text: str
    type: Literal[
        "number",
        "items",
        "persons",
        "messages",
        "currency",
        "time_measurement",
        "current_date",
        "current_time",
        "current_date_time",
        "telephone_number",
        "telephone_extension",
        "url",
        "ip_address",
        "e-mail_address",
        "postal_address",
        "account_number",
        "name_spelled",
        "name_phonetic",
        "short_date_time",
    ]
    method: Required[Literal["none", "pronounced", "iterated", "counted"]] = "pronounced"
    language: Required[str] = "en"
    gender: Literal["masculine", "feminine", "neuter"] | None = None
    group_id: str | None = None
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("tts")
class Tts:
    """Speak a text with a synthetic voice."""

    call_id: str
    text: str
    voice: Literal["male", "female"] | None = None
    language: str | None = None
    engine: str | None = None
    terminators: Keys | None = None
    leg: str | None = None
    endless_playback: bool | None = None
    loop_count: Positive | None = None
    group_id: str | None = None
    conference_id: str | None = None
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@part("dialplan.tone")
class Tone:
    """One tone: these frequencies (Hz) at once, on and off for so many seconds, `repeat` times."""

    frequencies: tuple[Number, ...]
    duration_on: Annotated[TextMillis, Header("Duration-ON")]
    duration_off: Annotated[TextMillis, Header("Duration-OFF")]
    repeat: Number | None = None
    volume: Number | None = None


@command("tones")
class Tones:
    """Play tones, one after the other."""

    call_id: str
    tones: tuple[Tone, ...]
    terminators: Keys | None = None
    group_id: str | None = None
    conference_id: str | None = None
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("record")
class Record:
    """Record the caller, up to a terminator, a silence or `time_limit`."""

    call_id: str
    media_name: str
    terminators: Keys | None = None
    time_limit: Seconds | None = None
    silence_threshold: Number | None = None
    """Energy below which it counts as silence."""
    silence_hits: Number | None = None
    """How much of it ends the recording."""
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("record_call")
class RecordCall:
    """Start, stop, or for a while blank (`mask`) the recording of the whole call."""

    call_id: str
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
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("hold")
class Hold:
    """Play music on hold until another command comes."""

    call_id: str
    hold_media: str | None = None
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("park")
class Park:
    """Wait; after `timeout` hang up with `hangup_cause`."""

    call_id: str
    timeout: TextSeconds | None = None
    hangup_cause: str | None = None
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("sleep")
class Sleep:
    """Be silent for `time` seconds."""

    call_id: str
    time: TextMillis
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("set")
class Set:
    """Set variables: of this leg (channel), or of this and those it bridges to (call)."""

    call_id: str
    custom_channel_vars: Required[Vars] = field(default_factory=dict)
    custom_call_vars: Required[Vars] = field(default_factory=dict)
    custom_application_vars: Vars = field(default_factory=dict)
    export_all: bool | None = None
    """True: the channel's go to the other leg as well."""
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("set_terminators")
class SetTerminators:
    """Set the keys that end whatever is played from now on."""

    call_id: str
    terminators: Keys
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("send_dtmf")
class SendDtmf:
    """Send digits to the leg's party."""

    call_id: str
    dtmfs: Secret[str]
    duration: TextMillis | None = None
    """Of each digit, in seconds."""
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("recv_dtmf")
class RecvDtmf:
    """Take these digits as if the leg's party had pressed them."""

    call_id: str
    dtmfs: Secret[str]
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("bridge")
class Bridge:
    """Ring endpoints, and connect the first that answers."""

    call_id: str
    endpoints: tuple[Endpoint, ...]
    timeout: TextSeconds | None = None
    """How long they ring, in seconds."""
    dial_endpoint_method: Literal["single", "simultaneous"] = "single"
    """One after the other, or all at once."""
    continue_on_fail: bool | None = None
    """True: if nobody answers, go on with the next command."""
    continue_after: bool | None = None
    """True: when the other leg hangs up, go on with the next command."""
    fail_on_single_reject: str | None = None
    """`true`, or the causes by which one refusal ends all."""
    ignore_early_media: Flag | None = None
    ignore_forward: Flag | None = None
    ignore_completed_elsewhere: Flag | None = None
    ringback: str | None = None
    hold_media: str | None = None
    media: Literal["process", "bypass", "auto"] | None = None
    secure_rtp: bool | None = None
    call_context: str | None = None

    caller_id_name: str | None = None
    caller_id_number: str | None = None
    callee_id_name: str | None = None
    callee_id_number: str | None = None
    outbound_caller_id_name: str | None = None
    outbound_caller_id_number: str | None = None
    outbound_callee_id_name: str | None = None
    outbound_callee_id_number: str | None = None
    asserted_identity_name: str | None = None
    asserted_identity_number: str | None = None
    asserted_identity_realm: str | None = None
    privacy_hide_name: Flag | None = None
    privacy_hide_number: Flag | None = None
    privacy_method: str | None = None

    confirm_file: str | None = None
    """Whoever answers hears it and has to press `confirm_key`."""
    confirm_key: str | None = None
    confirm_cancel_timeout: int | None = None
    """Not 0: the timeout no longer counts once the file plays."""

    custom_channel_vars: Vars = field(default_factory=dict)
    custom_application_vars: Vars = field(default_factory=dict)
    custom_sip_headers: Vars = field(default_factory=dict)
    export_variables: tuple[str, ...] = ()
    export_bridge_variables: tuple[str, ...] = ()
    bridge_actions: Vars = field(default_factory=dict)
    b_leg_events: tuple[BLegEvent, ...] = ()
    sip_invite_parameters: tuple[str, ...] = ()
    sip_transport: Literal["udp", "tcp", "tls"] | None = None
    loopback_bowout: Flag | None = None
    simplify_loopback: Flag | None = None
    force_fax: str | None = None
    enable_t38_fax: Flag | None = None
    enable_t38_fax_request: Flag | None = None
    enable_t38_gateway: Peer | None = None
    enable_t38_passthrough: Flag | None = None
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("unbridge")
class Unbridge:
    """Part the legs and park what `leg` says."""

    call_id: str
    leg: Leg | None = None
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("hangup")
class Hangup:
    """End the call, or only the other leg of it."""

    call_id: str
    hangup_cause: str | None = None
    other_leg_only: bool | None = None
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("respond")
class Respond:
    """Refuse the call with a SIP status."""

    call_id: str
    response_code: Number
    response_message: str | None = None
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("redirect")
class Redirect:
    """Send the caller elsewhere (302)."""

    call_id: str
    redirect_contact: str
    redirect_server: str | None = None
    redirect_node: str | None = None
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


@command("noop")
class Noop:
    """Do nothing: its end says that all before it is done. With `insert_at="now"` it can clear the queue's head."""

    call_id: str
    filter_applications: Anything = None
    """Names of commands, or objects with `Application-Name` and `Fields`, to take away from the head."""
    b_leg_events: tuple[BLegEvent, ...] = ()
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


QueuedCommand = (
    Answer
    | Break
    | Bridge
    | Hangup
    | Hold
    | Noop
    | Park
    | Play
    | PlayAndCollectDigits
    | PlayStop
    | Progress
    | Record
    | RecordCall
    | RecvDtmf
    | Redirect
    | Respond
    | Ring
    | Say
    | SendDtmf
    | Set
    | SetTerminators
    | Sleep
    | Tones
    | Tts
    | Unbridge
)


@dataclass(frozen=True, slots=True)
class _Queued(Wire):
    """A command inside a queue: its Call-ID may be left to the queue."""

    def read(self, value: Any, path: str, edge: Edge) -> Any:
        if not isinstance(value, Mapping) or not all(map(is_text, value)):
            edge.misfit(path, "a command", value)
            return None
        name = value.get("Application-Name")
        try:
            definition = definition_for("call", "command", name if is_text(name) else None)
        except KapiError:
            edge.misfit(f"{path}.Application-Name", "a command's name", name)
            return None
        if definition.cls is Queue:
            edge.problem(path, "a queue cannot hold a queue")
            return None
        before = edge.failures
        complete = {"Call-ID": edge.inherited.get("Call-ID"), **value}
        found = definition.shape.read(complete, f"{path}.", edge)
        return definition.cls(**found) if edge.failures == before else None

    def write(self, value: Any, path: str, edge: Edge) -> Json:
        if not isinstance(value, QueuedCommand):
            edge.misfit(path, "a command", value)
            return {}
        definition = definition_of(value)
        return definition.shape.write(value, f"{path}.", edge) | definition.fixed


@command("queue")
class Queue:
    """Commands that go into the queue together; with `insert_at="now"` each is done at once."""

    call_id: str
    commands: Annotated[tuple[QueuedCommand, ...], Array(_Queued())]
    insert_at: InsertAt = "tail"
    msg_id: str | None = None


Command = QueuedCommand | Queue
"""Any command; `isinstance` takes it too."""


def application_name(command: Command | type[Command]) -> str:
    """Kazoo's name of a command or command class, such as `play_and_collect_digits`."""
    return definition_of(command).fixed["Application-Name"]


@kapi(
    "dialplan.error",
    category="error",
    name="dialplan",
    exchange="callevt",
    key="call.dialplan.{call_id}",
)
class DialplanError:
    """A command could not be done."""

    dialplan_error: str
    error_message: str
    channel_state: str
    channel_call_state: str
    call_id: str | None = None
    custom_channel_vars: Vars = field(default_factory=dict)
    request: Anything = None
    """The command, as it came."""
