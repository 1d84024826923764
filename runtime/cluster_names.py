"""Names that belong to a cluster: who leads to their holders sets `node.cluster_names` (supervisors/entities/ does).

It is asked only for a Name that no process has here, and that no restarting process has reserved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from mirliton.runtime.addresses import Name, Pid


class ClusterNames(Protocol):
    """Takes what is sent to such a Name. Nothing of it waits."""

    def send(self, name: Name, message: Any, sender: Pid | None) -> bool:
        """Take a message. False for a Name that is none of its own."""

    def ask(self, name: Name, request: Any, tag: int, caller: Pid | None) -> bool:
        """Take the request of the call `tag`, a Call, and see to it that the call ends. False as in `send`."""
