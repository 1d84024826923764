"""Speech recognition. Exchange callctl, where `asr.req` is a key of its own. Kazoo: kapi_asr."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import ReplyTo, Secret


@kapi("asr.req", "asr", "callctl", "asr.req")
class Req:
    """Listen to this call and say what is spoken."""

    asr_endpoint: str
    asr_account_id: str
    asr_account_password: Secret[str]
    call_id: str
    control_queue: ReplyTo
    language: str | None = None
    stream_response: bool | None = None


@kapi("asr.resp", "asr")
class Resp:
    """What was spoken."""

    response_text: str | None = None


@kapi("asr.error", "asr")
class Error:
    """It could not be understood."""

    error_code: str | None = None
    error_msg: str | None = None
