"""registrar's supervision tree: one listener. Five restarts in ten seconds, then the node's root decides."""

from __future__ import annotations

from mirliton.runtime import Address, Name
from mirliton.supervisors import Tree, worker
from mirliton.whapps.registrar.listener import AUTHN, Listener


def tree(edge: Address | None) -> Tree:
    """The tree; proxies ask by this edge (None: there are none), switches of ours by themselves."""
    return Tree(
        "one_for_one",
        [worker(Listener, edge, name=AUTHN, keep_mail=True)],
        intensity=5,
        period=10.0,
        name=Name("supervisor", "registrar"),
    )
