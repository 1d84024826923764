"""Many calls at once, of all kinds, and what their records must say."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Sequence

from mirliton.ecallmgr.simulator import Late
from scenarios import ANSWERED, BUSY, CANCELLED, MENU, NO_ANSWER, RING_GROUP, UNKNOWN_NUMBER, VOICEMAIL, Scenario
from scene import PATIENCE, Scene, causes

MIXED: Sequence[Scenario] = (ANSWERED, BUSY, CANCELLED, MENU, NO_ANSWER, RING_GROUP, UNKNOWN_NUMBER, VOICEMAIL)


class Mixture:
    """`number` calls, all kinds in turn, placed at about `rate` a second, by a seed."""

    def __init__(
        self,
        world: Scene,
        number: int,
        *,
        rate: float,
        seed: int,
        kinds: Sequence[Scenario] = MIXED,
        patience: float = PATIENCE,
    ) -> None:
        self.world = world
        self.rate = rate
        self.patience = patience
        self._chance = random.Random(seed)
        self.calls: dict[str, Scenario] = {
            str(uuid.UUID(int=self._chance.getrandbits(128), version=4)): kinds[index % len(kinds)]
            for index in range(number)
        }
        self.up: list[str] = []
        """The calls that have been placed and have not ended."""
        self.most_up = 0
        self.wrong: list[str] = []
        self.unfinished = 0
        """Voicemail messages that wait for somebody to look into the mailbox (`check` counts them)."""

    async def run(self) -> None:
        """Place all calls and see each to its end."""
        async with asyncio.TaskGroup() as group:
            for call_id, scenario in self.calls.items():
                group.create_task(self._one(call_id, scenario))
                await asyncio.sleep(self._chance.expovariate(self.rate))

    async def _one(self, call_id: str, scenario: Scenario) -> None:
        self.up.append(call_id)
        self.most_up = max(self.most_up, len(self.up))
        try:
            call, *_ = await scenario.run(self.world, call_id, self.patience)
        except (TimeoutError, Late) as late:
            self.wrong.append(f"{scenario} {call_id}: {late or 'a stage was not reached in time'}")
        else:
            if call.cause != scenario.ends:
                self.wrong.append(f"{scenario} {call_id} ended with {call.cause}, not {scenario.ends}")
        finally:
            self.up.remove(call_id)

    async def check(self) -> None:
        """Every call ended as it should, and every leg has exactly one record that says so. Raises AssertionError."""
        assert not self.wrong, "\n".join(self.wrong)
        assert not self.world.switch.legs, "legs are still up"
        legs = self.world.switch.ended
        cdrs = await self.world.cdrs(of=len(legs))
        per_leg = Counter(str(doc["call_id"]) for doc in cdrs)
        assert per_leg == Counter(legs.keys()), (
            f"without a record: {sorted(legs.keys() - per_leg.keys())[:5]}; "
            f"of no leg: {sorted(per_leg.keys() - legs.keys())[:5]}; "
            f"more than one: {[doc for doc in cdrs if per_leg[str(doc['call_id'])] > 1][:4]}"
        )
        strange = []
        for call_id, scenario in self.calls.items():
            own = [doc for doc in cdrs if legs[str(doc["call_id"])].of == call_id]
            if causes(own) != scenario.expected:
                strange.append(f"{scenario} {call_id}: {dict(causes(own))}, not {dict(scenario.expected)}")
        assert not strange, "\n".join(strange)
        await self._check_messages()

    async def _check_messages(self) -> None:
        """No message is lost. One whose executor and whose call's actor both died with the end of the call is not
        finished: where it was went with the leg. It is fetched when somebody next looks into the mailbox."""
        left = sum(scenario.messages for scenario in self.calls.values())
        found = await self.world.messages(of=left, within=3.0)
        assert len(found.heard) + len(found.unfinished) == left, f"{len(found.heard)} of {left} messages"
        self.unfinished = len(found.unfinished)
