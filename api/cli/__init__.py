"""The `mirliton` command.

mirliton run                      a node with all it needs, and one call to look at
mirliton call CALLER NUMBER       place a call on the simulated switch and watch it
mirliton status | tree            what runs
mirliton kill PROCESS             kill a process
mirliton explain PROCESS          what happened to a process, and why
mirliton dossiers                 the last crashes
"""

from mirliton.api.cli.command import main

__all__ = ["main"]
