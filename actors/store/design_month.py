"""Views of a month database: what happened to an account in one month."""

from __future__ import annotations

from mirliton.actors.store.expressions import (
    ID,
    Array,
    Equals,
    Field,
    Object,
    members,
)
from mirliton.actors.store.views import Emit, Reduce, View


def _view(name: str, emit: Emit, reduce: Reduce | None = None) -> View:
    return View(name, ("modb",), (emit,), reduce)


_OWNER = Field("custom_channel_vars.owner_id")
_CDR = (
    "call_id",
    "caller_id_name",
    "caller_id_number",
    "callee_id_name",
    "callee_id_number",
    "duration_seconds",
    "billing_seconds",
    "timestamp",
    "hangup_cause",
    "other_leg_call_id",
)
_CDR_WAYS = {
    "to": Field("to_uri"),
    "from": Field("from_uri"),
    "inception": Field("custom_channel_vars.inception"),
}

CDRS = (
    _view(
        "cdrs/crossbar_listing",
        Emit(
            types=("cdr",),
            key=Array((Field("pvt_created"), ID)),
            value=members(
                *_CDR,
                "interaction_id",
                "request",
                id=ID,
                direction=Field("call_direction"),
                owner_id=_OWNER,
                authorizing_id=Field("custom_channel_vars.authorizing_id"),
                media_recordings=Field("custom_channel_vars.media_recordings"),
                **_CDR_WAYS,
            ),
        ),
    ),
    _view(
        "cdrs/listing_by_owner",
        Emit(
            types=("cdr",),
            where=(_OWNER,),
            key=Array((_OWNER, Field("pvt_created"), ID)),
            value=members(*_CDR, "call_direction", id=ID, **_CDR_WAYS),
        ),
    ),
    _view(
        "recordings/crossbar_listing",
        Emit(
            types=("call_recording",),
            key=Array((Field("pvt_created"), ID)),
            value=members(
                "name",
                "description",
                "call_id",
                "caller_id_name",
                "caller_id_number",
                "direction",
                "duration",
                "duration_ms",
                "from",
                "interaction_id",
                "media_type",
                "origin",
                "owner_id",
                "request",
                "start",
                "to",
                id=ID,
            ),
        ),
    ),
    # group_level=2 gives the interactions.
    View(
        "interactions/interaction_listing",
        ("modb",),
        (
            Emit(
                types=("cdr",),
                where=(Field("interaction_id"),),
                key=Array((Field("interaction_time"), Field("interaction_key"), Field("pvt_created"))),
            ),
        ),
        reduce="_count",
    ),
    _view(
        "cdrs/legs_by_interaction",
        Emit(types=("cdr",), key=Array((Field("interaction_id"), Field("pvt_created"), ID))),
    ),
)

_SENT_AT = Field("metadata.timestamp")
_FOLDER = Field("metadata.folder")
_METADATA = (
    "timestamp",
    "from",
    "to",
    "caller_id_number",
    "caller_id_name",
    "call_id",
    "folder",
    "length",
    "media_id",
)

MAILBOX_MESSAGES = (
    _view(
        "mailbox_messages/listing_by_mailbox",
        Emit(
            types=("mailbox_message",),
            key=Array((Field("source_id"), _SENT_AT)),
            value=Object(
                (
                    *((name, Field(f"metadata.{name}")) for name in _METADATA),
                    ("transcribed", Equals(Field("transcription.result"), "success")),
                )
            ),
        ),
    ),
    # group_level=2 counts the messages per box and folder, [box, folder] as startkey the time range of one.
    _view(
        "mailbox_messages/count_per_box_folder",
        Emit(types=("mailbox_message",), key=Array((Field("source_id"), _FOLDER, _SENT_AT))),
        reduce="_count",
    ),
)

_SERVICE = Field("source.service")

LEDGERS = (
    _view(
        "ledgers/listing_by_source",
        Emit(types=("ledger",), key=Array((_SERVICE, Field("pvt_created"), ID))),
    ),
    # group=True gives what was credited and debited by each service.
    _view(
        "ledgers/total_by_source",
        Emit(types=("ledger",), key=Array((_SERVICE, Field("pvt_ledger_type"))), value=Field("amount", 0)),
        reduce="_sum",
    ),
    _view(
        "ledgers/usage_by_source",
        Emit(
            types=("ledger",),
            key=Array((_SERVICE, Field("usage.type"), Field("usage.unit"))),
            value=Field("usage.quantity", 0),
        ),
        reduce="_sum",
    ),
)

ALLOTMENTS = (
    _view(
        "allotments/consumed",
        Emit(
            types=("allotment_consumption",),
            key=Array((Field("allotment"), Field("timestamp"))),
            value=Field("seconds", 0),
        ),
        reduce="_sum",
    ),
)

_ATTEMPT = members("auth_type", "auth_module", "status", "message", "timestamp", "client_ip", id=ID)

LOGIN_ATTEMPTS = (
    _view(
        "auth/login_attempt_by_time",
        Emit(types=("login_attempt",), key=Array((Field("pvt_created"), ID)), value=_ATTEMPT),
    ),
    _view(
        "auth/login_attempt_by_auth_type",
        Emit(types=("login_attempt",), key=Array((Field("auth_type"), Field("pvt_created"), ID)), value=_ATTEMPT),
    ),
)

VIEWS = (*CDRS, *MAILBOX_MESSAGES, *LEDGERS, *LOGIN_ATTEMPTS, *ALLOTMENTS)
