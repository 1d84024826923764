"""Commands to a call: sent to its control queue, done one after the other. Kazoo: kapi_dialplan.

    legs        answer, ring, hang up, hold, set       recording  record, and keep what was recorded
    playing     play, say, speak, tones                faxing     receive, detect, keep
    digits      collect and send                       queueing   several at once, marks, errors
    bridging    bridge, page, pick up, transfer

Every command has:

`call_id`    the leg that it is for.
`insert_at`  where it goes in the queue: to its `tail`, its `head`, alone into a queue that is emptied first
             (`flush`), or past the queue (`now`).
`msg_id`     the sender's name for it; what reports its end bears the same. At the edge one is made if there is none.
"""

from mirliton.actors.kapi.dialplan._command import Command, InsertAt, Leg, application_name
from mirliton.actors.kapi.dialplan.bridging import (
    Bridge,
    CallPickup,
    Conference,
    ConnectLeg,
    Eavesdrop,
    Page,
    SoftHold,
    Transfer,
    Unbridge,
)
from mirliton.actors.kapi.dialplan.digits import PlayAndCollectDigits, RecvDtmf, SendDtmf, SetTerminators
from mirliton.actors.kapi.dialplan.faxing import FaxDetection, ReceiveFax, StoreFax
from mirliton.actors.kapi.dialplan.legs import (
    Answer,
    Echo,
    EventActions,
    ExecuteExtension,
    Fetch,
    Hangup,
    Hold,
    HoldControl,
    Park,
    Privacy,
    Progress,
    Redirect,
    Respond,
    Ring,
    Set,
    Sleep,
)
from mirliton.actors.kapi.dialplan.playing import (
    AudioLevel,
    Break,
    MediaMacro,
    Play,
    PlayMacro,
    PlaySeek,
    PlayStop,
    Say,
    SoundTouch,
    Tone,
    ToneDetect,
    Tones,
    Tts,
)
from mirliton.actors.kapi.dialplan.queueing import DialplanError, Noop, OriginateExecute, OriginateReady, Queue
from mirliton.actors.kapi.dialplan.recording import Record, RecordCall, Store, StoreAmqpResp, StoreHttpResp, StoreVm
from mirliton.actors.kapi.endpoint import BLegEvent, Endpoint, Peer

__all__ = [
    "Answer",
    "AudioLevel",
    "BLegEvent",
    "Break",
    "Bridge",
    "CallPickup",
    "Command",
    "Conference",
    "ConnectLeg",
    "DialplanError",
    "Eavesdrop",
    "Echo",
    "Endpoint",
    "EventActions",
    "ExecuteExtension",
    "FaxDetection",
    "Fetch",
    "Hangup",
    "Hold",
    "HoldControl",
    "InsertAt",
    "Leg",
    "MediaMacro",
    "Noop",
    "OriginateExecute",
    "OriginateReady",
    "Page",
    "Park",
    "Peer",
    "Play",
    "PlayAndCollectDigits",
    "PlayMacro",
    "PlaySeek",
    "PlayStop",
    "Privacy",
    "Progress",
    "Queue",
    "ReceiveFax",
    "Record",
    "RecordCall",
    "RecvDtmf",
    "Redirect",
    "Respond",
    "Ring",
    "Say",
    "SendDtmf",
    "Set",
    "SetTerminators",
    "Sleep",
    "SoftHold",
    "SoundTouch",
    "Store",
    "StoreAmqpResp",
    "StoreFax",
    "StoreHttpResp",
    "StoreVm",
    "Tone",
    "ToneDetect",
    "Tones",
    "Transfer",
    "Tts",
    "Unbridge",
    "application_name",
]
