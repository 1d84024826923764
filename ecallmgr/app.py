"""ecallmgr's supervision tree.

    ecallmgr (one_for_one)
    ├── switch_http             leg records and media over HTTP
    ├── registrar               where phones are
    ├── channels                the channel table
    ├── calls (simple)          one small supervisor per call, never restarted from here: the table's audit does that
    └── switches (one_for_one)
        └── one connection per switch

Five restarts in ten seconds at each level: a part that cannot be kept up that way has a fault that its parent, with
all around it started afresh, may mend. The calls are on the switch and outlive any of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from mirliton.actors.switching import CALLS, CHANNELS, switch_name
from mirliton.ecallmgr.channels import Channels
from mirliton.ecallmgr.connection import Connection, SwitchAddress
from mirliton.ecallmgr.registrations import EXPIRES_DEVIATION, REGISTRAR, Registrar
from mirliton.ecallmgr.switch_http import SWITCH_HTTP, SwitchHttp, SwitchHttpAddress
from mirliton.ecallmgr.translate import Surroundings
from mirliton.runtime import Address, Name
from mirliton.supervisors import ChildSpec, StartSpec, Supervisor, Tree, supervisor, worker

ECALLMGR = Name("supervisor", "ecallmgr")
SWITCHES = Name("supervisor", "switches")


def calls_tree(name: Name) -> Tree:
    """Any number of small trees, each started with its Tree, none ever restarted by this supervisor."""
    template = ChildSpec("call", StartSpec(Supervisor), restart="temporary", type="supervisor", shutdown=5.0)
    return Tree("simple_one_for_one", [template], intensity=0, period=1.0, name=name)


def tree(
    switches: Sequence[SwitchAddress],
    around: Surroundings,
    http: SwitchHttpAddress | None,
    *,
    edge: Address | None = None,
    deviation: float = EXPIRES_DEVIATION,
) -> Tree:
    """The tree for these switches. Without `http` no leg records are taken and no media served; without an `edge` no
    SIP proxy is asked for its registrations. `deviation` (seconds) is how much longer one is believed than it asked.
    """
    names = tuple(switch.name for switch in switches)
    connections = Tree(
        "one_for_one",
        [worker(Connection, switch, around, id=switch.name, name=switch_name(switch.name)) for switch in switches],
        intensity=5,
        period=10.0,
        name=SWITCHES,
    )
    return Tree(
        "one_for_one",
        [
            *([worker(SwitchHttp, http, name=SWITCH_HTTP)] if http is not None else []),
            worker(Registrar, names, edge, deviation, around.interface, name=REGISTRAR),
            worker(Channels, names, name=CHANNELS, keep_mail=True),
            supervisor(calls_tree(CALLS)),
            supervisor(connections),
        ],
        intensity=5,
        period=10.0,
        name=ECALLMGR,
    )
