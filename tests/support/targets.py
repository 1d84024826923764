"""What there is to kill on the path of a call: by kind, for one call or for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from mirliton.actors.account import ACCOUNTS, ACCOUNTS_SUPERVISOR, account_name
from mirliton.actors.store.server import STORE
from mirliton.actors.switching import CALLS, CDR, CHANNELS, ROUTER, call_name, executor_name, switch_name
from mirliton.ecallmgr.app import ECALLMGR, SWITCHES
from mirliton.ecallmgr.registrations import REGISTRAR
from mirliton.ecallmgr.switch_http import SWITCH_HTTP
from mirliton.runtime import Name, Node, Pid
from mirliton.whapps.callflow.listener import EXECUTORS
from scene import SWITCH
from tenants import TENANTS
from world import ROOT

Names = Callable[[str], Iterator[Name]]


@dataclass(frozen=True)
class Target:
    """A kind of process. `names` gives those of a call, or those that serve all calls; with `above` it is their
    supervisor that is meant. `under` says whose restart intensity a kill is taken from: None where every call has
    a supervisor of its own."""

    name: str
    names: Names
    under: Name | None = None
    above: bool = False

    def __str__(self) -> str:
        return self.name

    def of(self, node: Node, call_id: str) -> list[Pid]:
        """Those that live now."""
        found = [node.find(name) for name in self.names(call_id)]
        cells = [cell for cell in found if cell is not None]
        pids = [cell.parent if self.above else cell.pid for cell in cells]
        return [pid for pid in dict.fromkeys(pids) if node.find(pid) is not None]

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
    Target("call", lambda call_id: iter((call_name(call_id),))),
    Target("call_supervisor", lambda call_id: iter((call_name(call_id),)), above=True),
    Target("executor", lambda call_id: iter((executor_name(call_id),))),
    Target("executor_supervisor", lambda call_id: iter((executor_name(call_id),)), above=True),
)
OF_ALL: Final = (
    Target("account", _accounts, under=Name("account", "supervisor")),
    Target("account_supervisor", _accounts, above=True),
    Target("accounts_keeper", _one(ACCOUNTS), under=_supervisor("account_keeping")),
    Target("accounts_supervisor", _one(ACCOUNTS_SUPERVISOR), under=_supervisor("account_keeping")),
    Target("account_keeping_supervisor", _one(_supervisor("account_keeping")), under=ROOT),
    Target("store", _one(STORE), under=ROOT),
    Target("cdr", _one(CDR), under=_supervisor("cdr")),
    Target("cdr_supervisor", _one(_supervisor("cdr")), under=ROOT),
    Target("router", _one(ROUTER), under=_supervisor("callflow")),
    Target("executors_supervisor", _one(EXECUTORS), under=_supervisor("callflow")),
    Target("callflow_supervisor", _one(_supervisor("callflow")), under=ROOT),
    Target("switch_http", _one(SWITCH_HTTP), under=ECALLMGR),
    Target("registrar", _one(REGISTRAR), under=ECALLMGR),
    Target("channels", _one(CHANNELS), under=ECALLMGR),
    Target("calls_supervisor", _one(CALLS), under=ECALLMGR),
    Target("switches_supervisor", _one(SWITCHES), under=ECALLMGR),
    Target("connection", _one(switch_name(SWITCH)), under=SWITCHES),
    Target("ecallmgr_supervisor", _one(ECALLMGR), under=ROOT),
)
TARGETS: Final = (*OF_A_CALL, *OF_ALL)
