"""menu: what a caller hears and where the keys lead."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.dialplan import PlayAndCollectDigits

MENU, FLOW, GREETING = "d" * 32, "e" * 32, "9" * 32
ASK = "menu-no_prompt?"


async def _with_menu(here: Any, children: tuple[str, ...] = (), data: Any = None, **fields: Any) -> None:
    """A menu whose children all refuse the call, and a callflow 201 that does so too."""
    await here.put({"_id": MENU, "pvt_type": "menu", "name": "main", **fields})
    end = {"module": "response", "data": {}}
    await here.put({"_id": FLOW, "pvt_type": "callflow", "numbers": ["201"], "flow": end})
    await here.flow_of(
        {"module": "menu", "data": {"id": MENU, **(data or {})}, "children": dict.fromkeys(children, end)}
    )


async def test_a_key_takes_its_child(world: Any, caller: Any) -> None:
    async with world(caller({"menu-no_prompt": ["1"]})) as here:
        await _with_menu(here, ("1", "2"))
        assert (await here.call()).said() == ["answer", ASK, "respond"]


async def test_an_exact_child_wins_over_a_number_of_the_account(world: Any, caller: Any) -> None:
    async with world(caller({"menu-no_prompt": ["201"]})) as here:
        await _with_menu(here, ("201",))
        assert (await here.call()).said() == ["answer", ASK, "respond"]


async def test_a_number_of_the_account_can_be_dialled(world: Any, caller: Any) -> None:
    async with world(caller({"menu-no_prompt": ["201"]})) as here:
        await _with_menu(here)
        assert (await here.call()).said() == ["answer", ASK, "menu-transferring_call", "respond"]


@pytest.mark.parametrize(
    "fields",
    [
        {"hunt": False},
        {"hunt_allow": "^3"},
        {"hunt_deny": "^2"},
        {"hunt_deny": r"^(\d+)*$"},
        {"hunt_deny": "("},
        {"hunt_allow": "("},
    ],
    ids=str,
)
async def test_a_number_that_may_not_be_dialled_is_an_invalid_entry(world: Any, caller: Any, fields: Any) -> None:
    async with world(caller({"menu-no_prompt": ["201"]})) as here:
        await _with_menu(here, retries=1, **fields)
        said = (await here.call()).said()
        assert said == ["answer", ASK, "menu-invalid_entry", "menu-exit", "vm-goodbye"]


async def test_after_the_last_try_the_caller_goes_on(world: Any, caller: Any) -> None:
    async with world(caller({"menu-no_prompt": ["9", "", "8"]})) as here:
        await _with_menu(here, ("_",), retries=3)
        assert (await here.call()).said() == [
            *("answer", ASK, "menu-invalid_entry", ASK, ASK, "menu-invalid_entry"),
            *("menu-exit", "menu-transferring_call", "respond"),
        ]


async def test_the_last_try_has_a_child_of_its_own(world: Any, caller: Any) -> None:
    async with world(caller()) as here:
        await _with_menu(here, ("max_retries", "_"), retries=2)
        assert (await here.call()).said() == ["answer", ASK, ASK, "menu-exit", "respond"]


async def test_a_caller_who_presses_nothing_takes_the_timeout(world: Any, caller: Any) -> None:
    async with world(caller()) as here:
        await _with_menu(here, ("timeout",))
        assert (await here.call()).said() == ["answer", ASK, "respond"]


async def test_a_caller_who_hangs_up_ends_the_flow(world: Any, caller: Any) -> None:
    async with world(caller({"menu-no_prompt": ["hangup"]})) as here:
        await _with_menu(here, ("_",))
        log = await here.call()
        assert log.said() == ["answer", ASK]
        assert log.hangups == []


async def test_the_menus_own_media_are_heard(world: Any, caller: Any) -> None:
    async with world(caller({"sound.wav": ["9"]})) as here:
        await here.media(GREETING)
        media = {
            "greeting": GREETING,
            "invalid_media": "tone_stream://%(100,0,440)",
            "exit_media": False,
            "transfer_media": True,
        }
        await _with_menu(here, ("_",), retries=1, media=media)
        greeting = here.media_urls.url("GET", here.db, GREETING, "sound.wav")
        assert (await here.call()).said() == [
            *("answer", f"{greeting}?", "tone_stream://%(100,0,440)"),
            *("menu-transferring_call", "respond"),
        ]


async def test_media_can_be_suppressed(world: Any, caller: Any) -> None:
    async with world(caller({"menu-no_prompt": ["9"]})) as here:
        await _with_menu(here, ("_",), retries=1, suppress_media=True)
        assert (await here.call()).said() == ["answer", ASK, "respond"]


async def test_it_waits_as_long_as_the_menu_says(world: Any, caller: Any) -> None:
    async with world(caller({"menu-no_prompt": ["12"]})) as here:
        await _with_menu(here, ("12",), timeout=7000, interdigit_timeout=1500, max_extension_length=3)
        commands = [command for _, command in (await here.call()).commands]
        first, then = [command for command in commands if isinstance(command, PlayAndCollectDigits)]
        assert (first.timeout, first.maximum_digits) == (7.0, 1)
        assert (then.timeout, then.maximum_digits) == (1.5, 2)


async def test_the_actions_own_pause_comes_first(world: Any, caller: Any) -> None:
    async with world(caller({"menu-no_prompt": ["12"]})) as here:
        await _with_menu(here, ("12",), interdigit_timeout=1500, data={"interdigit_timeout": 3000})
        commands = [command for _, command in (await here.call()).commands]
        assert [c.timeout for c in commands if isinstance(c, PlayAndCollectDigits)] == [10.0, 3.0]


@pytest.mark.parametrize("junk", ["☎", "1;rm", "x1", " 1", "1\n"])
async def test_what_is_no_digit_is_no_part_of_the_entry(world: Any, caller: Any, junk: str) -> None:
    async with world(caller({"menu-no_prompt": [junk]})) as here:
        await _with_menu(here, ("1", "_"), retries=1)
        assert (await here.call()).said()[-1] == "respond"


HOSTILE = [
    {"retries": "many", "timeout": [], "max_extension_length": None, "hunt": "yes", "media": 7},
    {"retries": -5, "timeout": -1, "max_extension_length": 10**9},
    {"media": {"greeting": 5, "invalid_media": [], "exit_media": {}, "transfer_media": None}},
    {"media": {"greeting": "_design/x", "exit_media": "no such document", "invalid_media": "/etc/passwd"}},
    {"hunt_allow": 5, "hunt_deny": {"a": 1}},
    {"hunt_allow": "", "name": None},
]


@pytest.mark.parametrize("fields", HOSTILE, ids=str)
async def test_a_document_of_wrong_types_is_read_as_if_it_said_nothing(world: Any, caller: Any, fields: Any) -> None:
    async with world(caller({"menu-no_prompt": ["9", "9", "9", "1"]})) as here:
        await _with_menu(here, ("1", "_"), **fields)
        said = (await here.call()).said()
        assert said[:2] == ["answer", ASK]
        assert said[-1] == "respond"
        assert not [word for word in said if word.startswith("/")]


@pytest.mark.parametrize("data", [{}, {"id": 5}, {"id": ""}, {"id": "absent"}, {"id": "_x"}, {"id": FLOW}], ids=str)
async def test_without_a_menu_the_flow_goes_on(world: Any, data: Any) -> None:
    async with world() as here:
        await here.put({"_id": FLOW, "pvt_type": "callflow", "flow": {}})
        await here.flow_of({"module": "menu", "data": data, "children": {"_": {"module": "response"}}})
        assert (await here.call()).said() == ["respond"]


async def test_a_deleted_menu_is_none(world: Any) -> None:
    async with world() as here:
        await _with_menu(here, ("_",), pvt_deleted=True)
        assert (await here.call()).said() == ["respond"]
