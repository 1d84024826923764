"""How a recording gets from the switch into the store.

The switch delivers its file over HTTP, as the attachment of a document that is there already
(`ecallmgr/switch_http.py`). Whether it came is seen by the attachment alone: an answer may be lost, and a file may come
twice.
"""

from __future__ import annotations

import io
import struct
import wave
from typing import Final

from mirliton.actors.store import NotFound
from mirliton.actors.switching import SwitchApi, switch_name
from mirliton.ecallmgr.connection import BackgroundJob
from mirliton.runtime import CallError
from mirliton.whapps.callflow.script import Script

FOLDER: Final = "/tmp"  # noqa: S108 - on the switch; the names in it cannot be guessed
"""Where the switch keeps recordings until they are delivered (as with Kazoo, the host's clean-up takes them away)."""
PAUSES: Final = (0.5, 2.0, 5.0)
"""Seconds between attempts to deliver."""
JOB_TIMEOUT: Final = 60.0
_WRITERS: Final = {"mp3": "mod_shout", "mp4": "mod_av"}
"""Formats that a switch can write only with this module; it always can write WAV."""


async def file_on_switch(call: Script, what: str, extension: str) -> str:
    """The name of a new file, of the wanted format where the call's switch can write it, else WAV."""
    written = "wav"
    module = _WRITERS.get(extension)
    if module is not None:
        try:
            answer = await call.api(SwitchApi(f"module_exists {module}"))
        except CallError:
            answer = None
        written = extension if isinstance(answer, str) and answer.strip() == "true" else "wav"
    return f"{FOLDER}/mirliton-{call.unique(what)}.{written}"


def name_of(file: str) -> str:
    """The attachment's name for a file."""
    return file.rpartition("/")[2]


async def deliver(
    call: Script, switch: str, file: str, db: str, doc_id: str, pauses: tuple[float, ...] = PAUSES
) -> bool:
    """Have the switch deliver a file; False when it did not come, after an attempt more than there are `pauses`.

    Done already, it is not done again.
    """
    name = name_of(file)
    job = BackgroundJob(f"http_put {call.media.url('PUT', db, doc_id, name)} {file}")
    for pause in (0.0, *pauses):
        if pause:
            await call.process.sleep(pause)
        if await _is_there(call, db, doc_id, name):
            return True
        try:
            answer = await call.process.call(switch_name(switch), job, timeout=JOB_TIMEOUT)
        except CallError as error:
            answer = error
        if await _is_there(call, db, doc_id, name):
            return True
        call.log.warning("recording_not_delivered", switch=switch, file=file, answer=str(answer).strip()[:200])
    return False


async def length_of(call: Script, db: str, doc_id: str, name: str) -> int:
    """The length of a delivered recording in milliseconds, from the file itself; 0 where it does not tell."""
    if not name.endswith(".wav"):
        return 0
    found = await call.store.get_attachment(db, doc_id, name)
    try:
        with wave.open(io.BytesIO(found.data)) as sound:
            return int(1000 * sound.getnframes() / sound.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError, struct.error):
        return 0


async def _is_there(call: Script, db: str, doc_id: str, name: str) -> bool:
    try:
        doc = await call.store.get(db, doc_id)
    except NotFound:
        return False
    return name in doc.get("_attachments", {})
