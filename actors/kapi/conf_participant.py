"""A leg in a conference is told to do something. Kazoo: kapi_conf_participant."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything


@kapi("conf_participant.dialplan_req", "conference")
class DialplanReq:
    """Do this dialplan command on the participant's leg."""

    dialplan_command: Anything
    conference_id: str | None = None
    participant_id: str | None = None
