"""Where the phones are."""

from mirliton.actors.kapi.registration import RegFlush, RegQuery, RegQueryResp
from mirliton.ecallmgr.registrations import REGISTRAR, Flushed
from mirliton.runtime.testing import Probe


async def registrar(world):
    rows = [{"username": "phone1", "realm": "acme.example.com", "contact": "sip:1", "until": 5.0}]

    def answer(query):
        if isinstance(query, RegFlush):
            return Flushed(1)
        found = [] if query.realm not in (None, "acme.example.com") else rows
        return RegQueryResp(fields=None if query.count_only else found, count=len(found))

    return await Probe.start(world.node, name=REGISTRAR, answer=answer)


async def test_an_account_sees_the_phones_of_its_realm(world):
    account_id, token = await world.admin("acme")
    _, stranger_token = stranger = await world.admin("stranger")
    probe = await registrar(world)
    reply = await world.get(f"/accounts/{account_id}/registrations", token)
    assert reply.data == [{"username": "phone1", "realm": "acme.example.com", "contact": "sip:1"}]
    assert (await world.get(f"/accounts/{account_id}/registrations/count", token)).data == {"count": 1}
    assert (await world.get(f"/accounts/{stranger[0]}/registrations", stranger_token)).data == []
    assert probe.messages[0] == RegQuery(realm="acme.example.com")


async def test_the_master_counts_them_all(world):
    account_id, token = await world.admin("acme")
    await world.make_master(account_id)
    await registrar(world)
    assert (await world.get("/registrations/count", token)).data == {"count": 1}


async def test_while_the_registrar_is_away_it_is_503(world):
    account_id, token = await world.admin("acme")
    reply = await world.get(f"/accounts/{account_id}/registrations", token)
    assert (reply.status, reply.body["message"]) == (503, "service_unavailable")
    assert reply.headers["Retry-After"] == "1"


async def test_phones_are_thrown_out_all_or_one(world):
    account_id, token = await world.admin("acme")
    probe = await registrar(world)
    for path, username in (("", None), ("/Phone1", "phone1")):
        assert (await world.delete(f"/accounts/{account_id}/registrations{path}", token)).status == 200
        assert probe.messages.pop() == RegFlush("acme.example.com", username)


async def test_one_account_throws_out_no_phone_of_another(world):
    account_id, _ = await world.admin("acme")
    _, stranger = await world.admin("stranger")
    probe = await registrar(world)
    assert (await world.delete(f"/accounts/{account_id}/registrations", stranger)).status == 403
    assert probe.messages == []
