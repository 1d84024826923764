"""What there is to kill on the path of a call: by kind, for one call or for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from mirliton.actors.admission import account_name
from mirliton.actors.entity_server import ENTITY_SERVER, PROCESSES
from mirliton.actors.store.server import STORE
from mirliton.actors.switching import (
    CDR,
    CHANNELS,
    ROUTER,
    call_name,
    calls_name,
    channels_name,
    executor_name,
    switch_group,
    switch_name,
)
from mirliton.ecallmgr.app import ECALLMGR, SWITCHES
from mirliton.ecallmgr.registrations import REGISTRAR
from mirliton.ecallmgr.switch_http import SWITCH_HTTP
from mirliton.runtime import Name, Node, Pid
from mirliton.supervisors.chaos import Pick
from mirliton.supervisors.entities.messages import GATE
from mirliton.supervisors.entities.starting import ENTITIES_SUPERVISOR
from mirliton.whapps.callflow.listener import EXECUTORS
from scene import SWITCH
from tenants import TENANTS

Names = Callable[[str], Iterator[Name]]


@dataclass(frozen=True)
class Target:
    """A kind of process. `names` gives those of a call, or those that serve all calls; with `above` it is their
    supervisor that is meant. `own`: every call has a supervisor of its own, which may give up."""

    name: str
    names: Names
    above: bool = False
    own: bool = False

    def __str__(self) -> str:
        return self.name

    def of(self, node: Node, call_id: str) -> list[Pid]:
        """Those that live now."""
        found = [node.find(name) for name in self.names(call_id)]
        cells = [cell for cell in found if cell is not None]
        pids = [cell.parent if self.above else cell.pid for cell in cells]
        return [pid for pid in dict.fromkeys(pids) if node.find(pid) is not None]

    @property
    def pick(self) -> Pick:
        """The same in a plan of chaos, of whichever call."""
        names = tuple(str(name) for name in self.names("*"))
        return Pick(names=names, above=self.above, beyond_intensity=self.own, label=self.name)

    def kill(self, node: Node, call_id: str) -> int:
        """Kill those that live now; how many that were."""
        pids = self.of(node, call_id)
        for pid in pids:
            node.exit(pid, "kill")
        return len(pids)


def _one(name: Name) -> Names:
    return lambda _: iter((name,))


def _accounts(_: str) -> Iterator[Name]:
    return (account_name(tenant.account_id) for tenant in TENANTS)


def _supervisor(key: str) -> Name:
    return Name("supervisor", key)


OF_A_CALL: Final = (
    Target("call", lambda call_id: iter((call_name(call_id),)), own=True),
    Target("call_supervisor", lambda call_id: iter((call_name(call_id),)), above=True, own=True),
    Target("executor", lambda call_id: iter((executor_name(call_id),)), own=True),
    Target("executor_supervisor", lambda call_id: iter((executor_name(call_id),)), above=True, own=True),
)
OF_ALL: Final = (
    Target("account", _accounts),
    Target("account_supervisor", _accounts, above=True),
    Target("entities_supervisor", _one(ENTITIES_SUPERVISOR)),
    Target("entities_gate", _one(GATE)),
    Target("entities_tree", _one(ENTITIES_SUPERVISOR), above=True),
    Target("entity_server", _one(ENTITY_SERVER)),
    Target("entity_processes_supervisor", _one(PROCESSES)),
    Target("entity_keeping_supervisor", _one(_supervisor("entity_keeping"))),
    Target("store", _one(STORE)),
    Target("cdr", _one(CDR)),
    Target("cdr_supervisor", _one(_supervisor("cdr"))),
    Target("router", _one(ROUTER)),
    Target("executors_supervisor", _one(EXECUTORS)),
    Target("callflow_supervisor", _one(_supervisor("callflow"))),
    Target("switch_http", _one(SWITCH_HTTP)),
    Target("registrar", _one(REGISTRAR)),
    Target("all_channels", _one(CHANNELS)),
    Target("channels", _one(channels_name(SWITCH))),
    Target("calls_supervisor", _one(calls_name(SWITCH))),
    Target("switch_supervisor", _one(_supervisor(switch_group(SWITCH)))),
    Target("switches_supervisor", _one(SWITCHES)),
    Target("connection", _one(switch_name(SWITCH))),
    Target("ecallmgr_supervisor", _one(ECALLMGR)),
)
TARGETS: Final = (*OF_A_CALL, *OF_ALL)
