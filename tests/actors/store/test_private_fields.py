"""Kazoo's private fields are stamped, kept, and hidden."""

from mirliton.actors.store import documents
from mirliton.actors.store.names import modb

NOW = 1_700_000_000.9


def test_gregorian_seconds_are_kazoos():
    assert documents.gregorian(0) == 62_167_219_200
    assert documents.unix(62_167_219_201) == 1.0


def test_a_new_document_is_stamped(account_id):
    doc = documents.stamp({"_id": "a", "name": "n"}, type="device", account_id=account_id, now=NOW, node="n@h")
    assert doc == {
        "_id": "a",
        "name": "n",
        "pvt_type": "device",
        "pvt_account_id": account_id,
        "pvt_account_db": f"account%2F4f%2F3a%2F{account_id[4:]}",
        "pvt_created": 63_867_219_200,
        "pvt_modified": 63_867_219_200,
        "pvt_vsn": "1",
        "pvt_node": "n@h",
    }


def test_a_changed_document_keeps_its_birth(account_id):
    first = documents.stamp({"_id": "a"}, type="device", account_id=account_id, now=NOW)
    later = documents.stamp({**first, "pvt_vsn": 2}, type="device", account_id=account_id, now=NOW + 60)
    assert later["pvt_created"] == first["pvt_created"]
    assert later["pvt_modified"] == first["pvt_modified"] + 60
    assert later["pvt_vsn"] == 2
    assert first["pvt_modified"] == 63_867_219_200


def test_a_document_of_a_month_names_its_month_database(account_id):
    month = modb(account_id, 2026, 11)
    doc = documents.stamp({"_id": "202611-a"}, type="cdr", account_id=account_id, db=month, now=NOW)
    assert doc["pvt_account_db"].endswith("-202611")


def test_the_api_sees_no_private_field():
    doc = {"_id": "a", "_rev": "1-x", "pvt_type": "user", "pvt_md5_auth": "h", "_attachments": {}, "name": "n"}
    assert documents.public(doc) == {"id": "a", "name": "n"}
    assert documents.private(doc) == {name: value for name, value in doc.items() if name != "name"}


def test_on_a_write_the_stored_private_fields_win():
    stored = {"_id": "a", "_rev": "1-x", "pvt_type": "user", "name": "old", "gone": 1}
    wanted = {"id": "b", "_id": "b", "_rev": "9-z", "pvt_type": "admin", "pvt_superduper_admin": True, "name": "new"}
    assert documents.replace_public(stored, wanted) == {"_id": "a", "_rev": "1-x", "pvt_type": "user", "name": "new"}


def test_soft_deletion_marks_and_is_seen():
    doc = {"_id": "a", "name": "n"}
    gone = documents.soft_deleted(doc, now=NOW)
    assert gone == {"_id": "a", "name": "n", "pvt_deleted": True, "pvt_modified": 63_867_219_200}
    assert documents.is_deleted(gone)
    assert documents.is_deleted({"_deleted": True})
    assert not documents.is_deleted(doc)
