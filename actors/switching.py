"""What a switch's side (ecallmgr) and the actors of a call say to each other.

    connection → table        LegEvent, LegParked, LegRenamed, SwitchUp, SwitchDown
    connection → call         LegEvent
    table → call              LegEvent (an end that was inferred), Recheck
    call → table              LegOwned, LegLost
    account → tables          LegAdmitted
    anybody → tables          kapi's questions for channels (answered as kapi says, or Incomplete), WatchLegs
    table → who watches       LegEvent, LegParked, LegsMissed
    call → connection         Dispatch, SetVariables, Settle (Accepted, Refused or SwitchUnavailable),
                              Dump (Snapshot, NoSuchLeg or SwitchUnavailable)
    executor → call           Attach (answered CallInfo), Execute (answered CommandResult), Detach
    call → executor           LegEvent, CallEnded
    ecallmgr → cdr            kapi's CdrReport (answered CdrStored, CdrNotStored or CdrRefused)

Each switch has a table of its own (`channels_name`); "tables" are all of them, by way of CHANNELS.

A command is safe to give twice: it is known by its id, and whoever gives it again after a restart is told the result,
or waits for the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final, Literal

from mirliton.runtime import Address, Name, message
from mirliton.supervisors.entities import Stamp

CHECKPOINT_VARIABLE: Final = "mirliton_checkpoint"
"""The channel variable that says where in its callflow a call is."""
COMMAND_VARIABLE: Final = "mirliton_command"
"""The channel variable that names the command that was given last."""
DONE_VARIABLE: Final = "mirliton_done"
"""The channel variable that names the command that was carried out last: set on the switch behind each command."""
HOLD_VARIABLE: Final = "mirliton_hold"
"""The channel variable that says that music plays which only the next command stops."""


LOOPED_ACCOUNT: Final = "Loopback-Account-ID"
"""The Custom-Channel-Var of a leg of the switch's own (loopback) by which a call goes on: the account whose call it is
already. Its far end comes in as a call, which has to be decided about, and is not counted twice."""


def switch_name(switch: str) -> Name:
    """Who speaks with this switch."""
    return Name("switch", switch)


def call_name(call_id: str) -> Name:
    """The actor of this call."""
    return Name("call", call_id)


def executor_name(call_id: str) -> Name:
    """Whoever runs this call's callflow."""
    return Name("cf_exe", call_id)


DRAINS: Final = "fsctl pause_check inbound"
"""Asks a switch whether it takes no new calls (api/switches.py): `true` or `false`."""


def as_variable(value: Any) -> str:
    """A value of Kazoo's as a channel variable holds it. Raises ValueError for what has no such form."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return str(value)
    raise ValueError(f"a {type(value).__name__} is no text, number or flag")


def channels_name(switch: str) -> Name:
    """The channel table of this switch."""
    return Name("channels", switch)


def switch_group(switch: str) -> str:
    """The Failover of this switch, on the nodes of a cluster."""
    return f"switch {switch}"


def calls_name(switch: str) -> Name:
    """The supervisor of this switch's calls."""
    return Name("supervisor", f"calls {switch}")


CHANNELS: Final = Name("service", "channels")
"""Who answers for the channel tables of all switches, and passes on to them."""
ROUTER: Final = Name("service", "callflow")
MEDIA: Final = Name("service", "media_mgr")
"""Who knows where media are; one on each node that has switches."""
AUTHN: Final = Name("service", "authn")
"""Who knows the passwords of phones."""
CDR: Final = Name("service", "cdr")
SWITCH_NEWS: Final = "switch news"
"""The group of those who are told of each SwitchUp and SwitchDown, besides the table."""


@message("leg.event")
class LegEvent:
    """Something happened to a leg (a channel of the switch).

    `event` is one of kapi's call events; of a ChannelExecuteCompleted the `msg_id` is the id of the command that ended.
    `variables` are the channel variables that tell a command's result. `run` is the switch's run (its Core-UUID).
    With a leg's end (ChannelDestroyed) comes its `report`, a kapi CdrReport; an end without one was inferred.
    """

    switch: str
    event: Any
    variables: dict[str, str] = field(default_factory=dict)
    run: str = ""
    report: Any = None


@message("leg.parked")
class LegParked:
    """A leg came in and waits in park for somebody to take it. `leg` describes it (a kapi ChannelCreated)."""

    switch: str
    leg: Any
    variables: dict[str, str] = field(default_factory=dict)
    run: str = ""


@message("leg.renamed")
class LegRenamed:
    """The leg `old` has another id from now on: that of `leg` (a kapi ChannelCreated)."""

    switch: str
    old: str
    leg: Any
    run: str = ""


@message("leg.owned")
class LegOwned:
    """Whose call this is has been noted on its channel; no event of the switch says so at once. Told to CHANNELS
    without its `switch`, all tables hear it."""

    call_id: str
    custom_channel_vars: dict[str, Any]
    switch: str = ""


@message("leg.admitted")
class LegAdmitted:
    """Its account counts this call against its limits; `billing`: who pays for its legs by carriers, by direction
    (None: there is no such leg any more). `switch` as in LegOwned. `stamp` says under which ownership of the account.

    As a request to the switch's own table it is answered: True when it is noted, False when the account has another
    owner by now."""

    call_id: str
    billing: Mapping[str, str | None] = field(default_factory=dict)
    switch: str = ""
    stamp: Stamp | None = None


@message("legs.audit")
class AuditNow:
    """Compare the channel table with its switch now; it does so at intervals, too."""


@message("legs.switches")
class AskSwitches:
    """Ask CHANNELS which switches there are: a tuple of their names."""


@message("legs.incomplete")
class Incomplete:
    """CHANNELS' answer to a question that the tables of the switches in `missing` did not answer in time. `answer` is
    what the others said, of the type that was asked for."""

    answer: Any
    missing: tuple[str, ...]


def as_far_as_known(answer: Any) -> Any:
    """An answer of CHANNELS, also where some switches' part of it is missing: for who shows it, or prefers little to
    nothing."""
    return answer.answer if isinstance(answer, Incomplete) else answer


@message("leg.lost")
class LegLost:
    """The switch has no such leg any more, and its end was told to nobody."""

    switch: str
    leg: Any


@message("leg.snapshot")
class Snapshot:
    """What the switch knows of a leg right now.

    `application` is what runs or ran last on it; `bridged_to` the leg it talks with.
    """

    switch: str
    leg: Any
    variables: dict[str, str]
    application: str
    answered: bool
    bridged_to: str | None = None
    run: str = ""


@message("leg.none")
class NoSuchLeg:
    """The switch has no leg of that id."""

    call_id: str


@message("switch.up")
class SwitchUp:
    """The connection to a switch stands. `run` names the switch's run: the calls of other runs are gone. `restarted`
    says that the connection knew another run before."""

    switch: str
    restarted: bool
    run: str = ""


@message("switch.down")
class SwitchDown:
    """The connection to a switch is lost; its calls go on without us meanwhile."""

    switch: str
    reason: str


@message("switch.dump")
class Dump:
    """Ask for a Snapshot of a leg."""

    call_id: str


@message("switch.legs")
class ListLegs:
    """Ask for the ids of all legs of a switch."""


@message("switch.api")
class SwitchApi:
    """Run an API command on the switch; the answer is its text."""

    command: str
    timeout: float = 10.0


@message("switch.unavailable")
class SwitchUnavailable:
    """The switch cannot be asked now; try again when it is back."""

    switch: str
    reason: str


@message("switch.dispatch")
class Dispatch:
    """Give a command to a leg. `checkpoint` (when not empty) is noted on the channel first.

    Without a `command_id` it goes beside the leg's commands, and nothing is noted. With `interrupt` what plays is ended
    first, and what the switch has queued for the leg is forgotten.
    """

    call_id: str
    command: Any
    command_id: str
    checkpoint: str = ""
    interrupt: bool = False


@message("switch.settle")
class Settle:
    """Note behind what runs on the leg that this command is done; with `interrupt`, end what runs first.

    For a command whose own note may not have reached the switch. Answered like a Dispatch.
    """

    call_id: str
    command_id: str
    interrupt: bool = False


@message("switch.set_variables")
class SetVariables:
    """Set channel variables at once, beside the leg's command queue. Answered like a Dispatch."""

    call_id: str
    variables: dict[str, str]


@message("switch.accepted")
class Accepted:
    """The switch has taken the command. With `completes` its end comes as an event, else it is done."""

    command_id: str
    completes: bool


@message("switch.refused")
class Refused:
    """The switch did not take the command, and why."""

    command_id: str
    text: str


@message("call.attach")
class Attach:
    """A controller takes the call over: it gets the call's events from now on."""

    controller: Address


@message("call.detach")
class Detach:
    """The controller has done all it wanted, also after the call's end."""


@message("call.info")
class CallInfo:
    """What a controller needs to know of its call. `leg` describes it (a kapi ChannelCreated)."""

    call_id: str
    switch: str
    leg: Any
    custom_channel_vars: dict[str, Any]
    checkpoint: str
    answered: bool
    ended: bool
    hangup_cause: str | None = None


@message("call.execute")
class Execute:
    """Carry out a Kazoo dialplan command; answered by a CommandResult when it is done.

    `command_id` (a UUID) is the command's identity: given again, it is not carried out again.
    """

    command_id: str
    command: Any
    checkpoint: str = ""


@message("call.result")
class CommandResult:
    """How a command ended: `done`, `refused` by the switch, or `gone` with the call."""

    command_id: str
    status: Literal["done", "refused", "gone"]
    response: str = ""
    variables: dict[str, str] = field(default_factory=dict)


@message("call.ended")
class CallEnded:
    """The leg is gone from the switch."""

    call_id: str
    hangup_cause: str


@message("call.recheck")
class Recheck:
    """Events may have been missed: compare with the switch."""


PARKED: Final = "CHANNEL_PARK"
"""What a LegParked is called among the names of events."""


@message("legs.watch")
class WatchLegs:
    """Cast to CHANNELS: send every LegEvent and LegParked of all switches to `watcher` until it ends, or no more
    (`on`). A watcher monitors CHANNELS, and casts this again when that has been restarted."""

    watcher: Address
    on: bool = True
    only: tuple[str, ...] = ()
    """Kazoo's names of the events that it wants (PARKED for a LegParked); none: all."""


@message("legs.missed")
class LegsMissed:
    """Told to watchers: the channel table of this switch is another from now on, and what happened while there was none
    was told to nobody."""

    switch: str


@message("cdr.stored")
class CdrStored:
    """The leg's record is in the store under this id."""

    id: str


@message("cdr.refused")
class CdrRefused:
    """The record cannot be stored, now or later."""

    reason: str


@message("cdr.not_stored")
class CdrNotStored:
    """The record could not be stored now; report again."""

    reason: str
