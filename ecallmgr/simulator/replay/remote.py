"""What the phones of a recording did: which of its events were caused from outside, and how to do the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mirliton.ecallmgr.simulator.calls import RemoteCall
from mirliton.ecallmgr.simulator.errors import UnknownCall
from mirliton.ecallmgr.simulator.events import Value
from mirliton.ecallmgr.simulator.replay.capture import Recording
from mirliton.ecallmgr.simulator.scripts import MANUAL
from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

Event = dict[str, Value]


def text(event: Event, header: str) -> str:
    """A header's text, empty when it is missing."""
    value = event.get(header, "")
    return value if isinstance(value, str) else value[0]


@dataclass
class Remote:
    """The outside world of one recording."""

    switch: SimulatedSwitch
    recording: Recording
    leg_of: Callable[[str], str]  # the simulated leg for a recorded one

    def __post_init__(self) -> None:
        self._first: dict[str, Event] = {}  # the CHANNEL_CREATE of each leg
        self._reinvites: set[str] = set()
        self._refer: dict[str, str] = {}
        for event in self.recording.events():
            uuid = text(event, "Unique-ID")
            if event["Event-Name"] == "CHANNEL_CREATE":
                self._first[uuid] = event
            if event.get("Event-Subclass") == "sofia::reinvite":
                self._reinvites.add(uuid)
            if "variable_sip_refer_to" in event:
                self._refer[uuid] = text(event, "Caller-Destination-Number")
        self._define_phones()
        self._actions = self._place_actions()

    def actions_before(self, event: Event) -> list[Callable[[], object]]:
        """What the outside world did just before `event` of the recording."""
        return self._actions.get(id(event), [])

    def _place_actions(self) -> dict[int, list[Callable[[], object]]]:
        """Each act belongs before the first event it brings: an answer, before the codecs agreed on for it."""
        by_leg: dict[str, list[Event]] = {}
        for event in self.recording.events():
            by_leg.setdefault(text(event, "Unique-ID"), []).append(event)
        actions: dict[int, list[Callable[[], object]]] = {}
        for events in by_leg.values():
            for at, event in enumerate(events):
                act = self._cause_of(event)
                if act is None:
                    continue
                while at and event["Event-Name"] == "CHANNEL_ANSWER" and events[at - 1]["Event-Name"] == "CODEC":
                    at -= 1
                actions.setdefault(id(events[at]), []).append(act)
        return actions

    def _define_phones(self) -> None:
        """Every address that was called, unless nobody listened there."""
        nobody = {
            text(event, "Channel-Name")
            for event in self.recording.events()
            if text(event, "variable_sip_invite_failure_status") == "503"
        }
        for event in self._first.values():
            name = text(event, "Channel-Name")
            if event["Call-Direction"] == "outbound" and name.startswith("sofia/") and name not in nobody:
                user, _, contact = name.rpartition("/")[2].partition("@")
                if self.switch.phones.at(f"{user}@{contact}") is None:
                    self.switch.phone(user, contact, script=MANUAL, contact=contact, register=False)

    def _cause_of(self, event: Event) -> Callable[[], object] | None:
        """What to do so that the simulated switch shows the like of `event`; None when it does by itself."""
        name, uuid = event["Event-Name"], text(event, "Unique-ID")
        match name:
            case "CHANNEL_STATE":
                if text(event, "Channel-State") == "CS_NEW":
                    return lambda: self._invite(self._first[uuid])
                if text(event, "Channel-State") == "CS_ROUTING" and uuid in self._refer and "Caller-RDNIS" in event:
                    return lambda: self._partner(uuid).refer(self._refer[uuid])
            case "CHANNEL_PROGRESS" if self._is_callee(event):
                return lambda: self._call(uuid).ring()
            case "CHANNEL_ANSWER" if self._is_callee(event):
                return lambda: self._call(uuid).answer()
            case "CHANNEL_HANGUP":
                return self._hangup(event)
            case "CHANNEL_CALLSTATE":
                if text(event, "Channel-Call-State") == "HELD" and uuid in self._reinvites:
                    return lambda: self._call(uuid).hold()
            case "PLAYBACK_STOP":
                hold_music = text(event, "Playback-File-Path").startswith("local_stream")
                if hold_music and text(event, "Playback-Status") == "break":
                    return lambda: self._partner(uuid).unhold()
            case "RECV_INFO":
                return lambda: self._info(event)
            case "DTMF" if event["DTMF-Source"] == "RTP":
                return lambda: self._call(uuid).press(text(event, "DTMF-Digit"))
            case "CUSTOM" if event.get("Event-Subclass") == "sofia::pre_register":
                return lambda: self._register(event)
            case "SHUTDOWN":
                return lambda: self.switch.spawn_lasting(self.switch.shut_down(), "recorded shutdown")
        return None

    def _call(self, uuid: str) -> RemoteCall:
        leg = self.switch.legs.get(self.leg_of(uuid))
        if leg is None or leg.remote is None:
            raise UnknownCall(uuid)
        return leg.remote

    def _partner(self, uuid: str) -> RemoteCall:
        leg = self.switch.legs[self.leg_of(uuid)]
        assert leg.bridge is not None
        remote = leg.bridge.partner(leg).remote
        assert remote is not None
        return remote

    def _is_callee(self, event: Event) -> bool:
        return event["Call-Direction"] == "outbound" and text(event, "Channel-Name").startswith("sofia/")

    def _hangup(self, event: Event) -> Callable[[], object] | None:
        uuid, disposition = text(event, "Unique-ID"), text(event, "variable_sip_hangup_disposition")
        if disposition == "recv_refuse":
            status = int(text(event, "variable_sip_invite_failure_status"))
            return None if status == 503 else lambda: self._call(uuid).reject(status)
        if disposition == "recv_cancel":
            return lambda: self._call(uuid).cancel()
        if disposition == "recv_bye" or text(event, "variable_sip_term_status") == "200":
            return lambda: self._call(uuid).hang_up()
        return None

    def _info(self, event: Event) -> None:
        body, call = text(event, "_body"), self._call(text(event, "Unique-ID"))
        if text(event, "SIP-Content-Type") == "application/dtmf-relay":
            call.press(body.partition("Signal=")[2][:1], "info")
        else:
            call.info(body, text(event, "SIP-Content-Type"))

    def _register(self, event: Event) -> None:
        user, realm = text(event, "from-user"), text(event, "from-host")
        contact = f"{text(event, 'network-ip')}:{text(event, 'network-port')}"
        call_id = text(event, "call-id")
        forbidden = any(
            other.get("auth-result") == "FORBIDDEN" and text(other, "call-id") == call_id
            for other in self.recording.events()
        )
        phone = self.switch.phones.get(user, realm)
        if phone is None:
            phone = self.switch.phone(
                user,
                realm,
                contact=contact,
                script=MANUAL,
                register=False,
                variables={"user_context": "public", "ecallmgr_Account-ID": "acct0001"},
            )
            phone.user_agent = text(event, "user-agent")
        self.switch.registrations.register(
            phone, expires=int(text(event, "expires")), call_id=call_id, password_ok=not forbidden
        )

    def _invite(self, created: Event) -> None:
        headers = {
            name.removeprefix("variable_sip_h_"): text(created, name)
            for name in created
            if name.startswith("variable_sip_h_X-")
        }
        contact = f"{text(created, 'variable_sip_contact_host')}:{text(created, 'variable_sip_contact_port')}"
        self.switch.spawn(
            self.switch.place_call(
                text(created, "Caller-Caller-ID-Number"),
                text(created, "Caller-Destination-Number"),
                realm=text(created, "variable_sip_from_host"),
                name=text(created, "variable_sip_from_display") or None,
                headers=headers,
                contact=contact,
                call_id=text(created, "variable_sip_call_id"),
                user_agent=text(created, "variable_sip_user_agent"),
                uuid=text(created, "Unique-ID"),
            ),
            "recorded call",
        )
