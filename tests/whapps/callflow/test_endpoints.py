"""What devices and users are as endpoints: forwarding, caller ids, do-not-disturb, media, ringing."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.dialplan import Bridge, Endpoint
from mirliton.actors.kapi.endpoint import failover_of

USER, PHONE, OWN, GUEST = "1" * 32, "2" * 32, "3" * 32, "4" * 32
FORWARD = {"enabled": True, "number": "4155550100"}


async def _world(here: Any, *, device: Any = None, user: Any = None, account: Any = None) -> None:
    """An account, a user with one phone, and a caller's own phone."""
    await here.put(
        {"_id": here.account_id, "pvt_type": "account", "name": "acme", "realm": "acme.example"} | (account or {})
    )
    await here.put({"_id": USER, "pvt_type": "user", "first_name": "Bo", "last_name": "Lo"} | (user or {}))
    phone = {"_id": PHONE, "pvt_type": "device", "name": "desk", "owner_id": USER, "sip": {"username": "bo"}}
    await here.put(phone | (device or {}))


async def _rung(here: Any, module: str = "user", **data: Any) -> list[Endpoint]:
    """Whom an action rings."""
    await here.flow_of({"module": module, "data": {"id": USER if module == "user" else PHONE, **data}})
    bridges = [command for _, command in (await here.call()).commands if isinstance(command, Bridge)]
    return [endpoint for bridge in bridges for endpoint in bridge.endpoints]


def _places(endpoints: list[Endpoint]) -> list[str | None]:
    return [endpoint.route or endpoint.to_user for endpoint in endpoints]


class TestForwarding:
    @pytest.mark.parametrize(
        ("fields", "module", "places"),
        [
            ({"device": {"call_forward": FORWARD}}, "device", ["4155550100"]),
            ({"user": {"call_forward": FORWARD}}, "device", ["4155550100"]),
            ({"user": {"call_forward": FORWARD}}, "user", ["4155550100"]),
            ({"user": {"call_forward": FORWARD | {"substitute": False}}}, "user", ["4155550100", "bo"]),
            ({"user": {"call_forward": FORWARD | {"enabled": False}}}, "user", ["bo"]),
            ({"user": {"call_forward": {"enabled": True}}}, "user", ["bo"]),
            ({"user": {"call_forward": FORWARD | {"direct_calls_only": True}}}, "user", ["4155550100"]),
            (
                {"device": {"call_forward": FORWARD | {"number": "77"}}, "user": {"call_forward": FORWARD}},
                "user",
                ["77"],
            ),
            ({"device": {"call_forward": {"number": "77"}}, "user": {"call_forward": FORWARD}}, "user", ["4155550100"]),
            ({"user": {"call_forward": FORWARD | {"number": "app=system:x"}}}, "user", []),
            ({"user": {"call_forward": FORWARD | {"number": 5}}}, "user", ["bo"]),
            ({"account": {"call_forward": FORWARD}}, "user", ["bo"]),
        ],
        ids=str,
    )
    async def test_where_calls_go(self, world: Any, fields: Any, module: str, places: Any) -> None:
        async with world() as here:
            await _world(here, **fields)
            assert _places(await _rung(here, module)) == places

    async def test_a_group_does_not_follow_what_is_for_direct_calls_only(self, world: Any) -> None:
        async with world() as here:
            await _world(here, user={"call_forward": FORWARD | {"direct_calls_only": True}})
            assert _places(await _rung(here, "ring_group", endpoints=[{"id": USER, "endpoint_type": "user"}])) == ["bo"]

    async def test_a_user_without_a_phone_is_forwarded_too(self, world: Any) -> None:
        async with world() as here:
            await _world(here, device={"owner_id": None}, user={"call_forward": FORWARD})
            (endpoint,) = await _rung(here)
            assert endpoint.custom_channel_vars["Authorizing-ID"] == USER
            assert endpoint.custom_channel_vars["Authorizing-Type"] == "user"

    async def test_two_phones_of_one_user_are_one_number(self, world: Any) -> None:
        async with world() as here:
            await _world(here, user={"call_forward": FORWARD | {"substitute": False}})
            await here.put({"_id": GUEST, "pvt_type": "device", "owner_id": USER, "sip": {"username": "bo2"}})
            assert sorted(map(str, _places(await _rung(here)))) == ["4155550100", "bo", "bo2"]

    async def test_it_comes_back_as_a_call_of_the_account(self, world: Any) -> None:
        async with world() as here:
            await _world(here, user={"call_forward": FORWARD})
            (endpoint,) = await _rung(here)
            known = endpoint.custom_channel_vars
            assert (known["Account-ID"], known["Authorizing-ID"], known["Owner-ID"]) == (here.account_id, PHONE, USER)
            assert (known["Call-Forward"], known["Retain-CID"], known["Loopback-Hops"]) == ("true", "true", "1")
            assert endpoint.loopback_bowout is False

    @pytest.mark.parametrize(
        ("more", "key", "early"),
        [
            ({}, "1", True),
            ({"require_keypress": False}, None, True),
            ({"require_keypress": False, "ignore_early_media": False}, None, False),
            ({"require_keypress": False, "ignore_early_media": False, "substitute": False}, None, True),
            ({"require_keypress": True, "ignore_early_media": False}, "1", True),
        ],
        ids=str,
    )
    async def test_who_answers_may_have_to_press_a_key(
        self, world: Any, more: Any, key: str | None, early: bool
    ) -> None:
        async with world() as here:
            await _world(here, user={"call_forward": FORWARD | more})
            endpoint = (await _rung(here))[0]
            known = endpoint.custom_channel_vars
            assert (known.get("Confirm-Key"), endpoint.ignore_early_media) == (key, early)
            assert ("ivr-group_confirm" in known.get("Confirm-File", "")) == (key is not None)

    @pytest.mark.parametrize(("keep", "kept"), [(True, "true"), (False, "false")])
    async def test_the_number_is_shown_whom_the_document_says(self, world: Any, keep: bool, kept: str) -> None:
        async with world() as here:
            await _world(here, user={"call_forward": FORWARD | {"keep_caller_id": keep}})
            assert (await _rung(here))[0].custom_channel_vars["Retain-CID"] == kept

    async def test_failover_is_for_a_phone_that_is_not_there(self, world: Any) -> None:
        async with world() as here:
            await _world(here, user={"call_forward": {"enabled": False, "failover": True, "number": "4155550100"}})
            (endpoint,) = await _rung(here)
            instead = failover_of(endpoint)
            assert endpoint.to_user == "bo"
            assert instead is not None
            assert (instead.invite_format, instead.route) == ("loopback", "4155550100")
            assert instead.custom_channel_vars["Call-Forward"] == "true"

    @pytest.mark.parametrize(("passed", "rung"), [("4", 1), ("5", 0), ("99999", 0), ("x", 0)])
    async def test_forwarding_round_in_circles_ends(self, world: Any, passed: str, rung: int) -> None:
        async with world() as here:
            here.ccvs["Loopback-Hops"] = passed
            await _world(here, user={"call_forward": FORWARD})
            assert len(await _rung(here)) == rung


class TestWhomACallIsFrom:
    async def _shown(
        self, world: Any, *, outside: bool = False, own: Any = None, owner: Any = None, account: Any = None
    ) -> Any:
        async with world() as here:
            await _world(here, account=account)
            await here.put(
                {"_id": OWN, "pvt_type": "device", "owner_id": GUEST, "sip": {"username": "own"}} | (own or {})
            )
            await here.put({"_id": GUEST, "pvt_type": "user", "first_name": "Gu", "last_name": "Est"} | (owner or {}))
            if outside:
                here.ccvs["Inception"] = "+14155550100@carrier.example"
            else:
                here.ccvs.update({"Authorizing-ID": OWN, "Owner-ID": GUEST})
            (endpoint,) = await _rung(here, "device")
            return endpoint.caller_id_name, endpoint.caller_id_number

    @staticmethod
    def _id(name: str | None = None, number: str | None = None, kind: str = "internal") -> Any:
        return {"caller_id": {kind: {key: value for key, value in (("name", name), ("number", number)) if value}}}

    async def test_who_says_nothing_is_who_the_phone_says(self, world: Any) -> None:
        assert await self._shown(world) == ("Ada", "1001")

    async def test_the_device_is_before_the_user_and_the_user_before_the_account(self, world: Any) -> None:
        account, owner, own = self._id("Acme", "9"), self._id("Guest", "201"), self._id("Desk", "301")
        assert await self._shown(world, account=account) == ("Acme", "9")
        assert await self._shown(world, account=account, owner=owner) == ("Guest", "201")
        assert await self._shown(world, account=account, owner=owner, own=own) == ("Desk", "301")

    async def test_name_and_number_go_by_themselves(self, world: Any) -> None:
        assert await self._shown(world, account=self._id("Acme", "9"), own=self._id(number="301")) == ("Acme", "301")

    async def test_what_the_world_sees_is_not_for_colleagues(self, world: Any) -> None:
        assert await self._shown(world, own=self._id("Acme Inc", "+1415", "external")) == ("Ada", "1001")

    async def test_a_lamps_number_is_a_number(self, world: Any) -> None:
        assert await self._shown(world, own={"presence_id": "301"}) == ("Ada", "301")

    async def test_a_call_from_outside_is_from_whom_it_says(self, world: Any) -> None:
        assert await self._shown(world, outside=True, account=self._id("Acme", "9")) == ("Ada", "1001")

    async def test_what_the_flow_says_counts_first(self, world: Any) -> None:
        async with world() as here:
            await _world(here, account=self._id("Acme", "9"))
            here.ccvs["Authorizing-ID"] = OWN
            ring = {"module": "device", "data": {"id": PHONE}}
            await here.flow_of({"module": "set_cid", "data": {"caller_id_name": "Flow"}, "children": {"_": ring}})
            (bridge,) = [command for _, command in (await here.call()).commands if isinstance(command, Bridge)]
            assert (bridge.endpoints[0].caller_id_name, bridge.endpoints[0].caller_id_number) == ("Flow", "9")

    async def test_it_can_be_kept_from_a_phone(self, world: Any) -> None:
        async with world() as here:
            await _world(here)
            (endpoint,) = await _rung(here, suppress_clid=True)
            assert (endpoint.caller_id_name, endpoint.caller_id_number) == (None, None)

    @pytest.mark.parametrize("name", ["Name", "Number"])
    async def test_who_asks_to_be_hidden_is(self, world: Any, name: str) -> None:
        async with world() as here:
            here.ccvs[f"Privacy-Hide-{name}"] = True
            await _world(here)
            (endpoint,) = await _rung(here)
            assert (endpoint.privacy_hide_name, endpoint.privacy_hide_number) == (
                (True, None) if name == "Name" else (None, True)
            )


class TestWhoIsNotRung:
    @pytest.mark.parametrize("whose", ["device", "user", "account"])
    async def test_nobody_who_is_not_to_be_disturbed(self, world: Any, whose: str) -> None:
        async with world() as here:
            await _world(here, **{whose: {"do_not_disturb": {"enabled": True}}})
            assert await _rung(here, "device") == []

    @pytest.mark.parametrize(("can", "rung"), [(False, 0), (True, 1)])
    async def test_not_another_phone_of_the_callers(self, world: Any, can: bool, rung: int) -> None:
        async with world() as here:
            here.ccvs.update({"Authorizing-ID": OWN, "Owner-ID": USER})
            await _world(here)
            assert len(await _rung(here, can_call_self=can)) == rung

    @pytest.mark.parametrize("whose", ["device", "user", "account"])
    @pytest.mark.parametrize("talks", [True, False])
    async def test_without_call_waiting_a_phone_in_use_is_busy(self, world: Any, whose: str, talks: bool) -> None:
        async with world() as here:
            await _world(here, **{whose: {"call_waiting": {"enabled": False}}})
            if talks:
                here.others = [{"account_id": here.account_id, "uuid": "leg", "authorizing_id": PHONE}]
            assert _places(await _rung(here)) == (["error/USER_BUSY"] if talks else ["bo"])

    async def test_the_device_may_have_call_waiting_all_the_same(self, world: Any) -> None:
        async with world() as here:
            account, device = {"call_waiting": {"enabled": False}}, {"call_waiting": {"enabled": True}}
            await _world(here, account=account, device=device)
            here.others = [{"account_id": here.account_id, "uuid": "leg", "authorizing_id": PHONE}]
            assert _places(await _rung(here)) == ["bo"]


class TestAHotdesk:
    @pytest.mark.parametrize(("whom", "rung"), [(GUEST, 1), (USER, 0)])
    async def test_a_guest_is_rung_at_the_phone_and_its_owner_is_not(self, world: Any, whom: str, rung: int) -> None:
        async with world() as here:
            guest = {"_id": GUEST, "pvt_type": "user", "presence_id": "209", "ringtones": {"internal": "guest"}}
            await here.put(guest)
            await _world(here, device={"hotdesk": {"users": {GUEST: {}}}}, user={"ringtones": {"internal": "owner"}})
            endpoints = await _rung(here, id=whom)
            assert len(endpoints) == rung
            for endpoint in endpoints:
                assert endpoint.custom_channel_vars["Owner-ID"] == GUEST
                assert endpoint.custom_sip_headers["Alert-Info"] == "guest"
                assert endpoint.presence_id == "209@acme.example"


class TestHowItRings:
    async def test_ringtones_are_for_calls_from_inside_or_outside(self, world: Any) -> None:
        for inception, rings in ((None, "in"), ("x@carrier.example", "out")):
            async with world() as here:
                here.ccvs.update({"Inception": inception} if inception else {})
                await _world(here, account={"ringtones": {"internal": "in", "external": "out"}})
                assert (await _rung(here))[0].custom_sip_headers == {"Alert-Info": rings}

    async def test_a_ring_group_has_ringtones_of_its_own(self, world: Any) -> None:
        async with world() as here:
            await _world(here, device={"ringtones": {"internal": "own"}})
            members = [{"id": PHONE, "endpoint_type": "device"}]
            (endpoint,) = await _rung(here, "ring_group", endpoints=members, ringtones={"internal": "group"})
            assert endpoint.custom_sip_headers == {"Alert-Info": "group"}

    async def test_headers_are_the_devices_and_the_actions(self, world: Any) -> None:
        async with world() as here:
            own = {"out": {"X-Room": "5"}, "in": {"X-Mine": "no"}}
            await _world(here, device={"sip": {"username": "bo", "custom_sip_headers": own}})
            (endpoint,) = await _rung(here, custom_sip_headers={"X-Queue": "sales", "X-Bad": 5})
            assert endpoint.custom_sip_headers == {"X-Room": "5", "X-Queue": "sales"}

    async def test_media_is_as_the_documents_say(self, world: Any) -> None:
        async with world() as here:
            media = {
                "audio": {"codecs": ["OPUS", "PCMU"]},
                "video": {"codecs": ["VP8"]},
                "ignore_early_media": True,
                "progress_timeout": 7,
                "encryption": {"methods": ["srtp"], "enforce_security": True},
            }
            await _world(here, device={"media": media})
            (endpoint,) = await _rung(here)
            assert endpoint.codecs == ("OPUS", "PCMU", "VP8")
            assert (endpoint.ignore_early_media, endpoint.endpoint_progress_timeout) == (True, 7.0)
            assert endpoint.custom_channel_vars["RTP-Secure-Media"] == "mandatory"

    async def test_a_phone_that_is_an_address_is_sent_the_number(self, world: Any) -> None:
        async with world() as here:
            here.rename(caller_destination_number="+14155550100")
            await _world(here, device={"sip": {"method": "ip", "ip": "192.0.2.9", "invite_format": "npan"}})
            (endpoint,) = await _rung(here)
            assert (endpoint.invite_format, endpoint.to_did, endpoint.to_ip) == ("npan", "4155550100", "192.0.2.9")

    async def test_a_phone_may_be_invited_by_another_name(self, world: Any) -> None:
        async with world() as here:
            await _world(here)
            (endpoint,) = await _rung(here, static_invite="reception")
            assert (endpoint.to_user, endpoint.to_username) == ("reception", "bo")

    async def test_what_is_of_the_wrong_type_says_nothing(self, world: Any) -> None:
        async with world() as here:
            wrong = {"media": "x", "ringtones": 5, "call_forward": [], "call_waiting": "no", "caller_id": 7}
            await _world(here, device=wrong | {"hotdesk": []}, user=wrong, account=wrong)
            assert _places(await _rung(here)) == ["bo"]
