"""What ends an action, and what is wrong with a flow.

CallflowError
├── CallGone            the leg is gone from the switch: the flow is over
├── CommandRefused      the switch did not take a command
├── InvalidCheckpoint   a checkpoint that cannot be read
├── InvalidFlow         a flow, or an action's data, that makes no sense
├── NobodyToRing        no device of those asked for can be rung
└── NotAdmitted         the account has as many calls as it may, or cannot be asked
"""

from __future__ import annotations


class CallflowError(Exception):
    """Base of callflow's errors."""


class CallGone(CallflowError):
    """The call has ended with `cause`."""

    def __init__(self, call_id: str, cause: str) -> None:
        super().__init__(f"call {call_id} has ended: {cause}")
        self.call_id = call_id
        self.cause = cause


class CommandRefused(CallflowError):
    """The switch did not carry `command` out: `text` is its answer."""

    def __init__(self, command: str, text: str) -> None:
        super().__init__(f"{command}: {text}")
        self.command = command
        self.text = text


class InvalidCheckpoint(CallflowError):
    """The checkpoint on the channel is not one of ours, for `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the checkpoint cannot be read: {reason}")
        self.reason = reason


class InvalidFlow(CallflowError):
    """`what` (an action, a callflow) cannot be run, for `reason`."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what}: {reason}")
        self.what = what
        self.reason = reason


class NotAdmitted(CallflowError):
    """The call may not go on: it is hung up with `cause`."""

    def __init__(self, account_id: str, cause: str) -> None:
        super().__init__(f"account {account_id} does not admit the call: {cause}")
        self.account_id = account_id
        self.cause = cause


class NobodyToRing(CallflowError):
    """None of the endpoints of `what` can be rung."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} has no endpoint that can be rung")
        self.what = what
