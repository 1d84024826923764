"""The demo account is made of documents that the API itself would take."""

import pytest

from mirliton.actors.store.documents import public
from mirliton.actors.store.names import new_id
from mirliton.api.cli.demo import PHONES, demo_documents
from mirliton.config import schema_names, validate

SCHEMAS = {"user": "users", "device": "devices", "callflow": "callflows", "menu": "menus", "vmbox": "vmboxes"}
DOCUMENTS = demo_documents(new_id(), {"pvt_credentials": {}})


@pytest.mark.parametrize("doc", DOCUMENTS, ids=lambda doc: f"{doc['pvt_type']} {doc.get('name', doc.get('username'))}")
def test_each_document_keeps_to_its_schema(doc: dict[str, object]) -> None:
    name = SCHEMAS[str(doc["pvt_type"])]
    assert name in schema_names()
    shown = public(doc)
    shown.pop("id")
    assert validate(name, shown) == ()


def test_every_number_is_somebodys_and_only_once() -> None:
    numbers = [number for doc in DOCUMENTS if doc["pvt_type"] == "callflow" for number in doc["numbers"]]
    assert len(numbers) == len(set(numbers))
    assert {phone.number for phone in PHONES} <= set(numbers)
