"""The conformance harness: recorded scenarios of real Erlang/OTP run on our supervisors, in virtual time.

python -m mirliton.supervisors.replay FILE...             print our trace of each scenario
python -m mirliton.supervisors.replay --check FILE...     compare with the recorded one

scenario.py   a file's contents
terms.py      Erlang terms as they stand in the files, and ours
world.py      what is known of the processes of a running scenario, and the events so far
actors.py     the processes: workers and supervisors that do what the scenario says
specs.py      trees and child specs from the file's JSON
runner.py     the steps
compare.py    our trace against the recorded one
__main__.py   the command
"""

from mirliton.supervisors.replay.compare import difference
from mirliton.supervisors.replay.runner import replay
from mirliton.supervisors.replay.scenario import Scenario, ScenarioError, load

__all__ = ["Scenario", "ScenarioError", "difference", "load", "replay"]
