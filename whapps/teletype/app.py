"""teletype's supervision tree: one process, which owns nothing that a restart could lose."""

from __future__ import annotations

from mirliton.actors.mailing import TELETYPE
from mirliton.runtime import Name
from mirliton.supervisors import Tree, worker
from mirliton.whapps.teletype.smtp import MailServer
from mirliton.whapps.teletype.spool import Spool


def tree(server: MailServer | None) -> Tree:
    """The tree; `server` takes the mails. None: they stay in the spool until there is one."""
    return Tree(
        "one_for_one",
        [worker(Spool, server, name=TELETYPE, shutdown=5.0)],
        intensity=5,
        period=10.0,
        name=Name("supervisor", "teletype"),
    )
