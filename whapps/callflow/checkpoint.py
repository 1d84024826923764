"""Where in its callflow a call is: small enough for a channel variable, where it outlives all of us.

A step is one action. While it runs, the results of the commands it has given are noted in order; an executor that
takes over runs the action again from its beginning, and what was done before is answered from the notes. So an action
is ordinary code that must only be deterministic: the same results, the same next command. A long action sets a mark
now and then: what came before it need not be noted any longer.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from mirliton.actors.switching import CommandResult
from mirliton.whapps.callflow.errors import InvalidCheckpoint

VERSION: Final = 1
WITH_KEPT: Final = 2
"""The version of a checkpoint that keeps something for the rest of the call; one that does not is written as before."""
MAX_SIZE: Final = 32 * 1024
"""Bytes; a larger one is not read. A channel variable may be as large, a caller's patience is not."""
_NAMESPACE: Final = uuid.UUID("6d9e7c4e-3f0b-5f39-9d8e-0c6f3b6a8c11")


@dataclass(slots=True)
class Checkpoint:
    """`flow_id` and `path` (the keys of the children taken) name the action, `step` counts actions, `mark` the marks
    within one; `results` are those of the commands given since, `state` what the last mark kept. `kept` is what later
    actions of the call need to know, and goes on with it."""

    flow_id: str
    path: list[str] = field(default_factory=list)
    step: int = 0
    mark: int = 0
    state: Any = None
    results: list[CommandResult] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)

    def command_id(self, call_id: str, index: int) -> str:
        """The id of this step's command number `index`: the same whenever the action is run again."""
        return str(uuid.uuid5(_NAMESPACE, f"{call_id}/{self.step}/{self.mark}/{index}"))

    def next(self, path: list[str]) -> Checkpoint:
        """The next action of the same flow."""
        return Checkpoint(self.flow_id, path, self.step + 1, kept=self.kept)

    def jump(self, flow_id: str) -> Checkpoint:
        """The first action of another flow."""
        return Checkpoint(flow_id, [], self.step + 1, kept=self.kept)

    def encode(self) -> str:
        """As text without any character that a switch might read as syntax."""
        results = [[result.status, result.response, result.variables] for result in self.results]
        plain = [VERSION, self.flow_id, self.path, self.step, self.mark, self.state, results]
        if self.kept:
            plain = [WITH_KEPT, *plain[1:], self.kept]
        return base64.urlsafe_b64encode(orjson.dumps(plain)).decode().rstrip("=")


def decode(text: str, call_id: str) -> Checkpoint:
    """The checkpoint in a channel variable. Raises InvalidCheckpoint."""
    if len(text) > MAX_SIZE:
        raise InvalidCheckpoint(f"{len(text)} bytes are more than {MAX_SIZE}")
    try:
        plain = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        version, flow_id, path, step, mark, state, results, *more = plain
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidCheckpoint(str(error)) from error
    if (version, len(more)) not in ((VERSION, 0), (WITH_KEPT, 1)):
        raise InvalidCheckpoint(f"version {version!r}, this node reads {VERSION} and {WITH_KEPT}")
    kept = more[0] if more else {}
    if not isinstance(kept, dict):
        raise InvalidCheckpoint("what it keeps is no object")
    if not (isinstance(flow_id, str) and isinstance(path, list) and type(step) is int and type(mark) is int):
        raise InvalidCheckpoint("its fields are of the wrong types")
    found = Checkpoint(flow_id, [str(key) for key in path], step, mark, state, kept=kept)
    try:
        for index, (status, response, variables) in enumerate(results):
            if status not in ("done", "refused", "gone"):
                raise ValueError(f"{status!r} is no result")
            found.results.append(
                CommandResult(found.command_id(call_id, index), status, str(response), dict(variables))
            )
    except (TypeError, ValueError) as error:
        raise InvalidCheckpoint(f"its results: {error}") from error
    return found
