"""What can be wrong with what the node supervisor is given.

NodeSupervisorError
├── ProgramError         a program's description is wrong, or its `main` cannot be imported
├── NotAloneError        the parent process has more than one thread, so a fork could deadlock its child
└── HostSocketError      the host socket cannot be made, or its other end does not answer
    └── NoHost           nobody listens there
"""

from __future__ import annotations

from mirliton.supervisors.errors import SupervisionFault


class NodeSupervisorError(SupervisionFault):
    """Any refusal of the node supervisor; its text is one line for an operator."""


class ProgramError(NodeSupervisorError):
    """`field` of the program called `program` holds `value`, which is not what is `expected`."""

    def __init__(self, program: str, field: str, value: object, expected: str) -> None:
        self.program = program
        self.field = field
        self.value = value
        self.expected = expected
        super().__init__(f"program {program!r}: {field} is {value!r}; expected {expected}")


class NotAloneError(NodeSupervisorError):
    """The parent has `threads` threads; a fork would copy their locks, but not those who release them."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        super().__init__(
            f"the node supervisor has {threads} threads and cannot fork safely; "
            "no imported module may start a thread before its program's main runs"
        )


class HostSocketError(NodeSupervisorError):
    """The host socket at `path` cannot be used, for `reason`."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"the host socket {path} {reason}")


class NoHost(HostSocketError):
    """No node supervisor listens at `path`."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "has no listener: no node supervisor runs there")
