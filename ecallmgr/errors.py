"""What ecallmgr refuses.

EcallmgrError
├── Untranslatable        a command that FreeSWITCH cannot carry out as it is
├── SwitchNotUsable       a switch that answers, but not as FreeSWITCH does
├── InvalidLegRecord      what was posted is not the record of a leg
└── InvalidLookup         what was posted is no lookup of mod_xml_curl
"""

from __future__ import annotations


class EcallmgrError(Exception):
    """Base of ecallmgr's errors."""


class Untranslatable(EcallmgrError):
    """`command` (its class's name) cannot be given to a switch, for `reason`."""

    def __init__(self, command: str, reason: str) -> None:
        super().__init__(f"{command}: {reason}")
        self.command = command
        self.reason = reason


class SwitchNotUsable(EcallmgrError):
    """The switch answered, but `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the switch cannot be used: {reason}")
        self.reason = reason


class InvalidLegRecord(EcallmgrError):
    """The posted record is refused, for `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not a leg record: {reason}")
        self.reason = reason


class InvalidLookup(EcallmgrError):
    """The posted lookup is refused, for `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not a lookup: {reason}")
        self.reason = reason
