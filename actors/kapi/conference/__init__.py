"""Conferences: finding one, getting in, commanding it, and what it reports. Exchange conference.

    joining   where is it, who wants in       commands  mute, kick, play, record, dial …
    events    what happened, and answers

Kazoo: kapi_conference.
"""

from mirliton.actors.kapi.conference.commands import (
    DeafParticipant,
    Dial,
    Kick,
    Lock,
    MuteParticipant,
    ParticipantEnergy,
    ParticipantsReq,
    ParticipantVolumeIn,
    ParticipantVolumeOut,
    Play,
    PlayMacro,
    Record,
    RecordStop,
    RelateParticipants,
    Set,
    StopPlay,
    UndeafParticipant,
    Unlock,
    UnmuteParticipant,
)
from mirliton.actors.kapi.conference.events import ConferenceError, DialResp, Event, ParticipantEvent, ParticipantsResp
from mirliton.actors.kapi.conference.joining import (
    AddParticipant,
    ConfigReq,
    ConfigResp,
    DiscoveryReq,
    DiscoveryResp,
    SearchReq,
    SearchResp,
)

__all__ = [
    "AddParticipant",
    "ConferenceError",
    "ConfigReq",
    "ConfigResp",
    "DeafParticipant",
    "Dial",
    "DialResp",
    "DiscoveryReq",
    "DiscoveryResp",
    "Event",
    "Kick",
    "Lock",
    "MuteParticipant",
    "ParticipantEnergy",
    "ParticipantEvent",
    "ParticipantVolumeIn",
    "ParticipantVolumeOut",
    "ParticipantsReq",
    "ParticipantsResp",
    "Play",
    "PlayMacro",
    "Record",
    "RecordStop",
    "RelateParticipants",
    "SearchReq",
    "SearchResp",
    "Set",
    "StopPlay",
    "UndeafParticipant",
    "Unlock",
    "UnmuteParticipant",
]
