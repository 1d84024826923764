"""How a party sounds, is shown or is held, on the switch."""

import pytest

from mirliton.actors.kapi import dialplan as kz
from mirliton.ecallmgr.errors import Untranslatable
from mirliton.ecallmgr.plan import Application, Plan, Surroundings
from mirliton.ecallmgr.translate import plan_for

LEG = "94b7e751-aadd-4896-aedd-eea32258180f"
OTHER = "11b7e751-aadd-4896-aedd-eea32258180f"


def one(name, argument=""):
    return Plan(applications=(Application(name, argument),))


def api(text):
    return Plan(apis=(text,))


PLANS = [
    (kz.HoldControl(LEG, "hold"), api(f"uuid_hold {LEG}")),
    (kz.HoldControl(LEG, "unhold"), api(f"uuid_hold off {LEG}")),
    (kz.HoldControl(LEG, "toggle"), api(f"uuid_hold toggle {LEG}")),
    (kz.SoftHold(LEG, "*"), one("soft_hold", "*")),
    (
        kz.SoftHold(LEG, "1", a_moh="local_stream://moh", b_moh="silence_stream://1"),
        one("soft_hold", "1 local_stream://moh silence_stream://1"),
    ),
    (kz.Echo(LEG), one("echo")),
    (kz.Privacy(LEG, "full"), one("privacy", "full")),
    (kz.Privacy(LEG, "none"), one("privacy", "off")),
    (kz.Privacy(LEG), one("privacy", "on")),
    (kz.AudioLevel(LEG, "start", "-3", "read"), api(f"uuid_audio {LEG} start read level -3")),
    (kz.AudioLevel(LEG, "start", "mute", "write"), api(f"uuid_audio {LEG} start write mute 1")),
    (kz.AudioLevel(LEG, "stop", "0", "read"), api(f"uuid_audio {LEG} stop")),
    (kz.PlaySeek(LEG, "fastforward", 2.5), api(f"uuid_fileman {LEG} seek:+2500")),
    (kz.PlaySeek(LEG, "rewind", 10), api(f"uuid_fileman {LEG} seek:-10000")),
    (kz.PlayMacro(LEG, ["a.wav"]), one("playback", "a.wav")),
    (
        kz.PlayMacro(LEG, [{"Media-Name": "prompt://system/menu/en-us"}, "b.wav"]),
        one("playback", "file_string:///snd/mirliton/en-us/menu.wav!b.wav"),
    ),
    (
        kz.ConnectLeg(LEG, OTHER),
        Plan(
            {"park_after_bridge": "", "hangup_after_bridge": "true", "uuid_bridge": ""}, (f"uuid_bridge {LEG} {OTHER}",)
        ),
    ),
    (
        kz.ConnectLeg(LEG, OTHER, park_after_pickup=True),
        Plan(
            {"park_after_bridge": "true", "hangup_after_bridge": "", "uuid_bridge": ""}, (f"uuid_bridge {LEG} {OTHER}",)
        ),
    ),
]


@pytest.mark.parametrize(("command", "plan"), PLANS, ids=lambda value: type(value).__name__)
def test_a_command_is_carried_out_by_the_switch(command, plan):
    assert plan_for(command, LEG, Surroundings(sounds="/snd/mirliton/en-us")) == plan


REFUSED = [
    kz.SoftHold(LEG, "1 system"),
    kz.SoftHold(LEG, "1", a_moh="/etc/passwd"),
    kz.AudioLevel(LEG, "start", "9", "read"),
    kz.AudioLevel(LEG, "start", "1", "read mute"),
    kz.AudioLevel(LEG, "start", "${x}", "read"),
    kz.AudioLevel(LEG, "go", "1", "read"),
    kz.PlaySeek(LEG, "sideways", 1),
    kz.PlayMacro(LEG, []),
    kz.PlayMacro(LEG, ["a.wav"] * 51),
    kz.PlayMacro(LEG, ["/etc/passwd", "b.wav"]),
    kz.PlayMacro(LEG, [{"Text": "hello"}]),
    kz.PlayMacro(LEG, "a.wav"),
    kz.ConnectLeg(LEG, "not a leg"),
    kz.ConnectLeg(LEG, OTHER, move_channel_if_necessary=True),
]


@pytest.mark.parametrize("command", REFUSED, ids=lambda value: type(value).__name__)
def test_what_cannot_be_done_or_must_not_be_is_refused(command):
    with pytest.raises(Untranslatable):
        plan_for(command, LEG, Surroundings())


@pytest.mark.parametrize(
    "command",
    [
        kz.EventActions(LEG, {"CHANNEL_ANSWER": ["system reboot"]}),
        kz.ExecuteExtension(LEG, "1000"),
        kz.Transfer(LEG, "blind", "1000"),
        kz.ToneDetect(LEG, "fax", (1100,), on_success=("system",)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nobody_can_have_the_switch_run_anything(command):
    with pytest.raises(Untranslatable, match="no switch can do this"):
        plan_for(command, LEG, Surroundings())
