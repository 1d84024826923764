"""sup: Kazoo's operator commands, by module and function, with arguments that are texts.

    await run(Sup(node, store, root), "ecallmgr_maintenance", "channel_summary", [])

The command line (`mirliton sup MODULE FUNCTION ARGS…`) and `/v2/sup` offer the same commands. A module of Kazoo's is a
file here, a command a function in it:

    @command("kapps_maintenance", changes=True)
    async def refresh(sup: Sup, database: str = "") -> Answer: …

Its parameters are the command's, those with a default may be left out, and its docstring is its help. It answers with a
text, an object, or a list of either. What there is nothing for here yet is left out, and said to be unknown.
"""

from mirliton.api.sup.commands import (
    Answer,
    BadArguments,
    Command,
    Sup,
    SupError,
    UnknownCommand,
    command,
    find,
    listed,
    modules,
    run,
)

__all__ = [
    "Answer",
    "BadArguments",
    "Command",
    "Sup",
    "SupError",
    "UnknownCommand",
    "command",
    "find",
    "listed",
    "modules",
    "run",
]
