"""How an account's admissions get into the channel table before anybody is told of them.

Whoever follows the account's process counts by the table. So an admission is answered when the table has noted it; one
that it does not note, since it is away or knows of a later owner of the account, is taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from mirliton.actors.switching import CHANNELS, LegAdmitted, channels_name
from mirliton.runtime import From
from mirliton.supervisors.entities import Entity

NOTE_TIMEOUT: Final = 2.0
"""Seconds after which the table is told again, if somebody still asks."""

Noted = tuple[str, str]
"""A call, and the direction of its leg to or from a carrier; "" for the call itself."""


@dataclass(slots=True)
class _Note:
    """One of which the table is being told. Whoever asked gets the `answer`."""

    told: LegAdmitted
    answer: Any
    take_back: Callable[[], object]
    senders: list[From] = field(default_factory=list)
    tag: int = 0
    """Of the request to the table."""
    since: float = 0.0


class Notes:
    """Those of one account that are under way: as many as it counts calls and legs, at most."""

    def __init__(self, account: Entity) -> None:
        self._account = account
        self._notes: dict[Noted, _Note] = {}
        self._tags: dict[int, Noted] = {}

    def __len__(self) -> int:
        return len(self._notes)

    def begin(self, what: Noted, told: LegAdmitted, answer: Any, take_back: Callable[[], object]) -> None:
        """It is counted: who asks is answered when the table has it. `take_back` uncounts it."""
        self._notes[what] = _Note(told, answer, take_back)

    def answer(self, what: Noted, answer: Any, sender: From) -> None:
        """Answer somebody who has asked for what is counted: now, or with the one that is under way."""
        account, note = self._account, self._notes.get(what)
        if note is None:
            account.reply(sender, answer)
            return
        note.senders.append(sender)
        now, switch = account.node.clock.now(), note.told.switch
        if not switch:
            # Of no switch's call: whichever table has it hears of it.
            account.send(CHANNELS, note.told)
            self._end(what, None, None)
        elif not note.tag or now - note.since >= NOTE_TIMEOUT:
            self._tags.pop(note.tag, None)
            note.tag, note.since = account.send_request(channels_name(switch), note.told).tag, now
            self._tags[note.tag] = what

    def noted(self, tag: int, noted: Any, error: Any, trouble: Callable[[str], Any]) -> None:
        """What came of a request to the table. `trouble` makes the answer to those whose admission is taken back."""
        what = self._tags.pop(tag, None)
        if what is None:
            return
        if error is not None:
            self._end(what, f"the channel table does not answer: {error}", trouble)
        elif noted is not True:
            self._end(what, "another node has the account now", trouble)
        else:
            self._end(what, None, None)

    def _end(self, what: Noted, reason: str | None, trouble: Callable[[str], Any] | None) -> None:
        note = self._notes.pop(what)
        answer = note.answer
        if reason is not None and trouble is not None:
            self._account.log.info("admission_not_noted", call_id=what[0], reason=reason)
            note.take_back()
            answer = trouble(reason)
        for sender in note.senders:
            self._account.reply(sender, answer)
