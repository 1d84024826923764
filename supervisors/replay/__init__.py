"""The conformance harness: recorded scenarios of real Erlang/OTP run on our supervisors and processes, in virtual time.

python -m mirliton.supervisors.replay FILE...             print our trace of each scenario
python -m mirliton.supervisors.replay --check FILE...     compare with the recorded one

scenario.py   a file's contents
terms.py      Erlang terms as they stand in the files, and ours
callbacks.py  what the callbacks of a worker do and answer
ends.py       the reports of a process's own end
compare.py    our trace against the recorded one
excused.py    where ours differs on purpose
logs.py       a replayed node logs nothing
__main__.py   the command

for supervision trees:
runner.py     the steps
world.py      what is known of the processes of a running scenario, and the events so far
actors.py     the processes: workers and supervisors that do what the scenario says
specs.py      trees and child specs from the file's JSON

proc/         for links, monitors, names, timers, groups and servers
"""

from typing import Any

from mirliton.supervisors.replay.compare import difference
from mirliton.supervisors.replay.proc.runner import replay_processes
from mirliton.supervisors.replay.runner import replay_tree
from mirliton.supervisors.replay.scenario import Scenario, ScenarioError, load

__all__ = ["Scenario", "ScenarioError", "difference", "load", "replay"]


async def replay(scenario: Scenario) -> list[dict[str, Any]]:
    """Our trace of a scenario, in the form of the file."""
    return await (replay_processes if scenario.kind == "proc" else replay_tree)(scenario)
