"""Who is on the phone and who has messages, for whoever watches. Exchange presence.

A phone that watches another subscribes at the SIP proxy, which tells it of every update. Routing keys hold the realm
of the user that is watched, cut out of its SIP address. Stock Kamailio takes an `expires` of 0 for expired: send more
than that, and refresh. Kazoo: kapi_presence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.routing import segment, user_and_realm
from mirliton.actors.kapi.wire import Anything, TextSeconds


@dataclass(frozen=True, slots=True)
class Mwi:
    """The messages of a mailbox."""

    messages_new: int
    messages_saved: int
    to: str
    call_id: str | None = None
    expires: TextSeconds | None = None
    extended_presence_id: str | None = None
    from_: str | None = None
    from_realm: str | None = None
    from_user: str | None = None
    message_account: str | None = None
    messages_urgent: int | None = None
    messages_urgent_saved: int | None = None
    messages_waiting: str | None = None
    presence_id: str | None = None
    to_realm: str | None = None
    to_user: str | None = None


@kapi("presence.search_req", "presence", "presence", "presence.search_req.{realm}")
class SearchReq:
    """Who watches, in this realm?"""

    realm: str
    event_package: str | None = None
    search_type: str | None = None
    username: str | None = None


@kapi("presence.search_partial_resp", "presence")
class SearchPartialResp:
    """Some of them; more come."""

    subscriptions: Anything


@kapi("presence.search_resp", "presence")
class SearchResp:
    """All of them, or the last."""

    subscriptions: Anything = None


def _subscription_key(subscription: Subscription) -> str:
    return f"subscriptions.{segment(user_and_realm(subscription, 'user')[1])}"


@kapi("presence.subscribe", "presence", "presence", _subscription_key, name="subscription", binding="subscriptions.*")
class Subscription:
    """A phone wants to watch a user."""

    user: str
    expires: TextSeconds
    call_id: str | None = None
    contact: str | None = None
    event_package: str | None = None
    from_: str | None = None
    from_tag: str | None = None
    queue: str | None = None
    to_tag: str | None = None


def _dialog_key(update: DialogUpdate) -> str:
    realm = user_and_realm(update, "presence_id", "from_")[1]
    return f"dialog.{segment(realm)}.{segment(update.call_id or '*')}"


@kapi("presence.dialog_update", "presence", "presence", _dialog_key, binding="dialog.*.*")
class DialogUpdate:
    """A user's call is in this state."""

    from_: str
    to: str
    call_cookie: str | None = None
    call_id: str | None = None
    direction: str | None = None
    event_package: str | None = None
    expires: TextSeconds | None = None
    flush_level: str | None = None
    from_realm: str | None = None
    from_tag: str | None = None
    from_uri: str | None = None
    from_user: str | None = None
    presence_id: str | None = None
    presentity: str | None = None
    presentity_realm: str | None = None
    presentity_user: str | None = None
    state: Literal["confirmed", "early", "terminated"] | None = None
    switch_uri: str | None = None
    target_call_id: str | None = None
    to_realm: str | None = None
    to_tag: str | None = None
    to_uri: str | None = None
    to_user: str | None = None


def _update_key(update: Update) -> str:
    realm = user_and_realm(update, "presence_id")[1]
    return f"update.{segment(realm)}.{segment(update.call_id or '*')}"


@kapi("presence.update", "presence", "presence", _update_key, binding="update.*.*")
class Update:
    """A user is in this state."""

    presence_id: str
    state: Literal["offline", "online", "trying", "confirmed", "early", "terminated"]
    call_direction: str | None = None
    call_id: str | None = None
    event_package: str | None = None
    from_: str | None = None
    from_realm: str | None = None
    from_tag: str | None = None
    from_user: str | None = None
    switch_uri: str | None = None
    target_call_id: str | None = None
    to: str | None = None
    to_realm: str | None = None
    to_tag: str | None = None
    to_user: str | None = None


@kapi("presence.probe", "presence", "presence", "probes.{event_package}")
class Probe:
    """What state is this user in? Somebody watches, and nobody has told."""

    event_package: str
    realm: str
    username: str
    call_id: str | None = None
    expires: TextSeconds | None = None
    from_realm: str | None = None
    from_user: str | None = None
    to_realm: str | None = None
    to_user: str | None = None


def _mwi_key(update: MwiUpdate) -> str:
    user, realm = user_and_realm(update, "presence_id", "to")
    return f"mwi_updates.{segment(realm)}.{segment(user)}"


@kapi("presence.mwi_update", "presence", "presence", _mwi_key, binding="mwi_updates.*.*")
class MwiUpdate(Mwi):
    """A user has these messages."""


def _mwi_unsolicited_key(update: MwiUnsolicitedUpdate) -> str:
    return f"mwi_unsolicited_updates.{segment(user_and_realm(update, 'presence_id', 'to')[1])}"


@kapi(
    "presence.mwi_unsolicited_update", "presence", "presence", _mwi_unsolicited_key, binding="mwi_unsolicited_updates.*"
)
class MwiUnsolicitedUpdate(Mwi):
    """The same, for a phone that did not ask."""


@kapi("presence.mwi_query", "presence", "presence", "mwi_queries.{realm}")
class MwiQuery:
    """How many messages has this user?"""

    realm: str
    username: str
    call_id: str | None = None


@kapi("presence.sync", "presence")
class Sync:
    """Tell every subscription again: asked for, begins, ends."""

    action: Literal["End", "Request", "Start"]
    event_package: str | None = None


@kapi("presence.register_overwrite", "presence", "presence", "register_overwrites.{realm}")
class RegisterOverwrite:
    """A phone has registered over another."""

    contact: str
    previous_contact: str
    realm: str
    username: str


@kapi("presence.flush", "presence")
class Flush:
    """Forget what is known, of a user or of all."""

    type: str
    event_package: str | None = None
    user: str | None = None


@kapi("presence.reset", "presence", "presence", "presence.reset.{realm}.{username}")
class Reset:
    """Forget this user's calls and messages."""

    realm: str
    username: str
    event_package: str | None = None
