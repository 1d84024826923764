"""What each expression of a view's declaration means, and that a declaration survives being stored."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.actors.store import Emit, InvalidName, View
from mirliton.actors.store import expressions as e
from mirliton.actors.store.design import VIEWS
from mirliton.actors.store.maps import Map
from mirliton.actors.store.views import view_from_data

F = e.Field
ABSENT = object()

DOC = {
    "_id": "d1",
    "name": "Ann's Café 2",
    "empty": "",
    "zero": 0,
    "false": False,
    "null": None,
    "list": ["a", "b"],
    "object": {"x": {"enabled": True}, "y": {"enabled": False}, "z": 1, "w": {"enabled": "yes"}},
    "deep": {"er": {"yet": 5}},
    "flow": {
        "module": "menu",
        "data": {"id": 1},
        "children": {
            "1": {"module": "user", "data": {}, "children": {"_": {"module": "voicemail", "data": {}}}},
            "2": {"module": "hidden", "data": {"skip_module": True}},
            "3": {"module": "user", "data": {}, "children": "broken"},
            "4": {"module": "nodata"},
            "5": None,
        },
    },
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (e.Const(7), 7),
        (F("name"), "Ann's Café 2"),
        (F("null"), None),
        (F("nothing"), ABSENT),
        (F("nothing", default=True), True),
        (F("null", default=True), None),
        (F("deep.er.yet"), 5),
        (F("deep.er.nothing"), ABSENT),
        (F("name.er"), ABSENT),
        (F("list.0"), ABSENT),
        (e.Each(), ABSENT),
        (e.Lower(F("name")), "ann's café 2"),
        (e.Lower(F("zero")), ABSENT),
        (e.Normalised(F("name")), "annscaf2"),
        (e.First((F("empty"), F("zero"), F("name"))), "Ann's Café 2"),
        (e.First((F("empty"), F("false"))), False),
        (e.First((F("list"), F("name"))), ["a", "b"]),
        (e.Joined((F("name"), F("nothing"), F("zero"), F("_id"))), "Ann's Café 2 d1"),
        (e.Last(F("list")), "b"),
        (e.Last(F("nothing")), ABSENT),
        (e.Last(F("name")), ABSENT),
        (e.Count(F("list")), 2),
        (e.Count(F("object")), 4),
        (e.Count(F("name")), 0),
        (e.Array((F("_id"), F("nothing"), F("zero"))), ["d1", None, 0]),
        (e.Object((("id", F("_id")), ("no", F("nothing")), ("null", F("null")))), {"id": "d1", "null": None}),
        (e.Object((("yet", e.Const(6)), ("more", e.Const(7))), over=F("deep.er")), {"yet": 6, "more": 7}),
        (e.Object((("a", e.Const(1)),), over=F("name")), {"a": 1}),
        (e.Equals(F("deep.er.yet"), 5), True),
        (e.Equals(F("false"), 0), False),
        (e.Equals(F("zero"), False), False),
        (e.Equals(F("nothing"), None), False),
        (e.Equals(F("null"), None), True),
        (e.Not(F("empty")), True),
        (e.Not(F("list")), False),
        (e.When(F("zero"), e.Const("yes"), e.Const("no")), "no"),
        (
            e.Labels(of=(F("list"), F("nothing"), F("name")), labels=(("l", F("name")), ("m", F("zero")))),
            ["a", "b", "l"],
        ),
        (e.EnabledIn(F("object")), ["x", "w"]),
        (e.EnabledIn(F("list")), []),
        (e.FlowModules(F("flow")), ["menu", "user", "voicemail"]),
        (e.FlowModules(F("nothing")), []),
        (e.members("zero", "nothing", id=F("_id")), {"zero": 0, "id": "d1"}),
    ],
)
def test_an_expression_means_what_javascript_would(expression, expected):
    view = View("a/b", ("x",), (Emit(key=e.Const(1), value=e.Object((("it", expression),))),))
    ((_, value),) = Map(view).rows(DOC)
    assert value == ({} if expected is ABSENT else {"it": expected})
    assert Map(view_from_data(json.loads(json.dumps(view.to_data())))).rows(DOC) == [(1, value)]


def rows(doc, **emit):
    return Map(View("a/b", ("x",), (Emit(**emit),))).rows(doc)


def test_a_row_without_key_is_not_emitted_and_one_without_value_has_none():
    assert rows(DOC, key=F("nothing")) == []
    assert rows(DOC, key=F("null"), value=F("nothing")) == [(None, None)]


def test_types_and_conditions_choose_the_documents():
    device = {"_id": "d", "pvt_type": "device", "on": 1}
    assert rows(device, key=F("_id"), types=("device", "user")) == [("d", None)]
    assert rows(device, key=F("_id"), types=("user",)) == []
    assert rows(device, key=F("_id"), except_types=("device",)) == []
    assert rows(device, key=F("_id"), where=(F("on"),)) == [("d", None)]
    assert rows(device, key=F("_id"), where=(F("on"), F("off"))) == []
    assert rows({"_id": "x", "pvt_type": ["odd"]}, key=F("_id"), types=("user",)) == []


def test_each_runs_over_elements_and_over_names():
    assert rows(DOC, each=F("list"), key=e.Each(), value=F("_id")) == [("a", "d1"), ("b", "d1")]
    assert [key for key, _ in rows(DOC, each=F("object"), key=e.Each())] == ["x", "y", "z", "w"]
    assert rows(DOC, each=F("name"), key=e.Each()) == []
    servers = {"_id": "s", "servers": [{"auth": {"user": "u"}}, None, {"auth": 7}]}
    assert rows(servers, each=F("servers"), key=e.Each("auth.user")) == [("u", None)]


def test_a_softly_deleted_document_is_only_in_the_views_that_ask_for_those():
    emits = (Emit(key=F("_id")),)
    gone = {"_id": "d", "pvt_deleted": True}
    assert Map(View("a/b", ("x",), emits)).rows(gone) == []
    assert Map(View("a/b", ("x",), emits, soft_deleted=True)).rows(gone) == [("d", None)]
    assert Map(View("a/b", ("x",), emits, soft_deleted=True)).rows({"_id": "d"}) == []
    assert Map(View("a/b", ("x",), emits)).rows({"_id": "d", "pvt_deleted": False}) == [("d", None)]


FIELDS = (
    *(
        "sip",
        "username",
        "hotdesk",
        "users",
        "enabled",
        "name",
        "flow",
        "children",
        "module",
        "data",
        "auth",
        "servers",
    ),
    *("metadata", "custom_channel_vars", "numbers", "pvt_tree", "realm", "pvt_deleted", "owner_id"),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=15,
)


@given(
    st.dictionaries(st.sampled_from(FIELDS), json_values),
    st.sampled_from(["device", "user", "callflow", "account", "cdr", "sys_info", "mailbox_message", "vmbox", None, 7]),
)
def test_no_document_of_any_shape_can_break_a_view(doc, kind):
    for view in VIEWS:
        for row in Map(view).rows({"_id": "d", "pvt_type": kind, **doc}):
            json.dumps(row)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_declaration_survives_being_stored(view):
    again = view_from_data(json.loads(json.dumps(view.to_data())))
    assert (again.emits, again.reduce, again.soft_deleted) == (view.emits, view.reduce, view.soft_deleted)
    assert again.version == view.version


def test_every_declaration_has_a_name_and_a_version_of_its_own():
    assert len({view.name for view in VIEWS}) == len(VIEWS)
    assert len({view.version for view in VIEWS}) == len(VIEWS)


@pytest.mark.parametrize("name", ["", "a", "a/b/c", "A/b", "_design/x", "a/", "a b/c"])
def test_a_view_has_a_design_and_a_name(name):
    with pytest.raises(InvalidName, match="design/name"):
        View(name, ("x",), ())


def test_a_declaration_of_a_later_version_is_recognised_as_such():
    with pytest.raises(ValueError, match="declaration format 99"):
        view_from_data(VIEWS[0].to_data() | {"format": 99})
    future = VIEWS[0].to_data()
    future["emits"][0]["key"] = {"op": "Future", "of": 1}
    with pytest.raises(ValueError, match="unknown operation 'Future'"):
        view_from_data(future)
    future["emits"][0]["key"] = {"op": "Lower", "of": {"op": "Const", "value": 1}, "deeply": True}
    with pytest.raises(ValueError, match="operation 'Lower'"):
        view_from_data(future)
