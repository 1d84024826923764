"""A conference: one process that says who may come in, and knows who is in the room on its focus switch.

The room is the switch's: who is in it hears the others whatever becomes of us. It is an entity: one process for each
conference in the whole cluster, started by the first message, which saves nothing. A successor, on whichever node, asks
the switches for the room and goes on; those who wait for a moderator say so again. When the focus switch dies its calls
end, and the next to come make a new room where they are.

OTP: a gen_server. It ends when nobody is in the room or waits for it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any, Final

from mirliton.actors.conferencing import (
    AskConference,
    ConferenceCommand,
    ConferenceIs,
    ConferenceNews,
    JoinConference,
    LeaveConference,
    ListRoom,
    ModeratorIsHere,
    NoSuchRoom,
    Participant,
    ReloadConference,
    Room,
    TurnedAway,
    WaitForModerator,
    Welcome,
    ids_of,
)
from mirliton.actors.edge import EDGE, Publish
from mirliton.actors.kapi.conference import commands as kapi
from mirliton.actors.kapi.conference.events import Event, ParticipantEvent
from mirliton.actors.presence import OMNIPRESENCE, LampChanged, LampState
from mirliton.actors.store import Document, NotFound
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.actors.switching import CHANNELS, AskSwitches, switch_name
from mirliton.runtime import (
    Address,
    CallError,
    Completed,
    Continue,
    Down,
    From,
    NoReply,
    Ref,
    Reply,
    Stop,
    TimerFired,
)
from mirliton.supervisors.entities import Entity

PLACE_KEPT: Final = 15.0
"""Seconds in which a call that may come in must have done so."""
AUDIT_EVERY: Final = 10.0
"""Seconds between comparisons with the room on the switch."""
RETRY_AFTER: Final = 0.5
MOST_LOOKS: Final = 10
"""Times all switches are asked for the room before one that cannot be asked counts as having none."""
ENTRY_TONE: Final = "tone_stream://%(200,0,500,600,700)"
EXIT_TONE: Final = "tone_stream://%(500,0,300,200,100,50,25)"
MOST_PARTICIPANTS: Final = 1000
MOST_WAITING: Final = 1000
MOST_LAMPS: Final = 50
"""Numbers of a conference whose lamps show it."""
COMMANDS: Final = (
    kapi.DeafParticipant,
    kapi.Kick,
    kapi.Lock,
    kapi.MuteParticipant,
    kapi.ParticipantVolumeIn,
    kapi.ParticipantVolumeOut,
    kapi.Play,
    kapi.Record,
    kapi.RecordStop,
    kapi.RelateParticipants,
    kapi.Set,
    kapi.StopPlay,
    kapi.UndeafParticipant,
    kapi.Unlock,
    kapi.UnmuteParticipant,
)
_CHANGES: Final = frozenset(
    {"mute-member", "unmute-member", "deaf-member", "undeaf-member", "start-talking", "stop-talking", "floor-change"}
)
_TOLD: Final = _CHANGES | {"add-member", "del-member"}


class Conference(Entity):
    """One conference, under `conference_name(room)`."""

    mailbox_limit = 10_000
    mailbox_overflow = "drop_oldest"

    def init(self, key: str, state: Any) -> NoReply:
        self.account_id, self.conference_id = ids_of(key)
        self.room = key
        self.doc: Document = {}
        self.known = False
        self.looks = 0
        """How often switches were asked for the room in vain, since one of them could not be."""
        self.held: deque[tuple[Any, From]] = deque(maxlen=MOST_WAITING)
        self.focus = ""
        self.instance = ""
        self.locked = False
        self.lit = False
        """What lamps have been told: whether anybody is in."""
        self.participants: dict[str, Participant] = {}
        self.expected: dict[str, tuple[bool, float]] = {}
        """Calls that may come in: whether as a moderator, and until when."""
        self.waiting: dict[str, tuple[Address, Ref]] = {}
        return NoReply(then=Continue())

    def state(self) -> Any:
        return {"known": self.known, "conference": self._is(), "expected": self.expected}

    def handle_continue(self, argument: Any) -> None:
        self.background(self._load(), "load")
        self.start_timer(AUDIT_EVERY, "audit")

    def handle_call(self, request: Any, sender: From) -> Any:
        if not self.known:
            self.held.append((request, sender))
            return NoReply()
        return self._answer(request, sender)

    def _answer(self, request: Any, sender: From) -> Any:
        match request:
            case JoinConference():
                answer = self._join(request)
                if isinstance(answer, TurnedAway):
                    # Nobody is turned away for those who are not there any more.
                    self.background(self._look(), ("join", request, sender))
                    return NoReply()
                return Reply(answer)
            case AskConference():
                return Reply(self._is())
            case _ if isinstance(request, COMMANDS):
                if not self.focus:
                    return Reply(NoSuchRoom(self.room))
                command = ConferenceCommand(self.room, request)
                self.background(self.call(switch_name(self.focus), command, timeout=10.0), ("command", sender))
                return NoReply()
        return super().handle_call(request, sender)

    def handle_cast(self, request: Any) -> Any:
        match request:
            case LeaveConference(call_id):
                self.expected.pop(call_id, None)
                self._wait_no_more(call_id)
            case ReloadConference():
                self.background(self._document(), "document")
            case _:
                return super().handle_cast(request)
        return None

    def handle_info(self, message: Any) -> Any:
        match message:
            case ConferenceNews():
                self._heard(message)
            case Completed(tag="load", value=value, error=error):
                self._loaded(value, error)
            case Completed(tag="document", value=doc, error=None):
                self.doc = doc
            case Completed(tag="audit", value=found, error=error):
                self._audited(found, error)
            case Completed(tag=("join", request, sender), value=found, error=error):
                self._compare(found, error)
                self.reply(sender, self._join(request))
            case Completed(tag=("command", sender), value=answer, error=error):
                self.reply(sender, answer if error is None else NoSuchRoom(self.room))
            case Completed(tag="tone", error=error):
                if error is not None:
                    self.log.info("tone_not_played", room=self.room, error=str(error))
            case TimerFired(message="load"):
                self.background(self._load(), "load")
            case TimerFired(message="audit"):
                self._forget_expected()
                if self.known and not (self.participants or self.expected or self.waiting or self.held):
                    return Stop("normal")
                self.background(self._look(), "audit")
            case Down(ref=ref):
                for call_id, (_, watched) in list(self.waiting.items()):
                    if watched == ref:
                        del self.waiting[call_id]
            case _:
                return super().handle_info(message)
        return None

    # Who may come in

    def _join(self, request: JoinConference) -> Welcome | WaitForModerator | TurnedAway:
        self._forget_expected()
        inside = request.call_id in self.participants or request.call_id in self.expected
        if not inside:
            if self.locked:
                return TurnedAway("locked")
            if len(self.participants.keys() | self.expected.keys()) >= self._most():
                return TurnedAway("full")
            if self.focus and self.focus != request.switch:
                return TurnedAway("elsewhere")
            if not request.moderator and self._waits_for_moderator():
                self._wait_no_more(request.call_id)
                self.waiting[request.call_id] = (request.member, self.monitor(request.member))
                return WaitForModerator()
        self.focus = request.switch
        self._wait_no_more(request.call_id)
        self.expected[request.call_id] = (request.moderator, self.node.clock.now() + PLACE_KEPT)
        return Welcome(len(self.participants))

    def _most(self) -> int:
        most = self.doc.get("max_participants")
        return min(most, MOST_PARTICIPANTS) if type(most) is int and most > 0 else MOST_PARTICIPANTS

    def _waits_for_moderator(self) -> bool:
        wanted = self.doc.get("wait_for_moderator") is True or self.doc.get("require_moderator") is True
        return wanted and not any(each.moderator for each in self.participants.values())

    def _wait_no_more(self, call_id: str) -> None:
        address, ref = self.waiting.pop(call_id, (None, None))
        if address is not None and ref is not None:
            self.demonitor(ref, flush=True)

    def _forget_expected(self) -> None:
        now = self.node.clock.now()
        self.expected = {call_id: kept for call_id, kept in self.expected.items() if kept[1] > now}
        if not self.participants and not self.expected:
            self._is_empty()

    def _is_empty(self) -> None:
        self.focus, self.instance, self.locked = "", "", False

    # What happens in the room

    def _heard(self, news: ConferenceNews) -> None:
        if not self.known or (self.focus and news.switch != self.focus):
            return
        if self.instance and news.instance not in ("", self.instance):
            self.participants.clear()  # another room of that name: of the one before nobody is left
        self.focus, self.instance = news.switch, news.instance or self.instance
        one = news.participant
        match news.action:
            case "add-member" if one is not None:
                self._came(one)
            case "del-member" if one is not None:
                self._went(one.call_id)
            case "lock" | "unlock":
                self.locked = news.action == "lock"
            case "conference-destroy":
                self.participants.clear()
                self._forget_expected()
            case action if action in _CHANGES and one is not None and one.call_id in self.participants:
                self.participants[one.call_id] = one
        self._light()
        self._publish(news)

    def _came(self, one: Participant) -> None:
        kept = self.expected.pop(one.call_id, None)
        moderator = one.moderator or (kept is not None and kept[0])
        others = bool(self.participants.keys() - {one.call_id})
        self.participants[one.call_id] = replace(one, moderator=moderator)
        if moderator:
            for address, _ in self.waiting.values():
                self.send(address, ModeratorIsHere(self.room))
        if others:
            self._tone(self.doc.get("play_entry_tone"), ENTRY_TONE)

    def _went(self, call_id: str) -> None:
        if self.participants.pop(call_id, None) is not None and self.participants:
            self._tone(self.doc.get("play_exit_tone"), EXIT_TONE)
        if not self.participants and not self.expected:
            self._is_empty()

    def _tone(self, wish: Any, default: str) -> None:
        """Play a tone to all, where the document wants one."""
        tone = default if wish is True else wish if isinstance(wish, str) and wish else None
        if tone is not None:
            command = ConferenceCommand(self.room, kapi.Play(self.conference_id, tone))
            self.background(self.call(switch_name(self.focus), command, timeout=10.0), "tone")

    # Reading

    async def _load(self) -> tuple[Document, tuple[str, Room] | None]:
        """The document, and the room with the switch that has it."""
        doc, away = await self._document(), ""
        for switch in await self.call(CHANNELS, AskSwitches()):
            try:
                room = await self._ask(switch)
            except (CallError, ConnectionError) as error:
                away = f"{switch}: {error}"
                continue
            if room is not None and room.participants:
                return doc, (switch, room)
        self.looks += 1
        if away and self.looks < MOST_LOOKS:
            raise ConnectionError(away)
        return doc, None

    async def _document(self) -> Document:
        try:
            doc = await StoreClient(self).get(account_db(self.account_id), self.conference_id)
        except NotFound:
            return {}
        return {} if is_deleted(doc) else doc

    async def _ask(self, switch: str) -> Room | None:
        """The room as a switch knows it; None where it has none. Raises ConnectionError when it cannot be asked."""
        answer = await self.call(switch_name(switch), ListRoom(self.room), timeout=10.0)
        if isinstance(answer, Room):
            return answer
        if isinstance(answer, NoSuchRoom):
            return None
        raise ConnectionError(str(getattr(answer, "reason", answer)))

    def _loaded(self, value: Any, error: Any) -> None:
        if error is not None:
            self.log.warning("conference_not_read", room=self.room, error=str(error))
            self.start_timer(RETRY_AFTER, "load")
            return
        self.doc, found = value
        self.known = True
        if found is not None:
            self.focus, room = found
            self._is_so(room)
        while self.held:
            request, sender = self.held.popleft()
            answer = self._answer(request, sender)
            if isinstance(answer, Reply):
                self.reply(sender, answer.value)

    async def _look(self) -> Room | None:
        return await self._ask(self.focus) if self.focus else None

    def _audited(self, found: Room | None, error: Any) -> None:
        self.start_timer(AUDIT_EVERY, "audit")
        self._compare(found, error)
        self._light(again=True)

    def _compare(self, found: Room | None, error: Any) -> None:
        """Make it say what the switch said of the room, if it did."""
        if error is not None:
            self.log.info("conference_not_compared", room=self.room, error=str(error))
        elif found is None:
            self.participants.clear()
            self._forget_expected()
        else:
            self._is_so(found)

    def _is_so(self, room: Room) -> None:
        """The switch has told of the whole room."""
        self.instance, self.locked = room.instance, room.locked
        before = self.participants
        self.participants = {
            one.call_id: replace(
                one,
                moderator=one.moderator or (one.call_id in before and before[one.call_id].moderator),
            )
            for one in room.participants
        }
        for call_id in self.participants:
            self.expected.pop(call_id, None)
        if not self._waits_for_moderator():
            for address, _ in self.waiting.values():
                self.send(address, ModeratorIsHere(self.room))

    # Telling

    def _light(self, *, again: bool = False) -> None:
        """Have lamps show whether anybody is in: those of the conference's numbers, and of its id. `again`: also where
        that has been told, while somebody is in."""
        inside = bool(self.participants)
        if inside is self.lit and not (again and inside):
            return
        self.lit = inside
        listed = [self.doc.get("conference_numbers")]
        for role in ("member", "moderator"):
            side = self.doc.get(role)
            listed.append(side.get("numbers") if isinstance(side, dict) else None)
        numbers = [each for some in listed if isinstance(some, list) for each in some if isinstance(each, str)]
        watched = (self.conference_id, *numbers[:MOST_LAMPS])
        state: LampState = "confirmed" if inside else "terminated"
        self.cast(OMNIPRESENCE, LampChanged(self.account_id, watched, f"conference-{self.conference_id}", state))

    def _is(self) -> ConferenceIs:
        participants = tuple(sorted(self.participants.values(), key=lambda one: one.id))
        return ConferenceIs(self.focus if participants else "", self.locked, participants, tuple(self.waiting))

    def _publish(self, news: ConferenceNews) -> None:
        if self.whereis(EDGE) is None:
            return
        one = news.participant
        if one is None or news.action not in _TOLD:
            self.cast(EDGE, Publish(Event(news.action, self.conference_id, self.instance)))
            return
        told = ParticipantEvent(
            event=news.action,
            call_id=one.call_id,
            focus=news.switch,
            conference_id=self.conference_id,
            instance_id=self.instance,
            participant_id=str(one.id),
            floor=one.floor,
            hear=one.hear,
            speak=one.speak,
            talking=one.talking,
            current_energy=0,
            energy_level=0,
            video=False,
            mute_detect=False,
            caller_id_name=one.caller_id_name,
            caller_id_number=one.caller_id_number,
            channel_presence_id="",
            custom_channel_vars={"Account-ID": self.account_id},
        )
        self.cast(EDGE, Publish(told))
