"""Which calls proxies have been told of, and in which state; without I/O.

A leg of one of an account's own phones is a dialog of whoever is watched under its presence id. It only goes forward,
from early to confirmed to terminated, and each state is told once; what is under way is told again at intervals, since
what a proxy is told runs out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, Final, Literal

from mirliton.actors.kapi.call import ChannelAnswered, ChannelBridged, ChannelDestroyed
from mirliton.actors.kapi.presence import DialogUpdate
from mirliton.whapps.omnipresence.wording import address, call, plain

State = Literal["early", "confirmed", "terminated"]
ORDER: Final = ("early", "confirmed", "terminated")
EXPIRES: Final = 180.0
"""Seconds for which a state is good; Kazoo's own proxy takes 0 for *until told*, a stock one for *over*."""
ENDED_EXPIRES: Final = 20.0
MOST: Final = 100_000
"""Dialogs under way, and ended ones that are remembered, each; the oldest go."""
_OWN: Final = frozenset({"device", "mobile", "user"})


@dataclass(frozen=True, slots=True)
class Dialog:
    """A leg as those who watch its phone see it."""

    call_id: str
    user: str
    realm: str
    other: tuple[str, str]
    tags: tuple[str, str]
    initiator: bool
    switch_uri: str
    state: State = "early"

    @property
    def presence_id(self) -> str:
        return f"{self.user}@{self.realm}"

    def update(self, *, alone: bool = False) -> DialogUpdate:
        """What a proxy is told; `alone`: and nothing else of this phone is true."""
        user, realm = self.other
        other = f"sip:{user}@{realm}"
        own = f"sip:{self.presence_id}"
        return DialogUpdate(
            from_=own,
            to=other,
            call_id=self.call_id,
            direction="initiator" if self.initiator else "recipient",
            event_package="dialog",
            expires=ENDED_EXPIRES if self.state == "terminated" else EXPIRES,
            flush_level="1" if alone else "0",
            from_realm=self.realm,
            from_tag=self.tags[0] or None,
            from_uri=own,
            from_user=self.user,
            presence_id=self.presence_id,
            state=self.state,
            switch_uri=self.switch_uri or None,
            to_realm=realm,
            to_tag=self.tags[1] or None,
            to_uri=other,
            to_user=user,
        )


class Dialogs:
    """All that have been told of."""

    def __init__(self) -> None:
        self._up: OrderedDict[str, Dialog] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._up)

    def heard(self, event: Any) -> Dialog | None:
        """Something happened to a leg: the dialog, where that is news."""
        known = self._up.get(event.call_id)
        state = _state(event)
        if event.call_id in self._ended:
            return None
        if known is None:
            made = dialog(event)
            return self._put(event.call_id, replace(made, state=state)) if made is not None else None
        if ORDER.index(state) <= ORDER.index(known.state):
            return None
        return self._put(event.call_id, replace(known, state=state))

    def of(self, presence_id: str) -> list[Dialog]:
        """Those of one phone that are up."""
        return [each for each in self._up.values() if each.presence_id == presence_id]

    def up(self) -> Iterable[Dialog]:
        """All that are up."""
        return tuple(self._up.values())

    def ids(self) -> frozenset[str]:
        """The legs that are up."""
        return frozenset(self._up)

    def listed(self, channels: Mapping[str, Any], before: frozenset[str]) -> list[Dialog]:
        """What the channel table knows better, as news: legs that are up there and not known here, and those that it
        has no more of `before` (known here when the table was asked)."""
        news = []
        for call_id, channel in channels.items():
            if call_id not in self._up and call_id not in self._ended and isinstance(channel, Mapping):
                made = dialog(_as_leg(call_id, channel))
                if made is not None:
                    news.append(self._put(call_id, replace(made, state=_answered(channel.get("answered") is True))))
        lost = [call_id for call_id in self._up if call_id in before and call_id not in channels]
        return news + [self._put(call_id, replace(self._up[call_id], state="terminated")) for call_id in lost]

    def _put(self, call_id: str, made: Dialog) -> Dialog:
        if made.state == "terminated":
            self._up.pop(call_id, None)
            self._ended[call_id] = None
            _trim(self._ended)
        else:
            self._up[call_id] = made
            _trim(self._up)
        return made


def dialog(leg: Any) -> Dialog | None:
    """The dialog that a leg is; None for one that is not of an account's own phone."""
    channel_vars = leg.custom_channel_vars
    if not channel_vars.get("Account-ID") or channel_vars.get("Authorizing-Type", "device") not in _OWN:
        return None
    inbound = leg.call_direction == "inbound"
    realm = str(channel_vars.get("Realm") or channel_vars.get("Account-Realm") or "")
    own, other = (leg.from_, leg.to) if inbound else (leg.to, leg.from_)
    watched = leg.presence_id or channel_vars.get("Presence-ID") or own
    if isinstance(watched, str) and "@" not in watched and realm:
        watched = f"{watched}@{realm}"
    found = address(watched if isinstance(watched, str) else None)
    if found is None:
        return None
    tags = (leg.from_tag, leg.to_tag) if inbound else (leg.to_tag, leg.from_tag)
    return Dialog(
        call_id=call(leg.call_id),
        user=found[0].lower(),
        realm=found[1],
        other=address(other) or ("unknown", found[1]),
        tags=(plain(tags[0]), plain(tags[1])),
        initiator=inbound,
        switch_uri=plain(leg.switch_uri, 128),
    )


def _state(event: Any) -> State:
    if isinstance(event, ChannelDestroyed):
        return "terminated"
    answered = isinstance(event, ChannelAnswered | ChannelBridged) or event.channel_answer_state == "answered"
    return _answered(answered)


def _answered(answered: bool) -> State:
    return "confirmed" if answered else "early"


def _as_leg(call_id: str, channel: Mapping[str, Any]) -> Any:
    """A row of the channel table, as far as a dialog needs it, in the form of an event."""
    names = {"Account-ID": "account_id", "Authorizing-Type": "authorizing_type", "Realm": "realm"}
    return SimpleNamespace(
        call_id=call_id,
        custom_channel_vars={header: channel[name] for header, name in names.items() if channel.get(name)},
        call_direction=channel.get("direction"),
        from_=channel.get("from"),
        to=channel.get("to"),
        from_tag=channel.get("from_tag"),
        to_tag=channel.get("to_tag"),
        presence_id=channel.get("presence_id"),
        switch_uri=None,
    )


def _trim(items: OrderedDict[str, Any]) -> None:
    if len(items) > MOST:
        items.popitem(last=False)
