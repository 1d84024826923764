"""Scenarios of kind `proc`: plain actors, gen_servers and gen_statems that do what the scenario tells them.

runner.py    the steps
world.py     who is who, and what has happened
actions.py   the table of what an actor can be told to do
signals.py   ... links, monitors, exits, messages
names.py     ... local and global names
timers.py    ... timers
servers.py   ... starting, calling and stopping gen_servers
requests.py  ... requests whose response comes later
groups.py    ... process groups
sys.py       ... looking into them
plain.py     the plain actor
script.py    what the callbacks of a server do by the scenario's scripts
server.py    the gen_server
statems.py   ... starting and calling gen_statems
statem.py    the gen_statem
statem_terms.py   its actions and answers, Erlang's and ours

A behaviour more is a module more: its actions are functions under `@action`, its process tells the World of itself by
`born`, `event` and `started`, and does the `do` list of a script through `Script`. runner.py imports it.
"""
