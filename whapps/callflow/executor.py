"""The executor: one process per call that goes through its callflow, action by action. Kazoo: cf_exe.

It keeps its place in the checkpoint on the switch. Killed at any moment, its successor attaches to the call, reads the
checkpoint and goes on in the middle of the action; the caller notices nothing.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.admission import AccountUnavailable, Admitted, admit
from mirliton.actors.kapi.dialplan import Hangup
from mirliton.actors.store import Document, DocumentNotFound, InvalidName, StoreError
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.names import account_db
from mirliton.actors.switching import (
    LOOPED_ACCOUNT,
    Attach,
    CallInfo,
    Detach,
    Execute,
    Snapshot,
    call_name,
    executor_name,
)
from mirliton.ecallmgr.switch_http import Media
from mirliton.runtime import CallError, CoroutineProcess
from mirliton.whapps.callflow import recordings
from mirliton.whapps.callflow.actions import Action, action_of
from mirliton.whapps.callflow.built_in import BUILT_IN, TRUNK_IN, TRUNK_OUT, joined, parts_of, with_preflow
from mirliton.whapps.callflow.checkpoint import Checkpoint, decode
from mirliton.whapps.callflow.errors import CallflowError, CallGone, InvalidCheckpoint, InvalidFlow, NotAdmitted
from mirliton.whapps.callflow.missed_calls import RECIPIENTS, TALKED, tell_of_missed
from mirliton.whapps.callflow.paying import came_by_carrier, let_in
from mirliton.whapps.callflow.script import Done, Jump, Next, Outcome, Script, is_gone
from mirliton.whapps.trunkstore import inbound, outbound

MAX_STEPS: Final = 50
"""Actions of one call (Kazoo: max_branch_count 50); a flow that loops ends here."""
_BUILT_IN_ACTIONS: Final[dict[str, Action]] = {TRUNK_IN: inbound.run, TRUNK_OUT: outbound.run}
"""What only callflows of ours may do."""
ATTACH_TIMEOUT: Final = 20.0
HANGUP_TIMEOUT: Final = 30.0
"""Seconds the switch may take to end a call: it may be away."""
ENDING_TIMEOUT: Final = 60.0
"""Seconds a leg may take to be gone after it was hung up."""
HANGUP_PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds before the call's actor, which may be restarting, is told again."""


class Executor(CoroutineProcess):
    """Runs one call's flow. Start it under `executor_name(call_id)`; it ends when the flow, or the call, is over."""

    mailbox_limit = 1000
    mailbox_overflow = "drop_oldest"

    async def init(self, call_id: str, media: Media) -> None:
        self.trace_id = call_id
        self.call_id = call_id
        self.media = media
        self.at = ""
        """Which action runs, for whoever looks."""
        self.checkpoint: Checkpoint | None = None
        """Where in its flow the call is."""

    @property
    def store(self) -> StoreClient:
        """The store, asked by this process."""
        return StoreClient(self)

    async def run(self) -> None:
        info = await self._attach()
        if info is None:
            return
        try:
            checkpoint = self._begin(info)
            if not info.checkpoint:
                await self._be_admitted(info, checkpoint)
            else:
                await self._look_at(info, checkpoint)
            await self._go(info, checkpoint)
        except CallGone as gone:
            self.log.debug("call_gone", cause=gone.cause)
            await self._tell_of_missed(info, gone.cause)
        except NotAdmitted as refusal:
            await self._hang_up(refusal.cause)
        except (CallflowError, StoreError) as error:
            self.log.error("callflow_broken", error=str(error))
            await self._hang_up("NORMAL_TEMPORARY_FAILURE")
        else:
            await self._tell_of_missed(info, "NORMAL_CLEARING")
            await self._hang_up("NORMAL_CLEARING")
        await self._finish_recordings(info)
        self.cast(call_name(self.call_id), Detach())

    async def _attach(self) -> CallInfo | None:
        for _ in range(10):
            try:
                info: CallInfo = await self.call(
                    call_name(self.call_id), Attach(executor_name(self.call_id)), timeout=ATTACH_TIMEOUT
                )
            except CallError:
                await self.sleep(0.2)
            else:
                return info
        self.log.warning("call_not_found")
        return None

    def _begin(self, info: CallInfo) -> Checkpoint:
        if info.checkpoint:
            try:
                return decode(info.checkpoint, self.call_id)
            except InvalidCheckpoint as error:
                self.log.error("checkpoint_unreadable", reason=error.reason)
        flow_id = info.custom_channel_vars.get("CallFlow-ID")
        if not flow_id:
            raise InvalidFlow("call", "it has no CallFlow-ID")
        preflow = info.custom_channel_vars.get("Preflow-ID")
        return Checkpoint(with_preflow(str(preflow), str(flow_id)) if preflow else str(flow_id))

    async def _be_admitted(self, info: CallInfo, checkpoint: Checkpoint) -> None:
        """Ask whether the account's limits let the call go on. Raises NotAdmitted."""
        account_id = str(info.custom_channel_vars["Account-ID"])
        if info.custom_channel_vars.get(LOOPED_ACCOUNT) == account_id:
            return  # the far end of a leg by which a call of the account's goes on: it is counted already
        try:
            answer = await admit(self, account_id, self.call_id, info.switch)
        except AccountUnavailable as error:
            self.log.error("admission_failed", account_id=account_id, error=str(error))
            raise NotAdmitted(account_id, "NORMAL_TEMPORARY_FAILURE") from error
        if not isinstance(answer, Admitted):
            self.log.info("call_limit_reached", account_id=account_id, calls=answer.calls, limit=answer.limit)
            raise NotAdmitted(account_id, "USER_BUSY")
        if came_by_carrier(info) and not await let_in(Script(self, info, checkpoint)):
            raise NotAdmitted(account_id, "USER_BUSY")

    async def _go(self, info: CallInfo, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        account = str(info.custom_channel_vars["Account-ID"])
        flow = await self._flow(account, checkpoint.flow_id)
        while checkpoint.step < MAX_STEPS:
            self.checkpoint = checkpoint
            node = _node(flow, checkpoint.path)
            if node is None:
                return
            outcome = await self._run(info, checkpoint, node)
            match outcome:
                case Done():
                    return
                case Jump(flow_id):
                    checkpoint = checkpoint.jump(flow_id)
                    flow = await self._flow(account, flow_id)
                case Next(key):
                    children = _children(node)
                    taken = key if key in children else "_"
                    if taken not in children:
                        return
                    checkpoint = checkpoint.next([*checkpoint.path, taken])
        self.log.warning("callflow_too_long", steps=MAX_STEPS)

    async def _run(self, info: CallInfo, checkpoint: Checkpoint, node: dict[str, Any]) -> Outcome:
        module = str(node.get("module", ""))
        data = node.get("data") or {}
        if not isinstance(data, dict):
            raise InvalidFlow(module, "its data is no object")
        self.at = module
        if data.get("skip_module"):
            return Next()
        action = _BUILT_IN_ACTIONS.get(module) if checkpoint.flow_id in BUILT_IN else None
        action = action or action_of(module)
        if action is None:
            raise InvalidFlow(module or "flow", "there is no such action")
        script = Script(self, info, checkpoint)
        script.children = frozenset(_children(node))
        self.log.info("action", module=module, step=checkpoint.step)
        try:
            return await action(script, data)
        except CallGone:
            raise
        except (CallflowError, StoreError) as error:
            # As in Kazoo a broken action does not end the call: the flow goes on with its default child.
            self.log.error("action_failed", module=module, error=str(error))
            return Next()
        except Exception:
            # A fault of ours, which a successor would only meet again, and so for ever.
            self.log.exception("action_crashed", module=module)
            return Next()

    async def _flow(self, account_id: str, flow_id: str) -> dict[str, Any]:
        if flow_id in BUILT_IN:
            return BUILT_IN[flow_id]
        preflow_id, flow_id = parts_of(flow_id)
        if preflow_id is None:
            return await self._stored_flow(account_id, flow_id)
        flow = await self._stored_flow(account_id, flow_id)
        try:
            return joined(await self._stored_flow(account_id, preflow_id), flow)
        except InvalidFlow as error:
            self.log.error("preflow_unusable", error=str(error))
            return {"module": "noop", "children": {"_": flow}}

    async def _stored_flow(self, account_id: str, flow_id: str) -> dict[str, Any]:
        try:
            doc: Document = await self.store.get(account_db(account_id), flow_id)
        except (DocumentNotFound, InvalidName) as error:
            raise InvalidFlow(f"callflow {flow_id[:64]}", "it does not exist") from error
        flow = doc.get("flow")
        if doc.get("pvt_deleted") or not isinstance(flow, dict):
            raise InvalidFlow(f"callflow {flow_id}", "it has no flow")
        return flow

    async def _look_at(self, info: CallInfo, checkpoint: Checkpoint) -> None:
        """This process takes over: events that told of a talk went to the one before it."""
        script = Script(self, info, checkpoint)
        if script.kept(RECIPIENTS) and not info.ended:
            match await script.seen():
                case Snapshot(bridged_to=str()):
                    script.keep(**{TALKED: True})

    async def _tell_of_missed(self, info: CallInfo, cause: str) -> None:
        """Have those told who want to be when nobody takes the call."""
        if self.checkpoint is None:
            return
        try:
            await tell_of_missed(Script(self, info, self.checkpoint), cause)
        except StoreError as error:
            self.log.error("missed_call_not_told", error=str(error))

    async def _finish_recordings(self, info: CallInfo) -> None:
        """Have the recordings of the whole call delivered, now that it is over: the switch has closed their files."""
        if self.checkpoint is None or not self.checkpoint.kept.get(recordings.KEPT):
            return
        script = Script(self, info, self.checkpoint)
        try:
            await script.rest(ENDING_TIMEOUT)
        except CallGone:
            self.log.debug("recordings_delivered_now")
        for recording in script.kept(recordings.KEPT):
            try:
                stored = await recordings.finish(script, recording)
            except StoreError as error:
                self.log.error("recording_not_stored", recording=recording["doc"], error=str(error))
            else:
                if not stored:
                    self.log.error("recording_not_stored", recording=recording["doc"])

    async def _hang_up(self, cause: str) -> None:
        """End the call, if it is still up. Raises CallError, so that a successor tries, when nobody takes the command.

        Where the leg is gone there may be no actor of the call any more.
        """
        request = Execute("", Hangup(call_id=self.call_id, hangup_cause=cause, insert_at="now"))
        for pause in HANGUP_PAUSES:
            try:
                await self.call(call_name(self.call_id), request, timeout=HANGUP_TIMEOUT)
            except CallError as error:
                self.log.info("hangup_tried_again", error=str(error))
                await self.sleep(pause)
            else:
                return
        if await is_gone(self, self.call_id):
            return
        await self.call(call_name(self.call_id), request, timeout=HANGUP_TIMEOUT)


def _node(flow: dict[str, Any], path: list[str]) -> dict[str, Any] | None:
    """The action at the end of a path; None where the flow (it may have been edited) has none."""
    node: Any = flow
    for key in path:
        node = _children(node).get(key) if isinstance(node, dict) else None
    return node if isinstance(node, dict) and node.get("module") else None


def _children(node: dict[str, Any]) -> dict[str, Any]:
    """The children of an action; none where the document has something else there."""
    children = node.get("children")
    return children if isinstance(children, dict) else {}
