"""Calls and casts with a key: what each becomes on its way, and what its answer is read as."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from mirliton.runtime import Call, CallError, From, Name
from mirliton.runtime.codec import encode
from mirliton.supervisors.entities.errors import EntityFault, EntityRefused, NotConfirmed, ReplyGone, SetAside
from mirliton.supervisors.entities.messages import Answer, Durable
from mirliton.supervisors.entities.outbox import Parcel

if TYPE_CHECKING:
    from mirliton.supervisors.entities.entities import Entities


class Asking:
    """Of one node: what `call`, `durable_call` and `durable_cast` of its Entities promise is done here."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities
        self._node = entities.node
        self._unnamed = secrets.token_hex(12)
        """What the keys begin with that nobody has given: with the tag of its call each is the only one."""

    async def over_the_lane(self, name: Name, request: Any, key: str, timeout: float | None) -> Any:
        self._check(name)
        call = self._node.calls.begin(name, None, timeout)
        try:
            self._entities.lane.ask(name, Call(From(self._node.name, call.tag), request), None, key)
            return _read(name, await call)
        finally:
            if not call.done:
                self._node.calls.forget(call.tag)

    async def durably(self, name: Name, request: Any, key: str | None, timeout: float) -> Any:
        return await self._through_the_queue(name, request, key, timeout, is_call=True)

    async def until_confirmed(self, name: Name, request: Any, key: str | None, timeout: float) -> None:
        try:
            await self._through_the_queue(name, request, key, timeout, is_call=False)
        except CallError as error:
            if isinstance(error, EntityFault):
                raise
            raise NotConfirmed(name, timeout) from error

    async def _through_the_queue(
        self, name: Name, request: Any, key: str | None, timeout: float, *, is_call: bool
    ) -> Any:
        self._check(name)
        call = self._node.calls.begin(name, None, timeout)
        try:
            self._put(name, request, key, call.tag, timeout, is_call=is_call)
            return _read(name, await call)
        finally:
            if not call.done:
                self._node.calls.forget(call.tag)

    def _put(self, name: Name, request: Any, key: str | None, tag: int, timeout: float, *, is_call: bool) -> None:
        entities, node = self._entities, self._node
        caller = From(node.name, tag)
        key = key if key is not None else f"{self._unnamed}.{tag}"
        durable = Durable(name, key, encode(request), is_call, caller if is_call else None)

        def told(taken: bool) -> None:
            if not taken:
                entities.counters.full += 1
                node.calls.fail(tag, EntityRefused(name, "the queue of its shard"))
            elif not is_call:
                node.calls.answer(caller, Answer())

        parcel = Parcel(encode(durable), node.clock.now() + timeout, told)
        if not entities.outbox.put(entities.shard_of(name), parcel):
            entities.counters.full += 1
            raise EntityRefused(name, "the outbox of this node")

    def _check(self, name: Name) -> None:
        kinds = self._entities.kinds
        if name.kind not in kinds:
            raise ValueError(f"{name} is no entity: the kinds here are {', '.join(sorted(kinds))}")


def _read(name: Name, answer: Any) -> Any:
    if not isinstance(answer, Answer):
        return answer
    if answer.error == "set_aside":
        raise SetAside(name, str(answer.value))
    if answer.error is not None:
        raise ReplyGone(name)
    return answer.value
