"""The `mirliton` command.

mirliton run                      a node with all it needs, and one call to look at
mirliton call CALLER NUMBER       place a call on the simulated switch and watch it
mirliton status | tree            what runs
mirliton kill PROCESS             kill a process
mirliton explain PROCESS          what happened to a process, and why
mirliton dossiers                 the last crashes
mirliton upgrade APPLICATION      let it take the code that is installed now, while it runs
mirliton chaos PLAN.toml          kill and trouble processes by a plan, and report
mirliton start                    the nodes of a host, from its host file
mirliton ps | stop | restart      what they do; stop or restart one or all
mirliton reload | reopen          take the changed host file; open the logs anew
mirliton db copy|export|import    move a store, to CouchDB or back
mirliton bench                    how fast this is beside asyncio and Erlang (in a checkout)
"""

from mirliton.api.cli.command import main

__all__ = ["main"]
