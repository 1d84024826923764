"""Looking for races: run a test under many interleavings, and show the one that fails as a short list.

    async def two_may_not_both_win(node):
        referee = await node.start(Referee)
        for _ in range(2):
            node.spawn(Player, referee)
        await node.idle()
        assert await node.call(referee, Winners()) == 1

    await explore(two_may_not_both_win, seeds=200)

raises RaceFound when a seed fails, with the seed and the fewest decisions that still make it fail:

    AssertionError: 2 == 1
    with seed 17, after 1 decision that is not first come, first served:
      decision 12: runs Player 3 before Player 2 (of 2)
    again: virtual_node(decisions={12: 1})
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from mirliton.runtime.testing.choices import Choices, Decision
from mirliton.runtime.testing.virtual import VirtualNode, virtual_node

Test = Callable[[VirtualNode], Awaitable[None]]

SHRINKING_RUNS: Final = 300
"""Runs that looking for the shortest list may take."""


class RaceFound(AssertionError):
    """A test failed under an interleaving that the runtime may choose. The error is its cause."""

    def __init__(
        self, seed: int | None, error: BaseException, trace: list[Decision], decisions: dict[int, int]
    ) -> None:
        self.seed = seed
        self.error = error
        self.trace = trace
        """The decisions that were not first come, first served."""
        self.decisions = decisions
        """Give them to `virtual_node` to have the run again."""
        super().__init__(self._text())

    def _text(self) -> str:
        what = f"{type(self.error).__qualname__}: {self.error}".rstrip(": ")
        if not self.decisions:
            where = (
                "without any surprise" if self.seed is None else f"with seed {self.seed}, but not when it is run again"
            )
            return f"{what}\n{where}"
        count = len(self.trace)
        lines = [
            what,
            f"with seed {self.seed}, after {count} decision{'s' * (count > 1)} that {'are' if count > 1 else 'is'} not "
            "first come, first served:",
            *(f"  {decision}" for decision in self.trace),
            f"again: virtual_node(decisions={self.decisions})",
        ]
        return "\n".join(lines)


async def explore(test: Test, seeds: int | Iterable[int] = 100, *, strict: bool = True) -> None:
    """Run `test(node)` on a fresh virtual node in the usual order, and then once for each seed (a number: so many).

    Raises RaceFound for the first run that raises, with as few decisions as still make it raise an error of that type.
    A test must make all its own world: what it leaves behind would be part of the next run.
    """
    error, choices = await _run(test, Choices(), strict)
    if error is not None:
        raise RaceFound(None, error, choices.trace, choices.deviations) from error
    for seed in range(seeds) if isinstance(seeds, int) else seeds:
        error, choices = await _run(test, Choices(seed), strict)
        if error is not None:
            raise await _shortest(test, seed, error, choices, strict) from error


async def _run(test: Test, choices: Choices, strict: bool) -> tuple[Exception | None, Choices]:
    try:
        async with virtual_node(strict=strict, choices=choices) as node:
            await test(node)
    except Exception as error:  # noqa: BLE001 - whatever a test raises is what is looked for
        return error, choices
    return None, choices


async def _shortest(test: Test, seed: int, error: Exception, failed: Choices, strict: bool) -> RaceFound:
    """Leave out decisions, half of them, a quarter, … one, as long as it still fails with an error of the same type."""
    best, best_error, found = failed, error, False

    async def fails(decisions: Mapping[int, int]) -> bool:
        nonlocal best, best_error, found
        again, choices = await _run(test, Choices(decisions=decisions), strict)
        if type(again) is not type(error) or len(choices.deviations) > len(best.deviations):
            return False
        assert again is not None
        best, best_error, found = choices, again, True
        return True

    await fails(failed.deviations)
    runs = 1
    size = max(1, len(best.deviations) // 2)
    while found and runs < SHRINKING_RUNS:
        shrunk = False
        start = 0
        while start < len(best.deviations) and runs < SHRINKING_RUNS:
            numbers = list(best.deviations)
            left_out = set(numbers[start : start + size])
            runs += 1
            if await fails({number: best.deviations[number] for number in numbers if number not in left_out}):
                shrunk = True
            else:
                start += size
        if size == 1 and not shrunk:
            break
        size = max(1, size // 2)
    if not found:
        return RaceFound(seed, error, [], {})
    return RaceFound(seed, best_error, best.trace, best.deviations)
