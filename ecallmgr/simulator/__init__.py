"""A simulated FreeSWITCH: an event-socket server with scripted phones and faults on demand.

switch.py       SimulatedSwitch, which holds the parts together
server.py, connection.py, session.py, frames.py, subscriptions.py      the event socket
events.py, names.py      events and their formats
channel.py, profile.py, states.py      a leg and what it tells
execution.py, routines.py, applications/      what runs on a leg
dialstring.py, dialer.py, endpoints.py, bridging.py, wording.py      calling and joining
lookups.py      the dialplan over HTTP
phones.py, calls.py, scripts.py, registrations.py, invite.py      the phones
commands/      the api commands
records.py, posting.py      a leg's record, and its way to whoever wants it
faults.py, clock.py, memory.py, client.py, replay/      what tests need

The package stands alone: it knows nothing of the rest of Mirliton, so that each can test the other.
"""

from __future__ import annotations

from mirliton.ecallmgr.simulator.calls import RemoteCall
from mirliton.ecallmgr.simulator.client import ClientError, SimulatorClient
from mirliton.ecallmgr.simulator.clock import Clock, ManualClock, RealClock
from mirliton.ecallmgr.simulator.dialplan import Dialplan
from mirliton.ecallmgr.simulator.errors import (
    BadDialString,
    BadScript,
    Late,
    PortInUse,
    SimulatorError,
    UnknownCall,
    UnknownPhone,
)
from mirliton.ecallmgr.simulator.faults import Faults
from mirliton.ecallmgr.simulator.memory import MemoryConnection
from mirliton.ecallmgr.simulator.phones import Phone
from mirliton.ecallmgr.simulator.scripts import (
    ANSWERS,
    BUSY,
    DECLINES,
    MANUAL,
    NO_ANSWER,
    Script,
    Step,
    answer,
    await_answer,
    await_bridge,
    cancel,
    digits,
    early_media,
    hang_up,
    hold,
    info,
    read_script,
    refer,
    reject,
    ring,
    unhold,
)
from mirliton.ecallmgr.simulator.sounds import Sounds
from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

if __name__ != "mirliton.ecallmgr.simulator":
    raise ImportError("import mirliton.ecallmgr.simulator, not a bare name: that would give second copies of classes")

__all__ = [
    "ANSWERS",
    "BUSY",
    "DECLINES",
    "MANUAL",
    "NO_ANSWER",
    "BadDialString",
    "BadScript",
    "ClientError",
    "Clock",
    "Dialplan",
    "Faults",
    "Late",
    "ManualClock",
    "MemoryConnection",
    "Phone",
    "PortInUse",
    "RealClock",
    "RemoteCall",
    "Script",
    "SimulatedSwitch",
    "SimulatorClient",
    "SimulatorError",
    "Sounds",
    "Step",
    "UnknownCall",
    "UnknownPhone",
    "answer",
    "await_answer",
    "await_bridge",
    "cancel",
    "digits",
    "early_media",
    "hang_up",
    "hold",
    "info",
    "read_script",
    "refer",
    "reject",
    "ring",
    "unhold",
]
