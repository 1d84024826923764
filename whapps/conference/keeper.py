"""Has a conference's actor run when somebody needs it. It outlives the supervisor of the conferences: to end with it
would take two of the restarts that both share."""

from __future__ import annotations

from typing import Any

from mirliton.actors.conference import conference_tree
from mirliton.actors.conferencing import CONFERENCES_SUPERVISOR, EnsureConference, conference_name, room_of
from mirliton.runtime import CallError, From, GenServer, Reply
from mirliton.supervisors import Refused, StartChild


class Keeper(GenServer):
    """Under CONFERENCES."""

    async def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case EnsureConference(account_id, conference_id):
                name = conference_name(room_of(account_id, conference_id))
                if self.whereis(name) is not None:
                    return Reply(name)
                try:
                    start = StartChild([conference_tree(account_id, conference_id)])
                    started = await self.call(CONFERENCES_SUPERVISOR, start)
                except CallError as error:
                    started = Refused(str(error))
                refused = isinstance(started, Refused) and self.whereis(name) is None
                return Reply(started if refused else name)
        return super().handle_call(request, sender)
