"""Chaos as a feature: kill and trouble what runs, by a plan, within bounds, and tell what came of it.

    plan = load_plan(Path("calls.toml"))
    report = await ChaosRun(ProcessField(node), plan, seed=7).carry_out()
    print(report.text())

plan.py reading.py      what is hit, how and how often; what is spared; what must hold: as data, from TOML
schedule.py             when: the same for the same seed
field.py                what can be attacked: processes.py (of a node), programs.py (of a node supervisor), and by name
                        (named.py) connections.py and services.py
picking.py places.py    which processes fit, and who takes the place of one
guarding.py blows.py    who is spared; what is done, followed until its fate is known
node_time.py real_time.py   waiting by a node's clock, or the machine's
proxy.py passage.py     a TCP proxy that cuts, delays and drops; proxy_control.py steers one from another OS process
run.py                  carries a plan out
invariants.py report.py what must hold, and what came of it
server.py               one run at a time on a node, for operators
counters.py             metrics
errors.py               this package's errors

`mirliton.supervisors.testing` has it for tests.
"""

from mirliton.supervisors.chaos.connections import connection_field
from mirliton.supervisors.chaos.counters import ChaosCollector
from mirliton.supervisors.chaos.errors import ChaosFailed, ChaosFault, ChaosOff, ChaosRefused, PlanError, Problem
from mirliton.supervisors.chaos.field import Hit
from mirliton.supervisors.chaos.invariants import Check
from mirliton.supervisors.chaos.plan import Attack, Guard, Invariants, Pick, Plan, Service
from mirliton.supervisors.chaos.processes import ProcessField
from mirliton.supervisors.chaos.programs import ProgramField, parent_of
from mirliton.supervisors.chaos.proxy import Proxy
from mirliton.supervisors.chaos.proxy_control import ProxyControl, ask_proxy
from mirliton.supervisors.chaos.reading import load_data, load_plan, read_plan
from mirliton.supervisors.chaos.report import Checked, Report
from mirliton.supervisors.chaos.run import ChaosRun
from mirliton.supervisors.chaos.schedule import Strike, repeated, schedule
from mirliton.supervisors.chaos.server import CHAOS, ChaosServer, begin_chaos, chaos_status, preview_chaos, stop_chaos
from mirliton.supervisors.chaos.services import service_field

__all__ = [
    "CHAOS",
    "Attack",
    "ChaosCollector",
    "ChaosFailed",
    "ChaosFault",
    "ChaosOff",
    "ChaosRefused",
    "ChaosRun",
    "ChaosServer",
    "Check",
    "Checked",
    "Guard",
    "Hit",
    "Invariants",
    "Pick",
    "Plan",
    "PlanError",
    "Problem",
    "ProcessField",
    "ProgramField",
    "Proxy",
    "ProxyControl",
    "Report",
    "Service",
    "Strike",
    "ask_proxy",
    "begin_chaos",
    "chaos_status",
    "connection_field",
    "load_data",
    "load_plan",
    "parent_of",
    "preview_chaos",
    "read_plan",
    "repeated",
    "schedule",
    "service_field",
    "stop_chaos",
]
