"""Every Kazoo command in FreeSWITCH's terms, and what is refused, with the reason."""

import dataclasses

import pytest

from mirliton.actors.kapi import dialplan as kz
from mirliton.actors.switching import HOLD_VARIABLE
from mirliton.ecallmgr import party
from mirliton.ecallmgr.errors import Untranslatable
from mirliton.ecallmgr.plan import Application, Plan, Surroundings
from mirliton.ecallmgr.translate import _TRANSLATIONS, plan_for
from switch_parsers import Switch

LEG = "94b7e751-aadd-4896-aedd-eea32258180f"
AROUND = Surroundings(
    contacts={"bob@demo.test": "sofia/sipinterface_1/sip:bob@10.0.0.9:5060"}, sounds="/snd/mirliton/en-us"
)
FILE = "/tmp/mirliton-9f8e7d.wav"
OTHER = "5c0fcae1-77d0-4bd9-a7a4-d9bd2f2d4f0e"
PICKS_UP = {
    "intercept_unanswered_only": "",
    "intercept_unbridged_only": "",
    "park_after_bridge": "",
    "hangup_after_bridge": "true",
    "uuid_bridge": "",
}


def one(name, argument="", **variables):
    """The plan of one application."""
    return Plan(variables=variables, applications=(Application(name, argument),))


def endless(argument, **variables):
    return Plan(variables=variables, applications=(Application("playback", argument, endless=True),))


def api(text):
    return Plan(apis=(text,))


PLANS = [
    (kz.Answer(LEG), one("answer")),
    (kz.Progress(LEG), one("pre_answer")),
    (kz.Ring(LEG), one("ring_ready")),
    (kz.Ring(LEG, ringback="%(1000,3000,425)"), one("ring_ready", ringback="%(1000,3000,425)")),
    (kz.Ring(LEG, ringback="local_stream://moh"), one("ring_ready", ringback="local_stream://moh")),
    (kz.Play(LEG, "prompt://system/vm-enter_pass/en-us"), one("playback", "/snd/mirliton/en-us/vm-enter_pass.wav")),
    (kz.Play(LEG, "prompt://vm-enter_pass"), one("playback", "/snd/mirliton/en-us/vm-enter_pass.wav")),
    (kz.Play(LEG, "tone_stream://%(500,500,480,620)"), one("playback", "tone_stream://%(500,500,480,620)")),
    (kz.Play(LEG, "silence_stream://250", terminators=("1", "#")),
     one("playback", "silence_stream://250", playback_terminators="1#")),
    (kz.Play(LEG, "silence_stream://250", terminators=()),
     one("playback", "silence_stream://250", playback_terminators="none")),
    (kz.Play(LEG, "a.wav", loop_count=3), one("playback", "file_string://a.wav!a.wav!a.wav")),
    (kz.Play(LEG, "a.wav", endless_playback=True), endless("a.wav")),
    (kz.Play(LEG, "http://10.0.0.1:8080/media/t/a.mp3?x=1"), one("playback", "http://10.0.0.1:8080/media/t/a.mp3?x=1")),
    (kz.Play(LEG, "a.wav", leg="A"), one("playback", "a.wav")),
    (kz.Play(LEG, "a.wav", leg="B"), api(f"uuid_broadcast {LEG} a.wav bleg")),
    (kz.Play(LEG, "a.wav", leg="Both"), api(f"uuid_broadcast {LEG} a.wav both")),
    (kz.PlayStop(LEG), api(f"uuid_break {LEG}")),
    (kz.Break(LEG), api(f"uuid_break {LEG}")),
    (kz.PlayAndCollectDigits(LEG, "a.wav", minimum_digits=1, maximum_digits=4, timeout=5.0, media_tries=3),
     one("play_and_get_digits", "1 4 3 5000 # a.wav silence_stream://250 collected_digits [0-9]+ 5000",
         collected_digits="")),
    (kz.PlayAndCollectDigits(LEG, "prompt://system/menu/en-us", 0, 9, "", 0.25, (), 1, "b.wav"),
     one("play_and_get_digits", "0 9 1 250 none /snd/mirliton/en-us/menu.wav b.wav collected_digits [0-9*#]+ 250",
         collected_digits="")),
    (kz.Say(LEG, "42", "number"), one("say", "en number pronounced 42")),
    (kz.Say(LEG, "1 2", "items", "iterated", "de-de", "feminine"), one("say", "de items iterated feminine '1 2'")),
    (kz.Tts(LEG, "You have mail, O'Brien."), one("speak", "flite|slt|You have mail, O’Brien.")),
    (kz.Tts(LEG, "Yes", voice="male", engine="flite"), one("speak", "flite|kal|Yes")),
    (kz.Tones(LEG, (kz.Tone((440, 480), 2.0, 4.0),)), one("playback", "tone_stream://%(2000,4000,440,480)")),
    (kz.Tones(LEG, (kz.Tone((800,), 0.2, 0.1, repeat=2, volume=-7), kz.Tone((400,), 1, 1)), terminators=("*",)),
     one("playback", "tone_stream://v=-7;l=2;%(200,100,800);%(1000,1000,400)", playback_terminators="*")),
    (kz.Record(LEG, FILE), one("record", f"{FILE} 120 500 5", playback_terminator_used="")),
    (kz.Record(LEG, "voice.wav", ("#",), 9.1, 0, 3),
     one("record", "voice.wav 10 0 3", playback_terminators="#", playback_terminator_used="")),
    (kz.RecordCall(LEG, "start", FILE), one("record_session", f"{FILE} +3600")),
    (kz.RecordCall(LEG, "start", FILE, time_limit=60, record_min_sec=2, record_sample_rate=8000,
                   channels_as_stereo=True, follow_transfer=False),
     one("record_session", f"{FILE} +60", record_min_sec="2", record_sample_rate="8000", RECORD_STEREO="true",
         recording_follow_transfer="false")),
    (kz.RecordCall(LEG, "start", FILE, recording_variables={"RECORD_ANSWER_REQ": "true"}),
     one("record_session", f"{FILE} +3600", RECORD_ANSWER_REQ="true")),
    (kz.RecordCall(LEG, "stop"), one("stop_record_session", "all")),
    (kz.RecordCall(LEG, "stop", FILE), one("stop_record_session", FILE)),
    (kz.RecordCall(LEG, "mask", FILE), api(f"uuid_record {LEG} mask {FILE}")),
    (kz.RecordCall(LEG, "unmask", FILE), api(f"uuid_record {LEG} unmask {FILE}")),
    (kz.Conference(LEG, "room-1"), one("conference", "room-1@default")),
    (kz.Conference(LEG, "room-1", "wide", moderator=True, mute=True, deaf=True),
     one("conference", "room-1@wide+flags{moderator|mute|deaf}")),
    (kz.Hold(LEG), dataclasses.replace(endless("local_stream://moh", **{HOLD_VARIABLE: "true"}), goes_on=True)),
    (kz.Hold(LEG, "a.wav"), dataclasses.replace(endless("a.wav", **{HOLD_VARIABLE: "true"}), goes_on=True)),
    (kz.Park(LEG), Plan()),
    (kz.Park(LEG, 30.0), api(f"sched_hangup +30 {LEG} NORMAL_CLEARING")),
    (kz.Park(LEG, 30.0, "USER_BUSY"), api(f"sched_hangup +30 {LEG} USER_BUSY")),
    (kz.Sleep(LEG, 1.5), one("sleep", "1500")),
    (kz.Set(LEG, {"Owner-ID": "u1"}, {"Account-ID": "a1", "N": 3}, {"x": True}),
     Plan(variables={"ecallmgr_Owner-ID": "u1", "cav_x": "true"},
          applications=(Application("export", "ecallmgr_Account-ID=a1"), Application("export", "ecallmgr_N=3")))),
    (kz.Set(LEG, {"Owner-ID": "u1"}, export_all=True),
     Plan(variables={"ecallmgr_Owner-ID": "u1"}, applications=(Application("export", "ecallmgr_Owner-ID=u1"),))),
    (kz.Set(LEG, custom_application_vars={"x": "1"}, export_all=True),
     Plan(variables={"cav_x": "1"}, applications=(Application("export", "cav_x=1"),))),
    (kz.SetTerminators(LEG, ("*", "#")), Plan(variables={"playback_terminators": "*#"})),
    (kz.SetTerminators(LEG, ()), Plan(variables={"playback_terminators": "none"})),
    (kz.SendDtmf(LEG, "12w#A"), one("send_dtmf", "12w#A")),
    (kz.SendDtmf(LEG, "1", 0.1), one("send_dtmf", "1@100")),
    (kz.RecvDtmf(LEG, "1*"), api(f"uuid_recv_dtmf {LEG} 1*")),
    (kz.Unbridge(LEG), api(f"uuid_transfer {LEG} -both park inline")),
    (kz.Unbridge(LEG, "A"), api(f"uuid_transfer {LEG} park inline")),
    (kz.Unbridge(LEG, "B"), api(f"uuid_transfer {LEG} -bleg park inline")),
    (kz.Hangup(LEG), api(f"uuid_kill {LEG} NORMAL_CLEARING")),
    (kz.Hangup(LEG, "CALL_REJECTED"), api(f"uuid_kill {LEG} CALL_REJECTED")),
    (kz.Hangup(LEG, other_leg_only=True), api(f"uuid_park {LEG}")),
    (kz.Respond(LEG, 404), one("respond", "404")),
    (kz.Respond(LEG, 486, "Busy Here"), one("respond", "486 Busy Here")),
    (kz.Redirect(LEG, "sip:1002@10.0.0.2:5080"), one("redirect", "sip:1002@10.0.0.2:5080")),
    (kz.Redirect(LEG, "sip:1@h", redirect_server="fs2.test"),
     one("redirect", "sip:1@h", **{"sip_rh_X-Redirect-Server": "fs2.test"})),
    (kz.Noop(LEG), one("log", "DEBUG noop")),
    (kz.CallPickup(LEG, OTHER), one("intercept", OTHER, **PICKS_UP)),
    (kz.CallPickup(LEG, OTHER, other_leg=True, unbridged_only=True, unanswered_only=True, park_after_pickup=True),
     one("intercept", f"-bleg {OTHER}", **PICKS_UP | {"intercept_unanswered_only": "true", "park_after_bridge": "true",
                                                     "intercept_unbridged_only": "true", "hangup_after_bridge": ""})),
    (kz.Eavesdrop(LEG, OTHER), one("eavesdrop", OTHER, eavesdrop_enable_dtmf="false")),
    (kz.Eavesdrop(LEG, OTHER, enable_dtmf=True), one("eavesdrop", OTHER, eavesdrop_enable_dtmf="true")),
]  # fmt: skip


def shown(command):
    return repr(command).replace(LEG, "")[:90]


@pytest.mark.parametrize(("command", "plan"), PLANS, ids=[shown(command) for command, _ in PLANS])
def test_each_command_has_its_plan(command, plan):
    assert plan_for(command, LEG, AROUND) == plan


def test_no_command_is_missing():
    bridge = kz.Bridge(LEG, (kz.Endpoint("username", to_user="bob", to_realm="demo.test"),))
    assert plan_for(bridge, LEG, AROUND).completes
    page = kz.Page(LEG, (kz.Endpoint("route", route="sip:bob@10.0.0.1"),))
    assert plan_for(page, LEG, AROUND).completes
    tried = {type(command) for command, _ in PLANS} | {kz.Bridge, kz.Page}
    assert tried == set(_TRANSLATIONS) - {kz.Queue} - set(party.TRANSLATIONS)


def test_what_a_command_waits_for():
    """The end of what is queued on the leg comes as an event; all else is done when the switch has answered."""
    waits = {type(command).__name__ for command, plan in PLANS if plan_for(command, LEG, AROUND).completes}
    assert waits == {
        *(
            "Answer",
            "CallPickup",
            "Conference",
            "Eavesdrop",
            "Noop",
            "Play",
            "PlayAndCollectDigits",
            "Progress",
            "Record",
            "RecordCall",
            "Redirect",
            "Respond",
        ),
        *("Ring", "Say", "SendDtmf", "Set", "Sleep", "Tones", "Tts"),
    }


REFUSED = [
    (kz.RecordCall(LEG, "start", FILE, recording_variables={"api_hangup_hook": "x"}), "record_call: 'api_hangup_hook'"),
    (kz.CallPickup(LEG, "a b"), "call_pickup: target_call_id"),
    (kz.CallPickup(LEG, OTHER, move_channel_if_necessary=True), "call_pickup: a leg cannot be moved"),
    (kz.Eavesdrop(LEG, ""), "eavesdrop: target_call_id"),
    (kz.Eavesdrop(LEG, OTHER, other_leg=True), "eavesdrop: only the named leg"),
    (kz.Play(LEG, ""), "media: '' is nothing a switch can play"),
    (kz.Play(LEG, "/etc/passwd"), "media: '/etc/passwd' is nothing a switch can play"),
    (kz.Play(LEG, "prompt://system/../secret"), "media: 'prompt://system/../secret' names no prompt"),
    (kz.Play(LEG, "prompt://"), "media: 'prompt://' names no prompt"),
    (kz.Play(LEG, "a.wav", loop_count=1000), "play: 1000 times is more than can be played at a stretch (100)"),
    (kz.PlayAndCollectDigits(LEG, "a.wav", digits_regex="(?s:.)"), "play_and_collect_digits: '(?s:.)' is no pattern"),
    (kz.Say(LEG, "1", "number", language="en us"), "say: 'en us' is no language"),
    (kz.Say(LEG, "", "number"), "say: "),
    (kz.Tts(LEG, "x", engine="google"), "tts: the engine 'google' is not there; flite is"),
    (kz.Tts(LEG, " "), "tts: there is nothing to say"),
    (kz.Tones(LEG, ()), "tones: no tone is given"),
    (kz.Tones(LEG, (kz.Tone((), 1, 1),)), "tones: a tone needs a frequency"),
    (kz.Record(LEG, "http://x/y"), "record: 'http://x/y' is no file to record to"),
    (kz.Record(LEG, "/var/lib/other.wav"), "record: '/var/lib/other.wav' is no file to record to"),
    (kz.Record(LEG, "/tmp/../mirliton-1.wav"), "record: '/tmp/../mirliton-1.wav' is no file to record to"),
    (kz.RecordCall(LEG, "start"), "record_call: to start a recording takes its media_name"),
    (kz.RecordCall(LEG, "mask"), "record_call: to mask a recording takes its media_name"),
    (kz.Park(LEG, 1.0, "no cause"), "park: 'no cause' is no hangup cause"),
    (kz.Hangup(LEG, "drop table"), "hangup: 'drop table' is no hangup cause"),
    (kz.SendDtmf(LEG, "12;34"), "send_dtmf: the digits are not 1 to 128 of 0-9, A-D, *, # and the pause w"),
    (kz.SendDtmf(LEG, ""), "send_dtmf: the digits are not"),
    (kz.RecvDtmf(LEG, "1" * 129), "recv_dtmf: the digits are not"),
    (kz.Respond(LEG, 200), "respond: 200 refuses no call; 300 to 699 do"),
    (kz.Respond(LEG, 700), "respond: 700 refuses no call; 300 to 699 do"),
    (kz.Redirect(LEG, "1002"), "redirect: '1002' is no SIP URI"),
    (kz.Redirect(LEG, "sip:a@b,sip:c@d"), "redirect: 'sip:a@b,sip:c@d' is no SIP URI"),
    (kz.Set(LEG, {"a b": "x"}), "set: custom_channel_vars.a b cannot be a variable: variable name 'a b'"),
    (kz.Set(LEG, {"a": ["x"]}), "set: custom_channel_vars.a cannot be a variable: a list is no text, number or flag"),
    (kz.Noop(LEG, ["play"]), "noop: commands cannot be filtered from the queue (Filter-Applications)"),
    (kz.Queue(LEG, (kz.Answer(LEG),)), "queue: its commands have to be given one by one"),
]


@pytest.mark.parametrize(("command", "why"), REFUSED, ids=[shown(command) for command, _ in REFUSED])
def test_what_cannot_be_done_is_refused_with_the_reason(command, why):
    with pytest.raises(Untranslatable) as caught:
        plan_for(command, LEG, AROUND)
    assert str(caught.value).startswith(why)


def test_digits_are_shown_to_nobody():
    """They may be a PIN."""
    with pytest.raises(Untranslatable) as caught:
        plan_for(kz.SendDtmf(LEG, "4711x"), LEG, AROUND)
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize("leg", ["", "a b", "a\nb", "all", "x" * 300, "${uuid}"])
def test_a_command_is_for_one_leg(leg):
    if leg == "all":
        # An id as good as any; FreeSWITCH's `uuid_kill` and the like know no `all` in its place.
        assert plan_for(kz.Hangup(leg), leg, AROUND).apis == ("uuid_kill all NORMAL_CLEARING",)
        return
    with pytest.raises(Untranslatable, match="uuid"):
        plan_for(kz.Hangup(leg), leg, AROUND)


@pytest.mark.parametrize("what", [None, "answer", kz.Tone((1,), 1, 1), object()])
def test_what_is_no_command_is_refused(what):
    with pytest.raises(Untranslatable, match="no switch can do this"):
        plan_for(what, LEG, AROUND)


@pytest.mark.parametrize("seconds", [-5.0, 0.0, 0.0001, 1e9])
def test_times_stay_within_bounds(seconds):
    [sleep] = plan_for(kz.Sleep(LEG, seconds), LEG, AROUND).applications
    assert 1 <= int(sleep.argument) <= 86_400_000
    [record] = plan_for(kz.Record(LEG, FILE, time_limit=seconds), LEG, AROUND).applications
    assert 1 <= int(record.argument.split()[1]) <= 86_400
    collect = kz.PlayAndCollectDigits(LEG, "a.wav", -3, 5000, timeout=seconds, media_tries=0)
    [collected] = plan_for(collect, LEG, AROUND).applications
    least, most, tries, wait, *_ = map(int, collected.argument.split()[:4])
    assert (least, most, tries) == (0, 127, 1)
    assert 1 <= wait <= 86_400_000


@pytest.mark.parametrize(
    ("pattern", "arrives"),
    [
        (r"\d+", "[0-9]+"),
        (r"^(\d{4}|\*9|0)$", "^([0-9]{4}|[*]9|0)$"),
        (r"[1-3]", "[1-3]"),
        (r"[\d*#]{2}", "[0-9*#]{2}"),
        (r"[\*\d]\.", "[*0-9][.]"),
        ("", "[0-9*#]+"),
    ],
)
def test_a_pattern_arrives_without_escapes(pattern, arrives):
    plan = plan_for(kz.PlayAndCollectDigits(LEG, "a.wav", digits_regex=pattern), LEG, AROUND)
    assert Switch.separate(Switch.expand(plan.applications[0].argument), " ")[8] == arrives
