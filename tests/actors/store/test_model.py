"""Any sequence of changes leaves the store as a plain dict says it should be."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mirliton.actors.store import Conflict, DocumentNotFound, Emit, SqliteStore, Store, View, opened
from mirliton.actors.store.collation import encode
from mirliton.actors.store.expressions import Array, Each, Field
from mirliton.actors.store.maps import Map
from mirliton.actors.store.revisions import parse

VIEWS = (
    View("all/by_colour", ("things",), (Emit(key=Field("colour"), value=Field("n")),)),
    View(
        "all/by_tag",
        ("things",),
        (
            Emit(each=Field("tags"), key=Each(), value=Field("_id")),
            Emit(types=("b",), key=Array((Field("pvt_type"), Field("n")))),
        ),
    ),
)

bodies = st.fixed_dictionaries(
    {"pvt_type": st.sampled_from(["a", "b"])},
    optional={
        "colour": st.sampled_from(["red", "Red", "blue", None, 1, True]),
        "tags": st.lists(st.sampled_from(["x", "y", "é", 1, [1], {}]), max_size=3),
        "n": st.integers(-2, 2) | st.floats(allow_nan=False, allow_infinity=False),
        "pvt_deleted": st.booleans(),
    },
)
ids = st.sampled_from(["one", "two", "three"])
steps = st.lists(
    st.tuples(st.just("put"), ids, bodies, st.booleans())
    | st.tuples(st.just("delete"), ids, st.none(), st.booleans())
    | st.tuples(st.just("attach"), ids, st.binary(max_size=20), st.booleans()),
    max_size=25,
)


class Model:
    """What the store should hold: bodies, attachments, and the last revision of each id, deleted ones included."""

    def __init__(self) -> None:
        self.docs: dict[str, dict[str, Any]] = {}
        self.attached: dict[str, dict[str, bytes]] = {}
        self.revs: dict[str, str] = {}

    def given(self, id: str, current: bool) -> str | None:
        """The revision that a step gives: the current one, or one that is stale (or too much)."""
        if current:
            return self.revs.get(id) if id in self.docs else None
        return "1-" + "0" * 32


async def apply(store: Store, model: Model, step: tuple) -> None:
    action, id, content, current = step
    given = model.given(id, current)
    before = model.revs.get(id)
    with suppress(Conflict, DocumentNotFound):
        if action == "put":
            rev = await store.put("things", {"_id": id, **content} | ({"_rev": given} if given else {}))
            model.docs[id], model.attached[id] = content, {}
        elif action == "delete":
            rev = await store.delete("things", id, given or "1-" + "0" * 32)
            del model.docs[id], model.attached[id]
        else:
            rev = await store.put_attachment("things", id, "file", "text/plain", content, given)
            model.docs.setdefault(id, {})
            model.attached.setdefault(id, {})["file"] = content
        assert current, "a stale revision was accepted"
        assert parse(rev).generation == (parse(before).generation + 1 if before else 1)
        model.revs[id] = rev
        return
    assert not current or (action == "delete" and id not in model.docs), "a right revision was refused"


async def compare(store: Store, model: Model) -> None:
    found = {row.id: row.doc for row in (await store.all_docs("things", include_docs=True)).rows}
    assert list(found) == sorted(model.docs)
    for id, body in model.docs.items():
        doc = found[id]
        assert (doc.pop("_id"), doc.pop("_rev")) == (id, model.revs[id])
        assert sorted(doc.pop("_attachments", {})) == sorted(model.attached[id])
        assert doc == body
        for name, data in model.attached[id].items():
            assert (await store.get_attachment("things", id, name)).data == data
    for view in VIEWS:
        rows = (await store.view("things", view.name)).rows
        expected = [(k, v, id) for id, body in model.docs.items() for k, v in Map(view).rows({"_id": id, **body})]
        expected.sort(key=lambda row: (encode(row[0]), row[2]))
        assert [(row.key, row.value, row.id) for row in rows] == expected


@settings(max_examples=40, deadline=None)
@given(steps)
def test_any_sequence_of_changes(sequence):
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with opened(SqliteStore(Path(folder) / "store.db", views=VIEWS)) as store:
                await store.create_database("things")
                model = Model()
                for step in sequence:
                    await apply(store, model, step)
                await compare(store, model)

    asyncio.run(run())
