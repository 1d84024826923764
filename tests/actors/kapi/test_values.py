"""Kinds of values: durations, numbers and flags, terminators, addresses."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mirliton.actors import kapi
from mirliton.actors.kapi.dialplan import (
    Bridge,
    Endpoint,
    Play,
    PlayAndCollectDigits,
    Record,
    SetTerminators,
    Sleep,
    Tone,
    Tones,
)
from mirliton.actors.kapi.route import RouteResp, RouteWin
from mirliton.runtime import Name, Pid


def written(message: object) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(kapi.to_headers(message)))
    return made


def test_durations_are_seconds_inside_and_kazoos_units_outside() -> None:
    endpoint = Endpoint("route", endpoint_timeout=20.0, endpoint_delay=5.0)
    bridge = written(Bridge("leg", (endpoint,), timeout=30.0))
    assert (bridge["Timeout"], bridge["Endpoints"][0]["Endpoint-Timeout"]) == ("30", 20)
    assert bridge["Endpoints"][0]["Endpoint-Delay"] == "5"
    assert written(Sleep("leg", 0.5))["Time"] == "500"
    assert written(PlayAndCollectDigits("leg", "prompt", timeout=4.25))["Timeout"] == "4250"
    assert written(Record("leg", "file", time_limit=120.0))["Time-Limit"] == 120
    tone = written(Tones("leg", (Tone((440, 480), 2.0, 4.0),)))["Tones"][0]
    assert tone == {"Frequencies": ["440", "480"], "Duration-ON": "2000", "Duration-OFF": "4000"}


@pytest.mark.parametrize(("seconds", "units"), [(1.1, "1100"), (0.0004, "1"), (0.0, "0"), (2, "2000")])
def test_a_part_of_a_millisecond_is_rounded_up(seconds: float, units: str) -> None:
    assert written(Sleep("leg", seconds))["Time"] == units


@given(st.integers(0, 10**12))
@example(17_141_650_758)  # its thousandth, times a thousand, is not itself
@settings(deadline=None)
def test_every_count_of_milliseconds_comes_back(units: int) -> None:
    read = kapi.from_headers(written(Sleep("leg", 1.0)) | {"Time": units})
    assert isinstance(read, Sleep)
    assert written(read)["Time"] == str(units)


@pytest.mark.parametrize("time", ["1500", 1500, 1500.0, "1500.0", "+1500"])
def test_a_number_is_read_in_each_form_that_it_comes_in(time: Any) -> None:
    read = kapi.from_headers(written(Sleep("leg", 1.0)) | {"Time": time})
    assert isinstance(read, Sleep)
    assert read.time == 1.5


@pytest.mark.parametrize("time", ["", "1e3", "1 500", "0x10", "-1", "½", True, "1" * 20, "१"])
def test_what_only_looks_like_a_number_is_refused(time: Any) -> None:
    with pytest.raises(kapi.InvalidMessage, match="Time"):
        kapi.from_headers(written(Sleep("leg", 1.0)) | {"Time": time})


@pytest.mark.parametrize("value", [True, "true"])
def test_a_flag_is_read_as_boolean_or_text_and_written_as_kazoo_does(value: Any) -> None:
    bridge = written(Bridge("leg", (Endpoint("route"),), ignore_early_media=False, continue_on_fail=False))
    assert (bridge["Ignore-Early-Media"], bridge["Continue-On-Fail"]) == ("false", False)
    read = kapi.from_headers(bridge | {"Ignore-Early-Media": value, "Continue-On-Fail": value})
    assert isinstance(read, Bridge)
    assert (read.ignore_early_media, read.continue_on_fail) == (True, True)


def test_no_terminators_and_none_said_differ() -> None:
    assert "Terminators" not in written(Play("leg", "file"))
    assert written(Play("leg", "file", terminators=()))["Terminators"] == "none"
    assert written(SetTerminators("leg", ()))["Terminators"] == "none"
    assert written(Play("leg", "file", terminators=("1", "#")))["Terminators"] == ["1", "#"]


def test_a_port_or_code_that_comes_as_a_number_is_text() -> None:
    read = kapi.from_headers(written(RouteWin("leg", "queue")) | {"Switch-Hostname": 7})
    assert isinstance(read, RouteWin)
    assert read.switch_hostname == "7"


@pytest.mark.parametrize("address", [Pid("one", 1, 7), Name("call", "leg")])
def test_an_address_leaves_as_the_queue_that_leads_to_it(address: Pid | Name) -> None:
    answer = RouteResp("park", server_id=address)
    headers = kapi.to_headers(answer, queue_of=lambda to: f"pid://{to}/queue")
    assert headers["Server-ID"] == f"pid://{address}/queue"
    read = kapi.from_headers(headers)
    assert isinstance(read, RouteResp)
    assert read.server_id == f"pid://{address}/queue"


def test_an_address_cannot_leave_where_no_queue_leads_to_it() -> None:
    with pytest.raises(kapi.InvalidMessage, match=r"Control-Queue: .* has no queue here"):
        kapi.to_headers(RouteWin("leg", Name("call", "leg")))


def test_what_was_read_cannot_be_changed_where_it_was_a_list() -> None:
    headers = written(kapi.dialplan.Set("leg", custom_channel_vars={"List": (1, (2,))}))
    assert headers["Custom-Channel-Vars"] == {"List": [1, [2]]}
    read = kapi.from_headers(headers)
    assert isinstance(read, kapi.dialplan.Set)
    assert read.custom_channel_vars == {"List": (1, (2,))}
