"""Whatever text stands in a command, it stays text: what FreeSWITCH is told has the same shape as with plain text.

Every text of every command is replaced, one at a time, by text made to fool FreeSWITCH's parsers; what is then sent is
read by a model of those parsers and held against what is sent for harmless text: the same API commands, applications,
number of words, variables and legs, or a refusal before anything is sent.
"""

import asyncio
import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirliton.actors.kapi import dialplan as kz
from mirliton.actors.switching import CHECKPOINT_VARIABLE, Accepted, Dispatch, Refused, SetVariables
from mirliton.ecallmgr.esl import inert
from mirliton.ecallmgr.plan import Surroundings
from mirliton.ecallmgr.switch_commands import SwitchCommands
from switch_parsers import HOSTILE, Switch, hostile_text
from told_socket import ToldSocket

LEG = "94b7e751-aadd-4896-aedd-eea32258180f"
COMMAND = "3d61b3ea-0000-4000-8000-1234567890ab"
TEXTS = {"Owner-ID": "u1", "n": "x"}

USERNAME = kz.Endpoint(
    "username",
    to_user="bob",
    to_realm="demo.test",
    endpoint_type="sip",
    presence_id="bob@demo.test",
    outbound_call_id="9d2b7c1e-0000-4000-8000-000000000001",
    auth_user="u",
    auth_password="p",
    auth_realm="r",
    caller_id_name="A",
    caller_id_number="1",
    callee_id_name="B",
    callee_id_number="2",
    outbound_caller_id_name="C",
    outbound_caller_id_number="3",
    outbound_callee_id_name="D",
    outbound_callee_id_number="4",
    custom_channel_vars=TEXTS,
    custom_application_vars=TEXTS,
    custom_sip_headers=TEXTS,
    sip_invite_parameters=("user=phone",),
    codecs=("PCMU", "opus"),
    hold_media="local_stream://moh",
)
ENDPOINTS = (
    USERNAME,
    dataclasses.replace(USERNAME, proxy_ip="10.0.0.5:5060", sip_interface="profile", sip_transport="tcp"),
    kz.Endpoint("route", route="sip:1002@10.0.0.3;transport=tcp"),
    kz.Endpoint("route", route="sofia/gateway/gw/1002"),
    kz.Endpoint("loopback", route="1002"),
    kz.Endpoint("loopback", to_did="1002"),
    kz.Endpoint("e164", to_did="+15551234567", to_ip="10.0.0.4:5080"),
)
BRIDGE = kz.Bridge(
    LEG,
    ENDPOINTS,
    fail_on_single_reject="USER_BUSY",
    ringback="%(1000,3000,425)",
    hold_media="local_stream://moh",
    caller_id_name="A",
    caller_id_number="1",
    outbound_caller_id_name="C",
    outbound_caller_id_number="3",
    confirm_file="a.wav",
    confirm_key="1",
    custom_channel_vars=TEXTS,
    custom_application_vars=TEXTS,
    custom_sip_headers=TEXTS,
)
COMMANDS = (
    kz.Ring(LEG, ringback="%(1000,3000,425)"),
    kz.Play(LEG, "a.wav", ("#",)),
    kz.Play(LEG, "prompt://system/hello/en-us"),
    kz.Play(LEG, "a.wav", leg="B"),
    kz.Play(LEG, "a.wav", endless_playback=True),
    kz.PlayAndCollectDigits(LEG, "a.wav", digits_regex="[0-9]", terminators=("#",), failed_media_name="b.wav"),
    kz.Say(LEG, "12", "number", "pronounced", "en", "feminine"),
    kz.Tts(LEG, "Hello", "female", engine="flite"),
    kz.Record(LEG, "/tmp/mirliton-1.wav", ("#",)),
    kz.RecordCall(LEG, "start", "/tmp/mirliton-1.wav"),
    kz.RecordCall(LEG, "mask", "/tmp/mirliton-1.wav"),
    kz.Hold(LEG, "local_stream://moh"),
    kz.Park(LEG, 3.0, "NORMAL_CLEARING"),
    kz.Set(LEG, TEXTS, TEXTS, TEXTS),
    kz.Set(LEG, TEXTS, export_all=True),
    kz.SetTerminators(LEG, ("*", "#")),
    kz.SendDtmf(LEG, "12"),
    kz.RecvDtmf(LEG, "12"),
    kz.Unbridge(LEG, "B"),
    kz.Hangup(LEG, "NORMAL_CLEARING"),
    kz.Respond(LEG, 486, "Busy"),
    kz.Redirect(LEG, "sip:1@h", "fs2"),
    BRIDGE,
    dataclasses.replace(BRIDGE, dial_endpoint_method="simultaneous"),
    *(kz.Bridge(LEG, (endpoint,)) for endpoint in ENDPOINTS),
)

ALLOWED_LEGS = ("sofia/", "loopback/", "error/user_not_registered")


def texts_of(value, path=()):
    """Where text stands in a command: the paths to it, through fields, tuples and mappings (keys, too)."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, tuple):
        for at, item in enumerate(value):
            yield from texts_of(item, (*path, at))
    elif isinstance(value, dict):
        for key in value:
            yield (*path, ("key", key))
            yield (*path, ("value", key))
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            if field.name not in ("insert_at", "call_id"):
                yield from texts_of(getattr(value, field.name), (*path, field.name))


def replaced(value, path, text):
    if not path:
        return text
    step, rest = path[0], path[1:]
    match step:
        case ("key", key):
            return {(text if name == key else name): item for name, item in value.items()}
        case ("value", key):
            return {**value, key: text}
        case int():
            return (*value[:step], replaced(value[step], rest, text), *value[step + 1 :])
    return dataclasses.replace(value, **{step: replaced(getattr(value, step), rest, text)})


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as one_loop:
        yield one_loop


def told(
    runner, command, *, checkpoint="menu/1", contact="sofia/sipinterface_1/sip:bob@10.0.0.9:5060;fs_path=sip:10.0.0.8"
):
    """What is sent for a command, or why it is refused."""
    socket = ToldSocket()
    socket.knows["sofia_contact */bob@demo.test"] = contact
    dispatch = SwitchCommands(socket, "fs1", Surroundings()).dispatch(Dispatch(LEG, command, COMMAND, checkpoint, True))
    answer = runner.run(dispatch)
    if isinstance(answer, Refused):
        assert not socket.said, "refused, yet something was sent"
        assert "it cannot be translated" not in answer.text, answer
        assert len(answer.text) < 500
        return answer
    assert isinstance(answer, Accepted)
    return socket.said


def shape(said):
    """What was sent without the texts in it."""
    shapes = []
    names = set()
    for each in said:
        if each.kind == "api" and each.verb.startswith("uuid_setvar"):
            assert each.rest.startswith(f"{LEG} ")
            names |= each.variables.keys()
        elif each.kind == "api":
            shapes.append((each.verb, len(Switch.separate(each.rest, " "))))
        else:
            assert each.rest == LEG
            shapes.append((each.application, frozenset(each.headers) - {"execute-app-arg"}, words_of(each)))
    return shapes, names


def words_of(said):
    argument = Switch.expand(said.argument)
    match said.application:
        case "bridge":
            return tuple(
                tuple((frozenset(variables), whereto(endpoint)) for variables, endpoint in group)
                for group in Switch.bridge(argument)
            )
        case "play_and_get_digits" | "say" | "record" | "record_session":
            return len(Switch.separate(argument, " "))
        case "set" | "export":
            return "=" in Switch.expand(argument)
        case "speak":
            return len(Switch.separate(argument, "|"))
        case "playback":
            assert not argument.startswith("%[")
            return "@@" in argument
    return len(argument.split(" ")) > 0


def whereto(endpoint):
    assert endpoint.startswith(ALLOWED_LEGS), endpoint
    assert not endpoint.startswith("loopback/app="), endpoint
    return endpoint.partition("/")[0]


CASES = [(at, path) for at, command in enumerate(COMMANDS) for path in texts_of(command)]


def fits(with_text, plain, key_replaced):
    """The same shape; where a name was replaced, one variable has that name instead of the plain one."""
    (shapes, names), (plain_shapes, plain_names) = with_text, plain
    if key_replaced:
        return len(shapes) == len(plain_shapes) and len(names) == len(plain_names)
    # A value that becomes empty, or an endpoint that leads nowhere, leaves out; nothing may come in.
    return names <= plain_names and all(map(narrower, shapes, plain_shapes)) and len(shapes) == len(plain_shapes)


def narrower(one, other):
    if one == other:
        return True
    if isinstance(one[2], int):
        return one[:2] == other[:2] and one[2] < other[2]
    if one[0] != "bridge" or one[1] != other[1]:
        return False
    legs, wanted = (tuple(itertools.chain.from_iterable(words)) for words in (one[2], other[2]))
    return len(legs) == len(wanted) and all(
        variables <= more and (kind == "error" or kind == other_kind)
        for (variables, kind), (more, other_kind) in zip(legs, wanted, strict=True)
    )


@pytest.fixture(scope="module")
def check(runner):
    plain = []
    for command in COMMANDS:
        said = told(runner, command)
        assert not isinstance(said, Refused), said
        plain.append(shape(said))

    def check(at, path, text):
        said = told(runner, replaced(COMMANDS[at], path, text))
        if not isinstance(said, Refused):
            key_replaced = isinstance(path[-1], tuple) and path[-1][0] == "key"
            assert fits(shape(said), plain[at], key_replaced), (COMMANDS[at], path, text)

    return check


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_text_that_is_known_to_fool_parsers_fools_none(check, text):
    for at, path in CASES:
        check(at, path, text)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(CASES), hostile_text)
def test_no_text_in_any_command_becomes_syntax(check, case, text):
    check(*case, text)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_checkpoint_arrives_as_it_is_or_is_refused(runner, text):
    said = told(runner, kz.Answer(LEG), checkpoint=text)
    if not isinstance(said, Refused) and text:
        variables = {name: value for each in said if each.kind == "api" for name, value in each.variables.items()}
        assert variables[CHECKPOINT_VARIABLE] == text


@pytest.mark.parametrize(
    "text", [*HOSTILE, "error/user_not_registered", "sofia/a/b,loopback/app=system:reboot"], ids=ascii
)
def test_what_the_switch_calls_a_contact_is_no_syntax_either(runner, text):
    """Phones choose their contacts themselves."""
    bridge = kz.Bridge(LEG, (USERNAME,))
    plain, with_text = told(runner, bridge), told(runner, bridge, contact=text)
    assert not isinstance(with_text, Refused)
    assert fits(shape(with_text), shape(plain), key_replaced=False)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text(alphabet="abXY_-", min_size=1, max_size=8), hostile_text, min_size=1, max_size=80))
def test_variables_are_set_each_to_its_value(runner, variables):
    socket = ToldSocket()
    answer = runner.run(SwitchCommands(socket, "fs1", Surroundings()).set_variables(SetVariables(LEG, variables)))
    if isinstance(answer, Refused):
        assert not socket.said
        return
    assert socket.variables == {name: inert(value) for name, value in variables.items()}
