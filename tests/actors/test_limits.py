"""Trunks, credit, and the order in which they are asked; against a model that counts one leg after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.actors.limits import UNLIMITED, Decision, Limits, Used, decide

US = "+14155550100"
ABROAD = "+4930123456"


def test_without_limits_nothing_is_asked() -> None:
    assert decide(Limits(enabled=False), Used(), "outbound", ABROAD) == Decision("limits_disabled")


def test_an_account_that_has_nothing_may_nothing() -> None:
    assert decide(Limits.of({}, {}), Used(), "outbound", US).billing is None


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_own_trunks_come_before_shared_ones_and_burst_comes_last(direction: Any) -> None:
    limits = Limits(inbound_trunks=1, outbound_trunks=1, twoway_trunks=1, burst_trunks=1, allow_prepay=False)
    used = Used()
    got = []
    for _ in range(4):
        decision = decide(limits, used, direction, US)
        got.append(decision.billing)
        match decision.billing:
            case "flat_rate" if direction == "inbound":
                used = replace(used, inbound=used.inbound + 1)
            case "flat_rate":
                used = replace(used, outbound=used.outbound + 1)
            case "flat_rate_burst":
                used = replace(used, burst=used.burst + 1)
    assert got == ["flat_rate", "flat_rate", "flat_rate_burst", None]


def test_two_way_trunks_are_shared_by_both_directions() -> None:
    limits = Limits(inbound_trunks=1, twoway_trunks=2, allow_prepay=False)
    assert decide(limits, Used(inbound=2, outbound=0), "outbound", US).billing == "flat_rate"
    assert decide(limits, Used(inbound=2, outbound=1), "outbound", US).billing is None
    assert decide(limits, Used(inbound=0, outbound=2), "inbound", US).billing == "flat_rate"


@pytest.mark.parametrize("number", [ABROAD, "+19005550100", "+18005550100", "anonymous", ""])
def test_only_numbers_of_the_flat_rate_use_trunks(number: str) -> None:
    limits = Limits(twoway_trunks=10)
    assert decide(limits, Used(), "outbound", number).billing is None
    assert decide(limits, Used(credit=1), "outbound", number).billing == "per_minute"


@pytest.mark.parametrize(
    ("limits", "credit", "expected"),
    [
        (Limits(), 1, "per_minute"),
        (Limits(), 0, None),
        (Limits(reserve_amount=100), 100, None),
        (Limits(reserve_amount=100), 101, "per_minute"),
        (Limits(allow_prepay=False), 1_000_000, None),
        (Limits(allow_prepay=False, allow_postpay=True, max_postpay_amount=500), -499, "per_minute"),
        (Limits(allow_prepay=False, allow_postpay=True, max_postpay_amount=500), -500, None),
        (Limits(soft_limit_outbound=True), 0, "per_minute"),
    ],
)
def test_credit_pays_by_the_minute(limits: Limits, credit: int, expected: str | None) -> None:
    decision = decide(limits, Used(credit=credit), "outbound", ABROAD)
    assert decision.billing == expected
    assert decision.soft == (limits.soft_limit_outbound and credit <= 0)


def test_hard_limits_come_before_all_else() -> None:
    limits = Limits(calls=2, resource_consuming_calls=1, twoway_trunks=10)
    assert decide(limits, Used(calls=3), "inbound", US) == Decision(None, "calls")
    assert decide(limits, Used(calls=2), "inbound", US).billing == "flat_rate"
    assert decide(limits, Used(calls=1, outbound=1), "inbound", US) == Decision(None, "resource_consuming_calls")


LIMITS = st.builds(
    Limits,
    inbound_trunks=st.integers(-1, 4),
    outbound_trunks=st.integers(-1, 4),
    twoway_trunks=st.integers(-1, 4),
    burst_trunks=st.integers(-1, 2),
    resource_consuming_calls=st.integers(-1, 8),
    allow_prepay=st.booleans(),
)
STEPS = st.lists(st.sampled_from(["inbound", "outbound", "-inbound", "-outbound"]), max_size=60)


@given(LIMITS, STEPS)
def test_never_more_than_there_are_trunks_and_never_refused_while_one_is_free(limits: Limits, steps: list[str]) -> None:
    up: list[tuple[str, str]] = []
    for step in steps:
        if step.startswith("-"):
            leg = next((one for one in up if one[0] == step[1:]), None)
            if leg is not None:
                up.remove(leg)
            continue
        used = _used(up)
        billing = decide(limits, used, step, US).billing  # type: ignore[arg-type] # a direction, by its construction
        if billing is not None:
            up.append((step, billing))
        assert _trunks_needed(limits, up) <= _many(limits.twoway_trunks)
        assert sum(pays == "flat_rate_burst" for _, pays in up) <= _many(limits.burst_trunks)
        assert len(up) <= _many(limits.resource_consuming_calls)
        if billing is None and len(up) < _many(limits.resource_consuming_calls):
            assert _trunks_needed(limits, [*up, (step, "flat_rate")]) > _many(limits.twoway_trunks)
            assert used.burst == _many(limits.burst_trunks)


def _many(limit: int) -> float:
    return float("inf") if limit == UNLIMITED else limit


def _used(up: list[tuple[str, str]]) -> Used:
    def count(direction: str, pays: str) -> int:
        return sum(leg == (direction, pays) for leg in up)

    burst = count("inbound", "flat_rate_burst") + count("outbound", "flat_rate_burst")
    return Used(len(up), count("inbound", "flat_rate"), count("outbound", "flat_rate"), burst)


def _trunks_needed(limits: Limits, up: list[tuple[str, str]]) -> float:
    used = _used(up)
    return max(0, used.inbound - _many(limits.inbound_trunks)) + max(0, used.outbound - _many(limits.outbound_trunks))


@pytest.mark.parametrize("value", ["many", True, [], 1e300, float("nan")])
def test_a_limit_that_is_no_number_allows_nothing(value: Any) -> None:
    assert Limits.of({"twoway_trunks": value, "calls": value}, {}).twoway_trunks == 0
    assert Limits.of({"calls": value}, {}).calls == 0


def test_a_document_is_read_with_its_private_fields_first_and_the_configured_defaults_last() -> None:
    document = {"inbound_trunks": "3", "pvt_outbound_trunks": 5, "outbound_trunks": 50, "max_postpay_amount": -2.5}
    config = {
        "default_twoway_trunks": -1,
        "default_allow_postpay": True,
        "flat_rate_whitelist": "(",
        "default_inbound_trunks": 9,
    }
    limits = Limits.of(document, config)
    assert (limits.inbound_trunks, limits.outbound_trunks, limits.twoway_trunks) == (3, 5, UNLIMITED)
    assert (limits.allow_postpay, limits.max_postpay_amount) == (True, 25_000)
    assert decide(limits, Used(), "outbound", US).billing == "flat_rate"
