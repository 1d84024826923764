"""What can go wrong with the simulated switch itself (not with the calls on it: those end with hangup causes).

SimulatorError
├── Paused             the switch takes no new calls (`fsctl pause inbound`)
├── PortInUse          the address to listen on is taken
├── BadScript          a phone's script, or a steering command, does not make sense
├── BadDialString      a dial string cannot be read
├── UnknownPhone       a command names a phone that was never defined
├── UnknownCall        a command names a call that does not exist (or no longer)
├── ClientError        the switch refused a client of ours, or is gone (client.py)
└── Late               something that was awaited did not happen in time
"""

from __future__ import annotations


class SimulatorError(Exception):
    """Root of the simulator's own errors."""


class Paused(SimulatorError):
    """A call from outside was answered with 503."""

    def __init__(self) -> None:
        super().__init__("the switch takes no new calls: 503 Service Unavailable")


class PortInUse(SimulatorError):
    """Nobody can listen on `host`:`port` now; `reason` is what the system said."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        self.host, self.port, self.reason = host, port, reason
        super().__init__(f"cannot listen on {host}:{port}: {reason}")


class BadScript(SimulatorError):
    """`where` in a script or steering command is wrong; `expected` says what would be right."""

    def __init__(self, where: str, value: object, expected: str) -> None:
        self.where, self.value, self.expected = where, value, expected
        super().__init__(f"{where} is {value!r:.200}; expected {expected}")


class BadDialString(SimulatorError):
    """The dial string `text` cannot be read, because of `reason`."""

    def __init__(self, text: str, reason: str) -> None:
        self.text, self.reason = text, reason
        super().__init__(f"dial string {text!r:.200}: {reason}")


class UnknownPhone(SimulatorError):
    """No phone `user`@`realm` was defined."""

    def __init__(self, user: str, realm: str) -> None:
        self.user, self.realm = user, realm
        super().__init__(f"no phone {user}@{realm} is defined")


class UnknownCall(SimulatorError):
    """No live call has the uuid `uuid`."""

    def __init__(self, uuid: str) -> None:
        self.uuid = uuid
        super().__init__(f"no live call has the uuid {uuid}")


class Late(SimulatorError):
    """`what` did not happen within `seconds` (of real time)."""

    def __init__(self, what: str, seconds: float) -> None:
        self.what, self.seconds = what, seconds
        super().__init__(f"{what} did not happen within {seconds:g} s")
