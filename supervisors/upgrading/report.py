"""What came of an upgrade."""

from __future__ import annotations

from mirliton.runtime import message


@message("application.upgrade_report")
class UpgradeReport:
    """An upgrade that was done. Processes are told as "name or class pid".

    - `pause`: seconds from the first process held to the last let go; `load`: seconds that importing and
      comparing took, during which the node did nothing else.
    - `processes`: how many run the new code; `code_changed`: in how many `code_change` ran.
    - `messages`: how much waiting mail was made anew.
    - `added`, `deleted`, `restarted`: children, by id.
    - `at_work`: processes that took the new class in the middle of a handler, which goes on with its old code.
    - `old_code`: processes whose class the new version does not have; they run on with the old.
    """

    application: str
    from_version: str
    to_version: str
    direction: str
    pause: float
    load: float
    processes: int
    code_changed: int
    messages: int
    added: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    at_work: tuple[str, ...] = ()
    old_code: tuple[str, ...] = ()
