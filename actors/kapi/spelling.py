"""From our snake_case to Kazoo's header spelling: `call_id` is `Call-ID`, `to_did` is `To-DID`.

A header that does not follow this rule says so where its field is defined (`Header("From-Uri")`).
"""

from __future__ import annotations

from typing import Final

_WORDS: Final = (
    "AMQP AOR API ASR CDR CID CallFlow DB DID DTMF DTMFs DataBag E164 FaxBox FreeSWITCH HTML HTTP ID IDs IP PID RPid "
    "RTP RUID SDP SIP T38 URI URL UUID WhApps"
)
_SPELLED: Final = {word.lower(): word for word in _WORDS.split()}


def header_of(field: str) -> str:
    """The header for a field name; a trailing underscore (`from_`) only keeps Python's keyword away."""
    return "-".join(_SPELLED.get(word, word.capitalize()) for word in field.rstrip("_").split("_"))
