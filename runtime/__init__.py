"""Erlang's process model in Python, hosted on Thespian actors. Knows no telephony, no policy, no configuration.

node.py               a node: the processes of one event loop
scheduler.py          the run queue: which process runs next
spawning.py           how a process comes into being
process.py            what every process can do
gen_server.py         GenServer: serves requests one at a time
gen_statem.py         GenStatem: a state machine; statem.py its words, statem_turn.py statem_timers.py its parts
coroutine_process.py  CoroutineProcess: one script with selective receive
gen_event.py event_*.py  GenEvent: tells each event to a list of handlers
state_holder.py       StateHolder: one value, and functions that run on it (Elixir's Agent)
key_registry.py via.py   KeyRegistry: processes by any key, with values (Elixir's Registry); Via addresses
post.py sending.py serving.py envelopes.py   the way of a message; setup.py can compile it (form.py)
signals.py            links, monitors, exit signals, death
calls.py              calls in flight
registry.py           local names
groups.py             process groups
requests.py           requests whose response comes later
addresses.py          Pid, Name, NameAt, Via
messages.py codec.py strict.py   message types, their wire form, and holding local ones to it
overflow.py           bounded mailboxes
clock.py timers.py alarm.py   time
dossier.py redaction.py   what is known of a crash, without secrets
introspect.py         looking into live processes
metrics.py families.py pauses.py   Prometheus
watchdog.py holding.py rate_limit.py   ends a handler that holds the loop
plain_actors.py hosted.py actor_sources.py system_base.py   Thespian's own API
waits.py saved_mail.py outcome.py protocol.py cell.py reasons.py errors.py   what these are made of
transport/ distribution/   several nodes: how they hear each other, what their processes do with each other
testing/              virtual time, probes, interleavings, faults, leaks
"""

if __name__ != "mirliton.runtime":
    raise ImportError("import mirliton.runtime, not runtime: the bare name would give a second copy of every class")

from mirliton.runtime import gen_event, key_registry, state_holder
from mirliton.runtime.addresses import Address, Name, NameAt, Pid, ProcessName, Via
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
    EventHandlerError,
    Exit,
    FrameRefused,
    HandlerTooSlow,
    LaneBroken,
    MailboxFull,
    MalformedFrame,
    MessageTooLarge,
    NameNotRegistered,
    NameTaken,
    NodeDown,
    NoProc,
    NotSerialisable,
    OutboxFull,
    PreviousIncarnation,
    RuntimeFault,
    ServerDied,
    StartError,
    StrictModeViolation,
    Throw,
    UnknownMessageType,
)
from mirliton.runtime.event_handler import EventHandler, Remove, Swap
from mirliton.runtime.event_manager import GenEvent
from mirliton.runtime.event_requests import GenEventExit
from mirliton.runtime.form import COMPILED
from mirliton.runtime.gen_server import IGNORE, Continue, GenServer, NoReply, Reply, Stop
from mirliton.runtime.gen_statem import GenStatem
from mirliton.runtime.groups import GroupJoined, GroupLeft, Groups
from mirliton.runtime.introspect import Status, SystemRequestFailed
from mirliton.runtime.key_registry import KeyRegistered, KeyRegistry, KeyUnregistered
from mirliton.runtime.messages import message, registered
from mirliton.runtime.metrics import NodeCollector
from mirliton.runtime.node import Node
from mirliton.runtime.pauses import Pauses
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
    Local,
    Ref,
    RequestId,
    Response,
    TimerFired,
)
from mirliton.runtime.reasons import Crash, Shutdown, is_quiet, kind_of, reason_of
from mirliton.runtime.spawning import Start
from mirliton.runtime.state_holder import StateHolder
from mirliton.runtime.statem import (
    ChangeCallbackModule,
    Enter,
    EventTimedOut,
    EventTimeout,
    Hibernate,
    Info,
    Internal,
    KeepState,
    NextEvent,
    NextState,
    PopCallbackModule,
    Postpone,
    PushCallbackModule,
    RepeatState,
    ReplyTo,
    StateTimedOut,
    StateTimeout,
    StopAndReply,
    TimedOut,
    Timeout,
)
from mirliton.runtime.timers import TimerRef
from mirliton.runtime.watchdog import Watchdog

__all__ = [
    "COMPILED",
    "IGNORE",
    "TIMEOUT",
    "Address",
    "AlreadyStarted",
    "Call",
    "CallError",
    "CallTimeout",
    "CallingSelf",
    "Cast",
    "ChangeCallbackModule",
    "Clock",
    "CodecError",
    "Completed",
    "Continue",
    "CoroutineProcess",
    "Crash",
    "Dossier",
    "Dossiers",
    "Down",
    "Enter",
    "EventHandler",
    "EventHandlerError",
    "EventTimedOut",
    "EventTimeout",
    "Exit",
    "ExitSignal",
    "FrameRefused",
    "From",
    "GenEvent",
    "GenEventExit",
    "GenServer",
    "GenStatem",
    "GroupJoined",
    "GroupLeft",
    "Groups",
    "HandlerTooSlow",
    "Hibernate",
    "Idle",
    "Info",
    "Internal",
    "KeepState",
    "KeyRegistered",
    "KeyRegistry",
    "KeyUnregistered",
    "LaneBroken",
    "Local",
    "MailboxFull",
    "MalformedFrame",
    "MessageTooLarge",
    "Name",
    "NameAt",
    "NameNotRegistered",
    "NameTaken",
    "NextEvent",
    "NextState",
    "NoProc",
    "NoReply",
    "Node",
    "NodeCollector",
    "NodeDown",
    "NotSerialisable",
    "OutboxFull",
    "Pauses",
    "Pid",
    "PopCallbackModule",
    "Postpone",
    "PreviousIncarnation",
    "Process",
    "ProcessName",
    "PushCallbackModule",
    "RealClock",
    "Ref",
    "Remove",
    "RepeatState",
    "Reply",
    "ReplyTo",
    "RequestId",
    "Response",
    "RuntimeFault",
    "ServerDied",
    "Shutdown",
    "Start",
    "StartError",
    "StateHolder",
    "StateTimedOut",
    "StateTimeout",
    "Status",
    "Stop",
    "StopAndReply",
    "StrictModeViolation",
    "Swap",
    "SystemRequestFailed",
    "Throw",
    "TimedOut",
    "Timeout",
    "TimerFired",
    "TimerRef",
    "UnknownMessageType",
    "Via",
    "VirtualClock",
    "Watchdog",
    "decode",
    "encode",
    "gen_event",
    "is_quiet",
    "key_registry",
    "kind_of",
    "message",
    "reason_of",
    "redact",
    "registered",
    "state_holder",
    "summarise",
]
