"""Where the stacks of a stalled or faulted node are kept: one file per death, the newest few per program."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from mirliton.supervisors.node_log import write_stderr

KEPT: Final = 20


class StackFiles:
    """A folder of stacks, or without one (`directory` None) stderr."""

    def __init__(self, directory: Path | None, log: FilteringBoundLogger) -> None:
        self._directory = directory
        self._log = log

    def keep(self, program: str, os_pid: int, text: str) -> str:
        """Write `text` where it can be found again; returns where. A full disk makes it stderr."""
        if self._directory is not None:
            try:
                return str(save_stacks(self._directory, program, os_pid, text))
            except OSError as error:
                self._log.error("stacks_not_saved", node=program, os_pid=os_pid, reason=str(error))
        return "stderr" if write_stderr(text) else "lost"


def save_stacks(directory: Path, program: str, os_pid: int, text: str) -> Path:
    """Write `text` to a new file that only its owner reads, and remove the oldest beyond KEPT; raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Nanoseconds in fixed width: names of one program sort by age. A program's name has no "~".
    path = directory / f"{program}~{time.time_ns():020d}~{os_pid}.stacks"
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text)
    for old in sorted(directory.glob(f"{program}~*.stacks"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return path
