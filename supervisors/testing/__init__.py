"""Chaos in the tests of a system that stands on this runtime.

    async def test_orders_survive(node):
        plan = load_plan(Path("tests/chaos/orders.toml"))
        async with chaos(node, plan, seed=1, checks={"stock": stock_adds_up}) as run:
            await place_orders(node)
        assert len(run.report.hits) > 10

The plan is carried out beside the block. At the block's end no more strikes are made; when all that was hit has had
its time to return, the invariants are looked at once more, and what did not hold fails the test (ChaosFailed, with the
whole report and the seed). To have the whole plan carried out, `await run.finished()` in the block.

plugin.py      the same as a fixture of pytest, with a marker; a test run asks for it
"""

from mirliton.supervisors.testing.chaos import Chaos, chaos

__all__ = ["Chaos", "chaos"]
