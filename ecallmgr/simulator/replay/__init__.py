"""Replaying a recording of a real switch against the simulated one, and telling where they differ.

capture.py    reads recordings
remote.py     what the phones did, as the recording shows it
driver.py     gives the recorded commands to a simulated switch, phones and time in lockstep
compare.py    the differences, as short lines that a list of known deviations can name
"""

from __future__ import annotations

from mirliton.ecallmgr.simulator.replay.capture import Recording, read_recording
from mirliton.ecallmgr.simulator.replay.compare import Rules, differences
from mirliton.ecallmgr.simulator.replay.driver import Replayed, replay

__all__ = ["Recording", "Replayed", "Rules", "differences", "read_recording", "replay"]
