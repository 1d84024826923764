"""What a caller hears and presses: sleep, tts, audio_macro, language, digits; and waiting for the end."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.call import ChannelDestroyed
from mirliton.actors.kapi.channels import ChannelStatusResp
from mirliton.actors.kapi.dialplan import Play, PlayAndCollectDigits, SendDtmf, Sleep, Tones, Tts
from mirliton.actors.switching import CHANNELS, LegEvent, call_name, executor_name
from mirliton.runtime.testing import Probe
from mirliton.supervisors import Supervisor
from mirliton.whapps.callflow.actions import ACTIONS
from mirliton.whapps.callflow.listener import executor_tree
from mirliton.whapps.callflow.script import Done, Next, Script
from scripted_switch import CALL, SWITCH

END = {"module": "response", "data": {}}


async def _only(here: Any, module: str, data: Any) -> Any:
    """The first command of a flow of one action."""
    await here.flow_of({"module": module, "data": data, "children": {"_": END}})
    log = await here.call()
    assert log.said()[-1] == "respond"
    return log.commands[0][1]


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        ({"duration": 3}, 3.0),
        ({"duration": 250, "unit": "ms"}, 0.25),
        ({"duration": 2, "unit": "m"}, 120.0),
        ({"duration": 48, "unit": "h"}, 86_400.0),
        ({"duration": 3, "unit": "fortnight"}, 3.0),
    ],
    ids=str,
)
async def test_sleep(world: Any, data: Any, seconds: float) -> None:
    async with world() as here:
        command = await _only(here, "sleep", data)
        assert isinstance(command, Sleep)
        assert command.time == seconds


@pytest.mark.parametrize("duration", [0, -5, "3", None, True])
async def test_sleep_for_no_time_is_none(world: Any, duration: Any) -> None:
    async with world() as here:
        await _only(here, "sleep", {"duration": duration})
        assert here.channel.log.said() == ["respond"]


async def test_tts_speaks(world: Any) -> None:
    async with world() as here:
        command = await _only(here, "tts", {"text": "Hello", "voice": "male", "engine": "flite", "terminators": ["#"]})
        assert command == Tts(CALL, "Hello", voice="male", engine="flite", terminators=("#",))


@pytest.mark.parametrize("module", ["tts", "audio_macro", "send_dtmf", "set_alert_info", "language"])
async def test_what_has_nothing_to_say_is_passed_over(world: Any, module: str) -> None:
    async with world() as here:
        await _only(here, module, {})
        assert here.channel.log.said() == ["respond"]


MACROS = [
    {"macro": "prompt", "id": "vm-hello"},
    {"macro": "play", "id": "tone_stream://1"},
    {"macro": "say", "text": "42", "type": "number"},
    {"macro": "tts", "text": "Bye"},
    {"macro": "tone", "frequencies": [440], "duration_on": 200},
]


async def test_audio_macro_plays_one_after_the_other(world: Any) -> None:
    async with world() as here:
        await _only(here, "audio_macro", {"macros": MACROS})
        assert here.channel.log.said() == ["vm-hello", "tone_stream://1", "«42»", "tts", "beep", "respond"]
        (tones,) = [command for _, command in here.channel.log.commands if isinstance(command, Tones)]
        assert (tones.tones[0].frequencies, tones.tones[0].duration_on) == ((440,), 0.2)


async def test_what_a_macro_says_wrong_is_said_as_usual(world: Any) -> None:
    async with world() as here:
        say = {"macro": "say", "text": "4", "type": "${system(rm)}", "method": ["x"], "gender": "none of yours"}
        command = await _only(here, "audio_macro", {"macros": [say]})
        assert (command.type, command.method, command.gender) == ("name_spelled", "pronounced", None)


async def test_a_key_ends_the_whole_macro(world: Any, caller: Any) -> None:
    async with world(caller({"tone_stream://1": ["5"]})) as here:
        await _only(here, "audio_macro", {"macros": MACROS})
        assert here.channel.log.said() == ["vm-hello", "tone_stream://1", "respond"]


async def test_prompts_are_asked_for_in_the_language_of_the_flow(world: Any) -> None:
    async with world() as here:
        macro = {"module": "audio_macro", "data": {"macros": MACROS[:1]}}
        await here.flow_of({"module": "language", "data": {"language": "fr-CA"}, "children": {"_": macro}})
        (play,) = [command for _, command in (await here.call()).commands if isinstance(command, Play)]
        assert play.media_name.endswith("/vm-hello/fr-ca")


async def test_digits_are_collected_for_later_and_flushed(
    world: Any, caller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    async def look(call: Script, data: Any) -> Any:
        seen.append(call.kept("dtmf"))
        return Done() if len(seen) > 1 else Next()

    actions = {**ACTIONS, "look": look}
    monkeypatch.setattr("mirliton.whapps.callflow.executor.action_of", actions.get)
    async with world(caller({"silence_stream://10": ["123"]})) as here:
        here.channel.digits = "4711#"
        data = {"max_digits": 4, "collection_name": "pin", "timeout": 3000, "interdigit_timeout": 1500}
        flush = {"module": "flush_dtmf", "data": {"collection_name": "pin"}, "children": {"_": {"module": "look"}}}
        looked = {"module": "look", "children": {"_": flush}}
        await here.flow_of({"module": "collect_dtmf", "data": data, "children": {"_": looked}})
        log = await here.call()
        assert seen == [{"pin": "4711"}, None]
        first, second = [command for _, command in log.commands if isinstance(command, PlayAndCollectDigits)]
        assert (first.timeout, second.timeout, second.maximum_digits, first.terminators) == (3.0, 1.5, 3, ("#",))


@pytest.mark.parametrize(("given", "seconds"), [(None, 2.0), (500, 0.5), ("750", 0.75), ("x", 2.0), (10**9, 2.0)])
async def test_send_dtmf(world: Any, given: Any, seconds: float) -> None:
    async with world() as here:
        command = await _only(here, "send_dtmf", {"digits": "12#", "duration_ms": given})
        assert command == SendDtmf(CALL, "12#", duration=seconds)


@pytest.mark.parametrize(("module", "said"), [("answer", "answer"), ("noop", "noop")])
async def test_the_smallest_ones(world: Any, module: str, said: str) -> None:
    async with world() as here:
        await _only(here, module, {})
        assert here.channel.log.said() == [said, "respond"]


@pytest.mark.parametrize("kills", [0, 2])
@pytest.mark.parametrize(("module", "said"), [("dead_air", ["answer"]), ("wait_for_hangup", [])])
async def test_a_call_is_left_alone_until_the_caller_hangs_up(
    world: Any, module: str, said: list[str], kills: int
) -> None:
    async with world(real_call=True) as here:
        await here.flow_of({"module": module, "data": {}, "children": {"_": END}})

        here.node.exit(here.node.whereis(CHANNELS), "kill")
        await here.node.idle()
        await Probe.start(here.node, name=CHANNELS, answer=lambda request: ChannelStatusResp(CALL, "active"))
        supervisor = await here.node.drive(here.node.start(Supervisor, executor_tree(CALL, here.media_urls)))
        for _ in range(kills):
            await here.node.advance(300.0)
            here.node.exit(here.node.whereis(executor_name(CALL)), "kill")
        await here.node.advance(3000.0)
        assert here.node.whereis(executor_name(CALL)) is not None
        here.channel.gone = True
        here.node.send(call_name(CALL), LegEvent(SWITCH, ChannelDestroyed(call_id=CALL)))
        await here.node.drive(here.node.wait_exit(supervisor, timeout=30.0))
        assert (here.channel.log.said(), here.channel.log.hangups) == (said, [])


async def test_an_end_that_nobody_told_of_is_found_out(world: Any) -> None:
    """The call's actor is gone with the leg; the channel table knows."""
    async with world() as here:
        assert here.node.whereis(CHANNELS) is not None
        await here.flow_of({"module": "wait_for_hangup", "data": {}, "children": {"_": END}})
        log = await here.call()
        assert (log.said(), log.hangups) == ([], [])
