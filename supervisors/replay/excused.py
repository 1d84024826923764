"""What we do otherwise than OTP on purpose: steps of recorded scenarios in which ours may differ.

docs/semantics.md lists the same scenarios ("Where Mirliton differs from OTP"), with the reasons at length. A step that
a file marks as a quirk of its OTP version need not stand here.
"""

from __future__ import annotations

from typing import Final

EXCUSED: Final[dict[str, dict[int, str]]] = {
    "gs-call-answer-twice": dict.fromkeys((5, 9), "a second answer to a call without timeout is dropped, not mail"),
}
"""By scenario and step: what is other here."""
