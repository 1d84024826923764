"""ecallmgr's supervision tree.

    ecallmgr (one_for_one)
    ├── switch_http             leg records and media over HTTP
    ├── registrar               where phones are
    ├── channels                answers for the channel tables of all switches
    └── switches (one_for_one)
        └── switch NAME (one_for_one), for each switch
            ├── channels        its channel table
            ├── calls (simple)  one small supervisor per call, never restarted from here: the table's audit does that
            └── connection

On the nodes of a cluster (`spread`) the registrar and each switch run under a Failover of their own, so that each runs
on one node and together they are spread over all; `channels` is on every node.

Five restarts in ten seconds at each level: a part that cannot be kept up that way has a fault that its parent, with
all around it started afresh, may mend. The calls are on the switch and outlive any of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from mirliton.actors.switching import CHANNELS, calls_name, channels_name, switch_group, switch_name
from mirliton.ecallmgr.all_channels import AllChannels
from mirliton.ecallmgr.channels import Channels
from mirliton.ecallmgr.connection import Connection, SwitchAddress
from mirliton.ecallmgr.registrations import EXPIRES_DEVIATION, REGISTRAR, Registrar
from mirliton.ecallmgr.switch_http import SWITCH_HTTP, SwitchHttp, SwitchHttpAddress
from mirliton.ecallmgr.translate import Surroundings
from mirliton.runtime import Address, Name
from mirliton.supervisors import ChildSpec, StartSpec, Supervisor, Tree, supervisor, worker
from mirliton.supervisors.failover import failover

ECALLMGR = Name("supervisor", "ecallmgr")
SWITCHES = Name("supervisor", "switches")


def calls_tree(name: Name) -> Tree:
    """Any number of small trees, each started with its Tree, none ever restarted by this supervisor."""
    template = ChildSpec("call", StartSpec(Supervisor), restart="temporary", type="supervisor", shutdown=5.0)
    return Tree("simple_one_for_one", [template], intensity=0, period=1.0, name=name)


def switch_children(switch: SwitchAddress, around: Surroundings) -> list[ChildSpec]:
    """What one switch has."""
    name = switch.name
    return [
        worker(Channels, name, id="channels", name=channels_name(name), keep_mail=True),
        supervisor(calls_tree(calls_name(name)), id="calls"),
        worker(Connection, switch, around, id="connection", name=switch_name(name)),
    ]


def tree(
    switches: Sequence[SwitchAddress],
    around: Surroundings,
    http: SwitchHttpAddress | None,
    *,
    edge: Address | None = None,
    deviation: float = EXPIRES_DEVIATION,
    spread: bool = False,
) -> Tree:
    """The tree for these switches. Without `http` no leg records are taken and no media served; without an `edge` no
    SIP proxy is asked for its registrations. `deviation` (seconds) is how much longer one is believed than it asked.
    """
    names = tuple(switch.name for switch in switches)
    registrar = worker(Registrar, names, edge, deviation, around.interface, name=REGISTRAR)
    places = {name: place for place, name in enumerate(sorted(names))}

    def of_one(switch: SwitchAddress) -> Tree:
        children, group = switch_children(switch, around), switch_group(switch.name)
        if spread:
            return failover(group, children, place=places[switch.name])
        return Tree("one_for_one", children, intensity=5, period=10.0, name=Name("supervisor", group))

    connections = Tree(
        "one_for_one",
        [supervisor(of_one(switch), id=switch.name) for switch in switches],
        intensity=5,
        period=10.0,
        name=SWITCHES,
    )
    return Tree(
        "one_for_one",
        [
            *([worker(SwitchHttp, http, name=SWITCH_HTTP)] if http is not None else []),
            supervisor(failover("registrar", [registrar])) if spread else registrar,
            worker(AllChannels, names, id="channels", name=CHANNELS, keep_mail=True),
            supervisor(connections),
        ],
        intensity=5,
        period=10.0,
        name=ECALLMGR,
    )
