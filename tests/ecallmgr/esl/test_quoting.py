"""Hostile text in dial strings, arguments and variables stays text, held against a model of FreeSWITCH's parsers."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mirliton.ecallmgr.esl import InvalidCommand, Leg, commands, dial_string, inert, quoting
from switch_parsers import HOSTILE, Switch, hostile_text

LEG = "94b7e751-aadd-4896-aedd-eea32258180f"


def test_the_model_shows_why_quotes_do_not_protect():
    """What the model is for: this is how a quoted value becomes a second variable on the real switch."""
    assert Switch.bridge("[a='x,b=1']sofia/internal/1") == [[({"a": "x", "b": "1"}, "sofia/internal/1")]]
    assert Switch.bridge("{a='x,b=1'}sofia/internal/1") == [[({"a": "x,b=1"}, "sofia/internal/1")]]
    assert Switch.bridge("[a=x]y]sofia/internal/1") == [[({"a": "x"}, "y]sofia/internal/1")]]
    with pytest.raises(AssertionError, match="expanded"):
        Switch.bridge("[a=${system(reboot)}]sofia/internal/1")


@given(hostile_text)
@example("^^ ^^x")
@example("ARRAY:::")
def test_inert_text_holds_no_syntax_and_stays_as_it_is(text):
    made = inert(text)
    assert quoting.is_inert(made)
    assert inert(made) == made


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("Miles O'Brien", "Miles O\u2019Brien"),
        ("Smith, John (Jr.)", "Smith, John (Jr.)"),
        ("Müller & Söhne <Berlin>", "Müller & Söhne (Berlin)"),
        ("Ca$h \u20ac", "Ca$h \u20ac"),
        ("Al\nX-Injected: yes", "Al X-Injected: yes"),
        ("a\\b|c", "a/b/c"),
    ],
)
def test_inert_text_looks_like_what_was_typed(typed, shown):
    assert inert(typed) == shown


@given(
    st.lists(st.lists(st.tuples(hostile_text, hostile_text), min_size=1, max_size=3), min_size=1, max_size=3),
    hostile_text,
)
@example([[("x,a=1", "y")]], "z")
@example([[("a!b~c;d#e*f&g", "y")]], "!~;#*&")
def test_whatever_callers_write_the_legs_and_variables_are_those_we_named(texts, common):
    groups = [
        [
            Leg(f"sofia/internal/10{n}@10.0.0.1:5060", {"name": inert(one), "other": inert(two)})
            for n, (one, two) in enumerate(legs)
        ]
        for legs in texts
    ]
    dialled = dial_string(groups, {"common": inert(common), "ignore_early_media": "true"})
    want = []
    for legs in texts:
        want.append([])
        for n, (one, two) in enumerate(legs):
            named = {"common": inert(common), "ignore_early_media": "true", "name": inert(one), "other": inert(two)}
            variables = {name: value for name, value in named.items() if value}
            want[-1].append((variables, f"sofia/internal/10{n}@10.0.0.1:5060"))
    assert Switch.bridge(dialled) == want
    assert Switch.api_originate(f"{dialled} &park()") == want


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_are_refused_unless_they_were_made_inert(text):
    if quoting.is_inert(text):
        assert Switch.bridge(dial_string([[Leg("user/1", {"a": text})]])) == [[({"a": text} if text else {}, "user/1")]]
        return
    with pytest.raises(InvalidCommand, match="pass it through inert"):
        dial_string([[Leg("user/1", {"a": text})]])


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a,b", "a]b", "^^a", "a\nb", "${a}", "a'b", "é", "a" * 257])
def test_hostile_names_are_refused(name):
    for build in (
        lambda: dial_string([[Leg("user/1", {name: "x"})]]),
        lambda: quoting.assignment(name, "x"),
        lambda: quoting.setvar(LEG, name, "x"),
    ):
        with pytest.raises(InvalidCommand, match="variable name"):
            build()


@pytest.mark.parametrize(
    "endpoint",
    ["", "1000", "user/1,user/2", "user/1|user/2", "user/1 &park", "[a=b]user/1", "{a=b}user/1", "<a=b>user/1",
     "user/1]", "user/'1", "user/1\\", "user/${x}", "user/1:_:user/2", "user/1\n", "user/é"],
)  # fmt: skip
def test_an_endpoint_is_one_endpoint(endpoint):
    with pytest.raises(InvalidCommand, match="endpoint"):
        dial_string([[Leg(endpoint)]])


@pytest.mark.parametrize(
    "endpoint",
    ["user/1000@pbx.example", "sofia/internal/1000@10.0.0.1:5060;transport=tcp", "loopback/answer_park/default",
     "sofia/gateway/gw-1/+15551234", "error/USER_BUSY", "sofia/internal/sip:1000@h;fs_path=sip:10.0.0.2"],
)  # fmt: skip
def test_usual_endpoints_are_dialled(endpoint):
    assert Switch.bridge(dial_string([[Leg(endpoint)]])) == [[({}, endpoint)]]


@pytest.mark.parametrize("groups", [[], [[]], [[Leg("user/1")], []], [[Leg("user/1")] * 129], [[Leg("user/1")]] * 129])
def test_a_dial_string_has_as_many_legs_as_the_switch_will_dial(groups):
    with pytest.raises(InvalidCommand, match="dial string"):
        dial_string(groups)


def test_without_variables_a_dial_string_is_bare():
    groups = [[Leg("user/1"), Leg("user/2", {"a": ""})], [Leg("user/3", {"leg_timeout": "20"})]]
    assert dial_string(groups) == "user/1,user/2|[^^!leg_timeout=20]user/3"


@given(st.lists(st.text(alphabet='ab [](){},|=*#$"é', min_size=1), min_size=1, max_size=6))
def test_words_arrive_as_they_were(words):
    words = [word for word in words if "${" not in word and word.strip(" ")]
    if not words:
        return
    assert Switch.separate(Switch.expand(quoting.arguments(*words)), " ") == words


@pytest.mark.parametrize("word", ["", "a'b", "a\\b", "${a}", "a\nb", "^^:a", "$\\{x}"])
def test_words_that_would_not_arrive_are_refused(word):
    with pytest.raises(InvalidCommand, match="word 2"):
        quoting.arguments("a", word)


@given(hostile_text)
def test_an_assigned_value_arrives_exactly_or_is_refused(value):
    try:
        argument = quoting.assignment("name", value)
        command = commands.execute(LEG, "set", argument, event_uuid="q")
    except InvalidCommand as error:
        assert error.field == "variable name" or error.field.startswith("variable name")
        return
    name, _, arrived = Switch.expand(Switch.expand(argument)).partition("=")
    assert (name, arrived) == ("name", value)
    assert argument.encode() in command


@given(hostile_text)
def test_a_variable_set_by_api_arrives_exactly_or_is_refused(value):
    try:
        text = quoting.setvar(LEG, "name", value)
    except InvalidCommand as error:
        assert error.field.startswith("variable name")
        return
    command, _, rest = text.partition(" ")
    words = Switch.separate(rest, " ", 3)
    assert command == "uuid_setvar"
    assert words[:2] == [LEG, "name"]
    assert "".join(words[2:]) == value
    commands.api(text)


@pytest.mark.parametrize("value", ["${x}", "a$\\\\{x}", "a\nb", "a\0b", "ARRAY::a", "\ud800"])
def test_values_that_the_switch_would_change_are_refused(value):
    with pytest.raises(InvalidCommand, match="variable name"):
        quoting.setvar(LEG, "name", value)


def test_a_variable_is_set_on_a_leg_only():
    with pytest.raises(InvalidCommand, match="uuid"):
        quoting.setvar(f"{LEG} evil 1", "name", "x")
