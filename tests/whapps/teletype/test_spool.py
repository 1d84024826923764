"""Mails: what is in them, who gets them, and that none is lost whatever is killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from eventually import until
from mail_box import MailBox, a_mail_box
from mirliton.actors.kapi.notifications import Mail, MissedCall, PasswordRecovery, SystemAlert, Topup, VoicemailNew
from mirliton.actors.mailing import SPOOL, TELETYPE, notify
from mirliton.actors.store import Month, Months, Store
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import gregorian, stamp
from mirliton.actors.store.names import account_db, month_id
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.runtime import Node
from mirliton.supervisors import Supervisor, Tree, supervisor, worker
from mirliton.whapps.teletype import app, spool
from mirliton.whapps.teletype.notices import VoicemailToEmail
from mirliton.whapps.teletype.smtp import MailServer
from scene import eventually

ACCOUNT = "0123456789abcdef0123456789abcdef"
MASTER = "ffffffffffffffffffffffffffffffff"
SOUND = b"RIFF" + b"\0" * 2000
AT = 1_795_000_000.0


class Post:
    """A store, teletype over it, and the mail server that it sends to."""

    def __init__(self, node: Node, store: Store, box: MailBox) -> None:
        self.node = node
        self.store = store
        self.box = box

    async def told(self, mail: Mail, key: str = "1") -> None:
        await notify(self.store, self.node, mail, key=key)

    async def has(self, mails: int) -> None:
        async def enough() -> bool:
            return len(self.box.mails) >= mails and await self.pending() == 0

        assert await eventually(enough, 20.0), f"{len(self.box.mails)} mails, {await self.pending()} pending"

    async def is_done(self) -> None:
        async def none() -> bool:
            return await self.pending() == 0

        assert await eventually(none, 20.0)

    async def pending(self) -> int:
        return len((await self.store.all_docs(SPOOL)).rows)

    async def log(self) -> list[dict[str, Any]]:
        """What was noted of the account's mails."""
        months = Months(self.store, ACCOUNT)
        found = await self.store.all_docs(months.db(Month.at(self.node.clock.time())), include_docs=True)
        docs = [row.doc for row in found.rows if row.doc]
        return [doc for doc in docs if doc.get("pvt_type") == "notify_smtp_log"]


@pytest.fixture
async def post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Post]:
    monkeypatch.setattr(spool, "LOOK_EVERY", 0.1)
    monkeypatch.setattr(spool, "RETRY_AFTER", (0.0,))
    async with a_mail_box() as box, Node("mail@host.test") as node:
        await node.start(Supervisor, _tree(tmp_path, MailServer("127.0.0.1", box.port, tls="never", timeout=5.0)))
        store = StoreClient(node)
        await _furnish(store)
        yield Post(node, store, box)


def _tree(folder: Path, server: MailServer | None) -> Tree:
    return Tree(
        "one_for_one",
        [
            worker(StoreServer, str(folder / "test.db"), id="store", name=STORE, keep_mail=True, shutdown=10.0),
            supervisor(app.tree(server)),
        ],
        intensity=10,
        period=1.0,
    )


async def _furnish(store: Store) -> None:
    await store.create_database(SPOOL)
    await store.create_database("system_config")
    await store.put("system_config", {"_id": "accounts", "default": {"master_account_id": MASTER}})
    for account_id, name in ((ACCOUNT, "Bakery"), (MASTER, "Operator")):
        db = account_db(account_id)
        await store.create_database(db)
        doc = {"_id": account_id, "name": name, "realm": "a.test", "timezone": "Europe/Berlin", "pvt_tree": [MASTER]}
        await store.put(db, stamp(doc, type="account", account_id=account_id))
    user = {"_id": "ann", "first_name": "Ann", "last_name": "Lee", "email": "ann@a.test", "priv_level": "user"}
    await store.put(account_db(ACCOUNT), stamp(user, type="user", account_id=ACCOUNT))
    admin = {"_id": "root", "first_name": "R", "last_name": "Oot", "email": "root@op.test", "priv_level": "admin"}
    await store.put(account_db(MASTER), stamp(admin, type="user", account_id=MASTER))
    await _mailbox(store)


async def _mailbox(store: Store, **more: Any) -> None:
    box = {
        "_id": "box",
        "name": "Ann's",
        "mailbox": "1001",
        "owner_id": "ann",
        "notify_email_addresses": ["office@a.test"],
    }
    await store.put(account_db(ACCOUNT), stamp(box | more, type="vmbox", account_id=ACCOUNT))


async def _message(store: Store, name: str = "m1") -> str:
    message_id = month_id(Month.at(AT), name)
    months = Months(store, ACCOUNT, clock=lambda: AT)
    await months.put(
        stamp({"_id": message_id, "metadata": {"folder": "new", "length": 7000}}, type="mailbox_message", now=AT)
    )
    doc = await months.get(message_id)
    await months.put_attachment(message_id, "x.wav", "audio/x-wav", SOUND, doc["_rev"])
    return message_id


def _voicemail(message_id: str, **more: Any) -> VoicemailNew:
    told: dict[str, Any] = {
        "account_id": ACCOUNT,
        "from_user": "1002",
        "from_realm": "a.test",
        "to_user": "1001",
        "to_realm": "a.test",
        "voicemail_box": "box",
        "voicemail_id": message_id,
        "voicemail_timestamp": gregorian(AT),
        "caller_id_name": "Bob",
        "caller_id_number": "+15550100",
        "voicemail_length": 7.0,
    }
    return VoicemailNew(**told | more)


async def test_a_voicemail_goes_to_the_owner_and_the_mailbox_with_the_message(post: Post) -> None:
    await post.told(_voicemail(await _message(post.store)))
    await post.has(mails=1)
    (mail,) = post.box.mails
    assert mail["Subject"] == "New voicemail from Bob (+15550100)"
    assert (mail["From"], mail["To"]) == ("no_reply@localhost", "ann@a.test, office@a.test")
    assert post.box.recipients == [["ann@a.test", "office@a.test"]]
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert "Hello Ann" in text and "Length:   00:00:07" in text and "2026-11-18 12:06:40 CET" in text
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == "bob_2026-11-18_12-06-40.wav"
    assert attached.get_content() == SOUND
    (noted,) = await post.log()
    assert (noted["template_id"], noted["status"], noted["to"]) == (
        "voicemail_new",
        "completed",
        ["ann@a.test", "office@a.test"],
    )


async def test_the_same_notification_is_one_mail(post: Post) -> None:
    message_id = await _message(post.store)
    post.box.delay = 0.2
    for _ in range(3):
        await post.told(_voicemail(message_id), key=message_id)
    await post.has(mails=1)
    assert post.box.attempts == 1


async def test_a_mail_that_has_gone_is_not_sent_again(post: Post) -> None:
    message_id = await _message(post.store)
    await post.told(_voicemail(message_id), key=message_id)
    await post.has(mails=1)
    assert await notify(post.store, post.node, _voicemail(message_id), key=message_id) is False
    assert await post.pending() == 0


async def test_a_mail_that_was_taken_is_not_sent_again_when_what_follows_fails(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    async def fails_once(self: VoicemailToEmail, store: Store) -> None:
        tries.append(post.box.attempts)
        if len(tries) == 1:
            raise ValueError("a document that nobody expected")

    monkeypatch.setattr(VoicemailToEmail, "sent", fails_once)
    await post.told(_voicemail(await _message(post.store)))
    await post.is_done()
    assert (tries, post.box.attempts) == ([1, 1], 1)


async def test_what_breaks_on_its_documents_waits_and_holds_up_no_other(post: Post) -> None:
    for number in range(spool.AT_ONCE + 1):
        broken = {"_id": f"a{number}", "payload": "none", "pvt_created": gregorian(post.node.clock.time())}
        await post.store.put(SPOOL, broken)
    await post.told(_voicemail(await _message(post.store)))
    await until(lambda: post.box.mails)


async def test_what_another_node_sends_is_left_alone_until_its_claim_ends(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims: list[str] = []
    claimed = spool.Spool._claimed

    async def counted(self: spool.Spool, store: StoreClient, doc_id: str) -> Any:
        claims.append(doc_id)
        return await claimed(self, store, doc_id)

    monkeypatch.setattr(spool.Spool, "_claimed", counted)
    until_then = gregorian(post.node.clock.time() + 1000)
    await post.store.put(SPOOL, {"_id": "a", "claimed_by": "other@host", "claimed_until": until_then})
    await post.told(_voicemail(await _message(post.store)))
    await until(lambda: post.box.mails)
    assert "a" not in claims


@pytest.mark.parametrize(
    ("option", "folder"), [("delete_after_notify", "deleted"), ("save_after_notify", "saved"), ("skip_greeting", "new")]
)
async def test_a_message_is_put_away_only_after_its_mail_was_taken(post: Post, option: str, folder: str) -> None:
    box = await post.store.get(account_db(ACCOUNT), "box")
    await post.store.put(account_db(ACCOUNT), {**box, option: True})
    message_id = await _message(post.store)
    post.box.answers = ["451 later"]
    post.box.delay = 0.05
    await post.told(_voicemail(message_id))
    months = Months(post.store, ACCOUNT)
    await until(lambda: post.box.attempts == 1)
    assert (await months.get(message_id))["metadata"]["folder"] == "new"
    await post.has(mails=1)
    assert (await months.get(message_id))["metadata"]["folder"] == folder


async def test_what_is_refused_for_now_is_tried_again_and_what_is_refused_for_good_is_given_up(post: Post) -> None:
    post.box.answers = ["451 later", "421 much later", "554 never"]
    await post.told(_voicemail(await _message(post.store)))
    await post.is_done()
    assert (post.box.attempts, post.box.mails) == (3, [])
    (noted,) = await post.log()
    assert noted["status"] == "failed" and "never" in noted["error"]


async def test_one_recipient_that_is_refused_keeps_the_mail_from_no_other(post: Post) -> None:
    post.box.refused = ["office@a.test"]
    await post.told(_voicemail(await _message(post.store)))
    await post.has(mails=1)
    assert post.box.recipients == [["ann@a.test"]]


async def test_no_mail_is_lost_while_teletype_is_killed(post: Post) -> None:
    post.box.delay = 0.02
    ids = [await _message(post.store, f"m{number}") for number in range(20)]
    for message_id in ids:
        await post.told(_voicemail(message_id), key=message_id)
    for _ in range(12):
        await asyncio.sleep(0.06)
        if (pid := post.node.whereis(TELETYPE)) is not None:
            post.node.exit(pid, "kill")
    await post.is_done()
    assert len({mail["Message-ID"] for mail in post.box.mails}) == len(ids)
    assert len(await post.log()) == len(ids)


async def test_an_account_has_a_template_of_its_own(post: Post) -> None:
    meta = {
        "_id": "notification.voicemail_to_email",
        "subject": "Post from {{caller_id.number}}",
        "from": "post@a.test",
        "to": {"type": "specified", "email_addresses": ["desk@a.test", "not an address"]},
        "bcc": {"type": "specified", "email_addresses": ["audit@a.test"]},
    }
    rev = await post.store.put(account_db(ACCOUNT), meta)
    await post.store.put_attachment(
        account_db(ACCOUNT), meta["_id"], "template.text/plain", "text/plain", b"{{voicemail.vmbox_number}} rang", rev
    )
    await post.told(_voicemail(await _message(post.store)))
    await post.has(mails=1)
    (mail,) = post.box.mails
    assert (mail["Subject"], mail["From"], mail["To"]) == ("Post from +15550100", "post@a.test", "desk@a.test")
    assert post.box.recipients == [["desk@a.test", "audit@a.test"]]
    assert "audit@a.test" not in mail.as_string()
    body = mail.get_body(("plain",))
    assert body is not None and body.get_content().strip() == "1001 rang"


async def test_an_account_turns_a_kind_of_mail_off(post: Post) -> None:
    await post.store.put(account_db(ACCOUNT), {"_id": "notification.voicemail_to_email", "enabled": False})
    await post.told(_voicemail(await _message(post.store)))
    await post.is_done()
    assert post.box.attempts == 0
    assert [noted["status"] for noted in await post.log()] == ["disabled"]


async def test_a_mailbox_without_addresses_is_no_failure(post: Post) -> None:
    box = await post.store.get(account_db(ACCOUNT), "box")
    await post.store.put(account_db(ACCOUNT), {**box, "notify_email_addresses": [], "owner_id": "nobody"})
    await post.told(_voicemail(await _message(post.store)))
    await post.is_done()
    assert (post.box.attempts, [noted["status"] for noted in await post.log()]) == (0, ["disabled"])


async def test_a_template_that_cannot_be_filled_in_is_told_and_given_up(post: Post) -> None:
    await post.store.put(account_db(ACCOUNT), {"_id": "notification.voicemail_to_email", "subject": "{{ 9 ** 9 }}"})
    await post.told(_voicemail(await _message(post.store)))
    await post.is_done()
    (noted,) = await post.log()
    assert "may not have a Pow (line 1)" in noted["error"]


async def test_a_caller_cannot_write_headers_into_the_mail(post: Post) -> None:
    name = 'Eve"\r\nBcc: victim@b.test\r\n\r\nspam\x85Bcc: victim@b.test'
    await post.told(_voicemail(await _message(post.store), caller_id_name=name))
    await post.has(mails=1)
    (mail,) = post.box.mails
    assert mail["Bcc"] is None
    assert post.box.recipients == [["ann@a.test", "office@a.test"]]
    assert "\n" not in mail["Subject"]


async def test_a_missed_call_goes_to_users_and_addresses(post: Post) -> None:
    recipients = [{"type": "user", "id": "ann"}, {"type": "email", "id": ["x@a.test", "bad address"]}, {"type": "user"}]
    mail = MissedCall(
        account_id=ACCOUNT,
        call_id="c",
        call_bridged=False,
        message_left=0,
        caller_id_name="Bob",
        caller_id_number="1002",
        notify={"recipients": recipients, "hangup_cause": "NO_ANSWER"},
    )
    await post.told(mail)
    await post.has(mails=1)
    assert post.box.recipients == [["ann@a.test", "x@a.test"]]
    body = post.box.mails[0].get_body(("plain",))
    assert body is not None and "no voicemail message was left (NO_ANSWER)" in body.get_content()


async def test_a_password_link_goes_to_the_user_alone(post: Post) -> None:
    link = "https://portal.test/#/?reset_id=abc"
    await post.told(PasswordRecovery(account_id=ACCOUNT, email="ann@a.test", password_reset_link=link))
    await post.has(mails=1)
    assert post.box.recipients == [["ann@a.test"]]
    body = post.box.mails[0].get_body(("plain",))
    assert body is not None and link in body.get_content()
    assert link not in str(await post.log())


async def test_an_alert_goes_to_the_operators_administrators(post: Post) -> None:
    await post.told(SystemAlert(subject="Disk is full", message="No room.", details={"Host": "a1"}, node="n@h"))
    await post.has(mails=1)
    assert post.box.recipients == [["root@op.test"]]
    assert post.box.mails[0]["Subject"] == "Disk is full"


async def test_what_there_is_no_template_for_is_given_up_and_told(post: Post) -> None:
    await post.told(Topup(account_id=ACCOUNT, amount=1.0, response="declined", success=True, timestamp=gregorian(AT)))
    await post.is_done()
    assert "no template for 'topup'" in (await post.log())[0]["error"]


async def test_without_a_mail_server_it_stays_in_the_spool(tmp_path: Path) -> None:
    async with Node("mail@host.test") as node:
        await node.start(Supervisor, _tree(tmp_path, None))
        store = StoreClient(node)
        await _furnish(store)
        await notify(store, node, _voicemail(await _message(store)), key="1")
        state = await node.sys.get_state(TELETYPE)  # answered when it has taken what came before
        assert state["server"] is None
        assert len((await store.all_docs(SPOOL)).rows) == 1
