"""FreeSWITCH's event socket: bytes in, events and answers out, commands back.

framing      bytes -> frames                     pure
events       frame -> Event                      pure
commands     values -> the bytes of a command    pure
quoting      others' text inside an argument     pure
pending      which command an answer is for      pure
errors       the tree of everything that goes wrong
hub          the thread in which greenswitch's gevent hub runs
inbound      greenswitch's client, with what was replaced in it      (in the hub)
link         one connection's life, told to the loop                 (in the hub)
inbox        the bounded way from the hub to the loop
exchange     commands with futures and deadlines                     (in the loop)
liveness     pings a silent switch, and gives it up                  (in the loop)
connection   EventSocket: what the rest of ecallmgr uses             (in the loop)
"""

from mirliton.ecallmgr.esl import commands, quoting
from mirliton.ecallmgr.esl.connection import EventSocket, State, Statistics
from mirliton.ecallmgr.esl.errors import (
    AuthRefused,
    ClosedBySwitch,
    ClosedLocally,
    CommandError,
    CommandLost,
    CommandRefused,
    CommandTimedOut,
    ConnectFailed,
    ConnectionClosed,
    ConnectionLost,
    ConnectionRefused,
    DisconnectNotice,
    EslError,
    EventError,
    FrameError,
    HubStopped,
    InternalFault,
    InvalidCommand,
    LoginTimedOut,
    MalformedEvent,
    MalformedFrame,
    NotAnEvent,
    NotConnected,
    NotOurs,
    OversizedFrame,
    ReaderTooSlow,
    ReplyOutOfTurn,
    RudeRejection,
    StreamBroken,
    SwitchNotReading,
    SwitchSilent,
    TooManyInFlight,
    TruncatedFrame,
)
from mirliton.ecallmgr.esl.events import Event, Value, decode
from mirliton.ecallmgr.esl.framing import Frame, Framer, Limits
from mirliton.ecallmgr.esl.hub import Hub
from mirliton.ecallmgr.esl.quoting import Leg, dial_string, inert

__all__ = [
    "AuthRefused",
    "ClosedBySwitch",
    "ClosedLocally",
    "CommandError",
    "CommandLost",
    "CommandRefused",
    "CommandTimedOut",
    "ConnectFailed",
    "ConnectionClosed",
    "ConnectionLost",
    "ConnectionRefused",
    "DisconnectNotice",
    "EslError",
    "Event",
    "EventError",
    "EventSocket",
    "Frame",
    "FrameError",
    "Framer",
    "Hub",
    "HubStopped",
    "InternalFault",
    "InvalidCommand",
    "Leg",
    "Limits",
    "LoginTimedOut",
    "MalformedEvent",
    "MalformedFrame",
    "NotAnEvent",
    "NotConnected",
    "NotOurs",
    "OversizedFrame",
    "ReaderTooSlow",
    "ReplyOutOfTurn",
    "RudeRejection",
    "State",
    "Statistics",
    "StreamBroken",
    "SwitchNotReading",
    "SwitchSilent",
    "TooManyInFlight",
    "TruncatedFrame",
    "Value",
    "commands",
    "decode",
    "dial_string",
    "inert",
    "quoting",
]
