"""Views of an account's own database: its users, devices, callflows and what else was set up for it."""

from __future__ import annotations

from mirliton.actors.store.expressions import (
    FLAGS,
    ID,
    Array,
    Const,
    Count,
    Each,
    EnabledIn,
    Equals,
    Field,
    First,
    FlowModules,
    Joined,
    Labels,
    Lower,
    Not,
    Object,
    When,
    members,
)
from mirliton.actors.store.views import Emit, View

_ACCOUNT_ID = Field("pvt_account_id")
HOTDESKED = Count(Field("hotdesk.users"))


def _view(name: str, *emits: Emit) -> View:
    return View(name, ("account",), emits)


_CALLFLOW_NAME = Object((("name", First((Field("name"), ID))),))

CALLFLOWS = (
    _view(
        "callflows/crossbar_listing",
        Emit(
            types=("callflow",),
            key=ID,
            value=members(
                "name",
                "type",
                "numbers",
                "patterns",
                "owner_id",
                "group_id",
                id=ID,
                featurecode=First((Field("featurecode"), Const(False))),
                modules=FlowModules(Field("flow")),
                flags=FLAGS,
            ),
        ),
    ),
    _view(
        "callflows/listing_by_number",
        Emit(types=("callflow",), each=Field("numbers"), key=Each(), value=_CALLFLOW_NAME),
    ),
    _view(
        "callflows/listing_by_pattern",
        Emit(types=("callflow",), each=Field("patterns"), key=Each(), value=_CALLFLOW_NAME),
    ),
)

_DEVICE_KIND = First((Field("device_type"), Const("sip_device")))
_MAC = First((Field("mac_address"), Const("")))


def _credentials() -> tuple[Emit, Emit]:
    """What registers: every document with a `sip` object, and each password server of a trunkstore document."""
    device = Emit(
        where=(Field("sip"),),
        key=Lower(Field("sip.username")),
        value=Object(
            (
                ("authorizing_id", ID),
                (
                    "authorizing_type",
                    When(Equals(Field("device_type"), "mobile"), Const("mobile"), Field("pvt_type")),
                ),
            ),
            over=Field("sip"),
        ),
    )
    server = Emit(
        types=("sys_info",),
        each=Field("servers"),
        where=(Not(Field("sip")), Equals(Lower(Each("auth.auth_method")), "password")),
        key=Lower(Each("auth.auth_user")),
        value=Object(
            (
                ("password", Each("auth.auth_password")),
                ("username", Each("auth.auth_user")),
                ("method", Each("auth.auth_method")),
                ("invite_format", First((Each("options.inbound_format"), Const("e164")))),
                ("authorizing_id", ID),
                ("authorizing_type", Field("pvt_type")),
            )
        ),
    )
    return device, server


DEVICES = (
    _view(
        "devices/crossbar_listing",
        Emit(
            types=("device",),
            key=ID,
            value=members(
                "name",
                "owner_id",
                "enabled",
                "mobile",
                "call_recording",
                id=ID,
                username=Field("sip.username"),
                mac_address=_MAC,
                device_type=_DEVICE_KIND,
                flags=FLAGS,
            ),
        ),
    ),
    _view("devices/sip_credentials", *_credentials()),
)

# Whoever has logged in to a device (hotdesk) owns it, before its owner_id.
ATTRIBUTES = (
    _view(
        "attributes/owned",
        Emit(
            where=(HOTDESKED,),
            each=Field("hotdesk.users"),
            key=Array((Each(), Field("pvt_type"))),
            value=ID,
        ),
        Emit(
            where=(Not(HOTDESKED), Field("owner_id")),
            key=Array((Field("owner_id"), Field("pvt_type"))),
            value=ID,
        ),
    ),
    _view(
        "attributes/owner",
        Emit(where=(HOTDESKED,), each=Field("hotdesk.users"), key=ID, value=Each()),
        Emit(where=(Not(HOTDESKED), Field("owner_id")), key=ID, value=Field("owner_id")),
    ),
    _view("attributes/groups", Emit(types=("group",), each=Field("endpoints"), key=Each(), value=ID)),
    _view(
        "attributes/caller_ids",
        *(
            Emit(
                types=("user", "device"),
                where=(Field(f"caller_id.{kind}.number"),),
                key=Array((Const(kind), Field(f"caller_id.{kind}.number"))),
                value=ID,
            )
            for kind in ("internal", "external", "emergency")
        ),
    ),
    _view("attributes/mailbox_number", Emit(types=("vmbox",), key=Field("mailbox"))),
)

_FORWARDS = Field("call_forward.enabled")
_FAILS_OVER = When(_FORWARDS, Const(False), Field("call_forward.failover"))
_USER_FEATURES = Labels(
    labels=(
        ("hotdesk", Field("hotdesk.enabled")),
        ("call_forward", _FORWARDS),
        ("call_forward_failover", _FAILS_OVER),
        ("caller_id", Field("caller_id.external.number")),
        ("vm_to_email", Field("vm_to_email_enabled")),
        ("music_on_hold", Field("music_on_hold.media_id")),
        ("do_not_disturb", Field("do_not_disturb.enabled")),
    ),
    of=(Field("features"), EnabledIn(Field("smartpbx"))),
)


def _login(name: str, hash_field: str) -> View:
    """Who logs in with this hash: only an enabled user (enabled is the schema's default)."""
    return _view(
        name,
        Emit(
            types=("user",),
            where=(Field(hash_field), Field("enabled", default=True)),
            key=Field(hash_field),
            value=Object((("owner_id", ID), ("account_id", _ACCOUNT_ID))),
        ),
    )


USERS = (
    _view(
        "users/crossbar_listing",
        Emit(
            types=("user",),
            key=Joined((Field("last_name"), Field("first_name"))),
            value=members(
                "username",
                "email",
                "first_name",
                "last_name",
                "priv_level",
                "feature_level",
                "presence_id",
                "timezone",
                "call_recording",
                "service",
                id=ID,
                features=_USER_FEATURES,
                flags=FLAGS,
            ),
        ),
    ),
    _view("users/list_by_username", Emit(types=("user",), where=(Field("username"),), key=Field("username"))),
    _view("users/list_by_email", Emit(types=("user",), where=(Field("email"),), key=Lower(Field("email")))),
    _login("users/creds_by_md5", "pvt_md5_auth"),
    _view("users/list_by_hotdesk_id", Emit(types=("user",), where=(Field("hotdesk.id"),), key=Field("hotdesk.id"))),
    _login("users/creds_by_sha", "pvt_sha1_auth"),
    # Ours: what the API puts in the place of the two hashes (mirliton.api.credentials).
    _view(
        "users/creds_by_key",
        *(
            Emit(
                types=("user",),
                where=(Field(f"pvt_credentials.{method}.key"), Field("enabled", default=True)),
                key=Field(f"pvt_credentials.{method}.key"),
            )
            for method in ("md5", "sha")
        ),
    ),
)

_GROUP_FEATURES = Labels(
    labels=(("music_on_hold", Field("music_on_hold.media_id")),), of=(EnabledIn(Field("smartpbx")),)
)

LISTINGS = (
    _view("directories/users_listing", Emit(types=("user",), each=Field("directories"), key=Each())),
    _view("parking/parked_call", Emit(types=("parked_call",), key=Field("slot.Call-ID"))),
    _view(
        "lists/entries",
        Emit(
            types=("list_entry",),
            key=Field("list_id"),
            value=members(
                "capture_group_key",
                "capture_group_length",
                "name",
                "number",
                "pattern",
                "prefix",
                "regexp",
                "type",
                id=ID,
            ),
        ),
    ),
    _view(
        "menus/crossbar_listing",
        Emit(types=("menu",), key=ID, value=members("name", id=ID, flags=FLAGS)),
    ),
    _view(
        "vmboxes/crossbar_listing",
        Emit(
            types=("vmbox",),
            key=Field("name"),
            value=members("name", "mailbox", "owner_id", id=ID, messages=Count(Field("messages")), flags=FLAGS),
        ),
    ),
    _view(
        "queues/crossbar_listing",
        Emit(types=("queue",), key=ID, value=members("name", "strategy", id=ID, flags=FLAGS)),
    ),
    _view("queues/agents_listing", Emit(types=("user",), each=Field("queues"), key=Each())),
    _view(
        "conferences/crossbar_listing",
        Emit(types=("conference",), key=ID, value=members("name", "owner_id", id=ID, flags=FLAGS)),
    ),
    _view(
        "conferences/listing_by_number",
        Emit(types=("conference",), each=Field("conference_numbers"), key=Each(), value=Const("conference")),
        Emit(types=("conference",), each=Field("member.numbers"), key=Each(), value=Const("member")),
        Emit(types=("conference",), each=Field("moderator.numbers"), key=Each(), value=Const("moderator")),
    ),
    _view(
        "groups/crossbar_listing",
        Emit(
            types=("group",),
            key=ID,
            value=members("name", id=ID, features=_GROUP_FEATURES, endpoints=Count(Field("endpoints")), flags=FLAGS),
        ),
    ),
    _view(
        "media/crossbar_listing",
        Emit(
            types=("media",),
            key=ID,
            value=members(
                "name",
                "media_type",
                id=ID,
                language=Lower(Field("language", default="")),
                is_prompt=Not(Not(Field("prompt_id"))),
            ),
        ),
    ),
)

RESOURCES = (
    View(
        "resources/listing_active_by_weight",
        ("account", "offnet"),
        (
            Emit(
                types=("resource",),
                where=(Field("enabled", default=True),),
                key=Field("weight_cost", default=50),
                value=members("name", id=ID),
            ),
        ),
    ),
)

VIEWS = (*RESOURCES, *CALLFLOWS, *DEVICES, *ATTRIBUTES, *USERS, *LISTINGS)
