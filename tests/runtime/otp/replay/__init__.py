"""Replays recorded process scenarios of real Erlang/OTP on our runtime, in virtual time.

The files and their words (actors, actions, events) are described in the recordings' own README. Plain actors are
coroutine processes, gen_servers are GenServers; an exit, error or throw that the recorder caught is caught here too.

terms.py      Erlang's terms and ours
world.py      who is who, and what has happened
actions.py    what an actor can be told to do
processes.py  the actors
runner.py     the steps, and the comparison
"""

from .runner import difference

__all__ = ["difference"]
