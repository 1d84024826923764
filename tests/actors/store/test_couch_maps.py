"""A view's JavaScript gives the rows that its Python gives, for documents of every shape; on both stores."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings

from mirliton.actors.store import Emit, View
from mirliton.actors.store import expressions as e
from mirliton.actors.store.collation import encode
from mirliton.actors.store.couch_map import javascript
from mirliton.actors.store.design import VIEWS
from mirliton.actors.store.maps import Map
from store_documents import documents, in_one_order

F = e.Field

# Every expression there is, some of them over whatever a document may have at a place.
EVERY = View(
    "every/expression",
    ("things",),
    (
        Emit(
            key=e.Array((e.ID, F("name"), F("sip.username", default="none"))),
            value=e.Object(
                (
                    ("first", e.First((F("name"), F("realm"), F("numbers")))),
                    ("joined", e.Joined((F("name"), F("realm")), "-")),
                    ("lower", e.Lower(F("name"))),
                    ("normalised", e.Normalised(F("name"))),
                    ("last", e.Last(F("pvt_tree"))),
                    ("count", e.Count(F("users"))),
                    ("equal", e.Equals(F("enabled"), True)),
                    ("zero", e.Equals(F("enabled"), 0)),
                    ("not", e.Not(F("data"))),
                    ("when", e.When(F("enabled"), F("data"), e.Const("no\u2028'\""))),
                    ("labels", e.Labels(of=(F("flags"), F("tags")), labels=(("l", F("name")),))),
                    ("enabled", e.EnabledIn(F("users"))),
                    ("modules", e.FlowModules(F("flow"))),
                ),
                over=F("metadata"),
            ),
        ),
        Emit(each=F("numbers"), key=e.Each("name"), value=e.Each(), where=(e.Not(F("enabled")),)),
        Emit(types=("user",), except_types=("device",), each=F("users"), key=e.Each(), value=F("nothing")),
    ),
    reduce="_count",
)
ALL = (*VIEWS, EVERY)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory):
    """Runs every view's map over a document in one JavaScript engine; [[key, value], …] for each view."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed, which runs the JavaScript")
    program = tmp_path_factory.mktemp("maps") / "maps.js"
    program.write_text(
        "var rows; function emit(key, value) { rows.push([key, value]); }\n"
        f"var maps = [{', '.join(f'({javascript(view)})' for view in ALL)}];\n"
        "require('readline').createInterface({input: process.stdin}).on('line', function (line) {\n"
        "  var doc = JSON.parse(line);\n"
        "  console.log(JSON.stringify(maps.map(function (map) { rows = []; map(doc); return rows; })));\n"
        "});\n"
    )
    with subprocess.Popen(["node", str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def run(doc):
            process.stdin.write(json.dumps(doc) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield run
        process.stdin.close()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=documents)
def test_both_languages_give_the_same_rows(engine, body):
    doc = {"_id": "d", **body}
    for view, told in zip(ALL, engine(doc), strict=True):
        made = [list(row) for row in Map(view).rows(doc)]
        # As keys, so that true and 1 are two; and 1 and 1.0 one, as in JavaScript.
        assert encode(in_one_order(told)) == encode(in_one_order(made)), (view.name, told, made)


@pytest.mark.parametrize("view", ALL, ids=lambda view: view.name)
def test_a_map_is_plain_ascii_in_strict_mode(view):
    text = javascript(view)
    assert text.isascii()
    assert text.startswith("function (doc) {\n  'use strict';")
    assert "=>" not in text
    assert "let " not in text


def test_every_expression_has_its_javascript():
    used = json.dumps(EVERY.to_data()) + json.dumps([view.to_data() for view in VIEWS])
    assert [name for name in e.Expression.registry if f'"op": "{name}"' not in used] == []
