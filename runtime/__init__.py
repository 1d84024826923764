"""Erlang's process model in Python, hosted on Thespian actors. Knows no telephony, no policy, no configuration.

node.py               a node: the processes of one event loop
scheduler.py          the run queue: which process runs next
process.py            what every process can do
gen_server.py         GenServer: serves requests one at a time
coroutine_process.py  CoroutineProcess: one script with selective receive
signals.py            links, monitors, exit signals, death
calls.py              calls in flight
registry.py           local names
addresses.py          Pid and Name
messages.py codec.py  message types and their wire form
clock.py timers.py    time
dossier.py            what is known of a crash
introspect.py         looking into live processes
metrics.py            Prometheus
plain_actors.py hosted.py actor_sources.py system_base.py   Thespian's own API
waits.py protocol.py cell.py reasons.py errors.py   what these are made of
testing/              virtual time, probes
"""

if __name__ != "mirliton.runtime":
    raise ImportError("import mirliton.runtime, not runtime: the bare name would give a second copy of every class")

from mirliton.runtime.addresses import Address, Name, Pid
from mirliton.runtime.clock import Clock, RealClock, VirtualClock
from mirliton.runtime.codec import decode, encode
from mirliton.runtime.coroutine_process import CoroutineProcess
from mirliton.runtime.dossier import Dossier, Dossiers, redact, summarise
from mirliton.runtime.errors import (
    AlreadyStarted,
    CallError,
    CallingSelf,
    CallTimeout,
    CodecError,
    Exit,
    MailboxFull,
    MalformedFrame,
    NameNotRegistered,
    NameTaken,
    NodeDown,
    NoProc,
    NotSerialisable,
    PreviousIncarnation,
    RuntimeFault,
    ServerDied,
    StartError,
    StrictModeViolation,
    UnknownMessageType,
)
from mirliton.runtime.gen_server import IGNORE, Continue, GenServer, NoReply, Reply, Stop
from mirliton.runtime.introspect import Status, SystemRequestFailed
from mirliton.runtime.messages import message, registered
from mirliton.runtime.metrics import NodeCollector
from mirliton.runtime.node import Node
from mirliton.runtime.process import Process
from mirliton.runtime.protocol import (
    TIMEOUT,
    Call,
    Cast,
    Completed,
    Down,
    ExitSignal,
    From,
    Idle,
    Ref,
    TimerFired,
)
from mirliton.runtime.reasons import Crash, Shutdown, is_quiet, reason_of
from mirliton.runtime.timers import TimerRef

__all__ = [
    "IGNORE",
    "TIMEOUT",
    "Address",
    "AlreadyStarted",
    "Call",
    "CallError",
    "CallTimeout",
    "CallingSelf",
    "Cast",
    "Clock",
    "CodecError",
    "Completed",
    "Continue",
    "CoroutineProcess",
    "Crash",
    "Dossier",
    "Dossiers",
    "Down",
    "Exit",
    "ExitSignal",
    "From",
    "GenServer",
    "Idle",
    "MailboxFull",
    "MalformedFrame",
    "Name",
    "NameNotRegistered",
    "NameTaken",
    "NoProc",
    "NoReply",
    "Node",
    "NodeCollector",
    "NodeDown",
    "NotSerialisable",
    "Pid",
    "PreviousIncarnation",
    "Process",
    "RealClock",
    "Ref",
    "Reply",
    "RuntimeFault",
    "ServerDied",
    "Shutdown",
    "StartError",
    "Status",
    "Stop",
    "StrictModeViolation",
    "SystemRequestFailed",
    "TimerFired",
    "TimerRef",
    "UnknownMessageType",
    "VirtualClock",
    "decode",
    "encode",
    "is_quiet",
    "message",
    "reason_of",
    "redact",
    "registered",
    "summarise",
]
