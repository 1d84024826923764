"""Names and ids as Kazoo composes them."""

import re

import pytest

from mirliton.actors.store import InvalidName, Month, names

UNIX_2026_11_30 = 1_796_083_199  # 2026-11-30 23:59:59 UTC


def test_an_account_has_a_database_and_one_for_each_month(account_id):
    assert names.account_db(account_id) == f"account/4f/3a/{account_id[4:]}"
    assert names.modb(account_id, 2026, 3) == f"account/4f/3a/{account_id[4:]}-202603"


@pytest.mark.parametrize(
    "bad", ["", "4F3A" * 8, "x" * 32, "a" * 31, "a" * 33, "a" * 31 + "\n", "../" * 10 + "aa", None, 7]
)
def test_what_is_no_account_id_is_refused(bad):
    with pytest.raises(InvalidName, match="32 digits"):
        names.account_db(bad)
    with pytest.raises(InvalidName):
        names.modb(bad, 2026, 1)


@pytest.mark.parametrize(("year", "month"), [(2026, 0), (2026, 13), (-1, 1), (10_000, 1)])
def test_what_is_no_month_is_refused(account_id, year, month):
    with pytest.raises(InvalidName, match="no such month"):
        names.modb(account_id, year, month)


def test_a_database_tells_its_account_month_and_class(account_id):
    own, month = names.account_db(account_id), names.modb(account_id, 2026, 11)
    assert names.account_id_of(own) == names.account_id_of(month) == account_id
    assert names.account_id_of("accounts") is None
    assert names.month_of_db(month) == Month(2026, 11)
    assert names.month_of_db(own) is None
    assert [names.classify(db) for db in (own, month, "accounts", "numbers/+1408", f"{own}-202613")] == [
        "account",
        "modb",
        "accounts",
        "numbers",
        f"{own}-202613",
    ]


def test_every_composed_name_may_name_a_database(account_id):
    for name in (names.account_db(account_id), names.modb(account_id, 2026, 11), "numbers/+1408", "system_config"):
        assert names.check_database(name) == name


def test_an_id_tells_its_month():
    assert names.month_of_id("202611-abc") == Month(2026, 11)
    for other in ("202613-abc", "20261-abc", "202611", "202611-", "abc", ""):
        assert names.month_of_id(other) is None
    fresh = names.month_id(Month(2026, 3))
    assert re.fullmatch(r"202603-[0-9a-f]{32}", fresh)
    assert names.month_id(Month(2026, 3), "call@x") == "202603-call@x"


def test_fresh_ids_differ():
    assert len({names.new_id() for _ in range(1000)}) == 1000


def test_months_follow_one_another_in_utc():
    assert Month.at(UNIX_2026_11_30) == Month(2026, 11)
    assert Month.at(UNIX_2026_11_30 + 1) == Month(2026, 12)
    assert Month(2026, 12).next == Month(2027, 1)
    assert Month(2027, 1).previous == Month(2026, 12)
    assert Month(2026, 5).previous.next == Month(2026, 5)
    assert names.months_between(Month(2026, 11), Month(2027, 2)) == [(2026, 11), (2026, 12), (2027, 1), (2027, 2)]
    assert names.months_between(Month(2026, 2), Month(2026, 1)) == []


def test_the_encoded_form_goes_both_ways(account_id):
    own = names.account_db(account_id)
    assert names.encoded(own) == f"account%2F4f%2F3a%2F{account_id[4:]}"
    assert names.decoded(names.encoded(own)) == own
    assert names.decoded(own) == own
