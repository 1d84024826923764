"""A bridge: whom FreeSWITCH rings, for how long, and what they are shown."""

import dataclasses

import pytest

from mirliton.actors.kapi.dialplan import Answer, Bridge, Endpoint
from mirliton.actors.kapi.endpoint import as_failover
from mirliton.ecallmgr.dialling import bridge, needed_contacts
from mirliton.ecallmgr.errors import Untranslatable
from mirliton.ecallmgr.esl.errors import InvalidCommand
from mirliton.ecallmgr.plan import Surroundings
from mirliton.ecallmgr.simulator.dialstring import parse_dial_string
from switch_parsers import Switch

LEG = "94b7e751-aadd-4896-aedd-eea32258180f"
BOB = "sofia/sipinterface_1/sip:bob@10.0.0.9:5060"
AROUND = Surroundings(
    context="from_us",
    contacts={
        "bob@demo.test": BOB,
        "carol@demo.test": "sofia/sipinterface_1/sip:carol@10.0.0.7,sofia/sipinterface_1/sip:carol@10.0.0.8",
        "dave@demo.test": "error/user_not_registered",
    },
)


def phone(user, **more):
    return Endpoint("username", to_user=user, to_realm="demo.test", **more)


def rung(command):
    """The legs as FreeSWITCH reads them, group by group: each one's variables and endpoint."""
    [application] = bridge(command, AROUND).applications
    assert application.name == "bridge"
    read = Switch.bridge(application.argument)
    # The simulator has a parser of its own; both must see the same.
    [branch] = parse_dial_string(application.argument).branches
    seen = [[(branch.variables | leg.variables, leg.text) for leg in group] for group in branch.groups]
    assert seen == read
    return read


def test_one_phone():
    command = Bridge(LEG, (phone("bob"),))
    assert rung(command) == [[({}, BOB)]]
    plan = bridge(command, AROUND)
    assert plan.completes
    assert plan.variables == {
        "continue_on_fail": "true",
        "hangup_after_bridge": "false",
        "park_after_bridge": "true",
        "ringback": AROUND.ringback,
        "transfer_ringback": AROUND.ringback,
        "call_timeout": "20",
        "hold_music": "",
        "bypass_media": "false",
        "effective_caller_id_name": "",
        "effective_caller_id_number": "",
        "originate_disposition": "",
        "originate_failed_cause": "",
        "last_bridge_hangup_cause": "",
        "last_bridge_proto_specific_hangup_cause": "",
        "bridge_hangup_cause": "",
    }


def test_phones_one_after_the_other_or_all_at_once():
    both = (phone("bob"), phone("dave"))
    assert rung(Bridge(LEG, both)) == [[({}, BOB)], [({}, "error/user_not_registered")]]
    at_once = Bridge(LEG, both, dial_endpoint_method="simultaneous", timeout=12.5)
    shared = {"originate_timeout": "13"}
    assert rung(at_once) == [[(shared, BOB), (shared, "error/user_not_registered")]]


def test_a_phone_that_is_registered_twice_is_rung_at_both_places():
    command = Bridge(LEG, (phone("carol", outbound_call_id="11111111-2222-4333-8444-555555555555"), phone("bob")))
    [[(one, first), (two, second)], [(_, third)]] = rung(command)
    assert (first, second, third) == (
        "sofia/sipinterface_1/sip:carol@10.0.0.7",
        "sofia/sipinterface_1/sip:carol@10.0.0.8",
        BOB,
    )
    assert one["origination_uuid"] == "11111111-2222-4333-8444-555555555555"
    assert two["origination_uuid"] not in ("", one["origination_uuid"])
    assert rung(command) == rung(command), "a command given again must ring the same legs"


def test_nobody_is_rung_twice_for_being_listed_twice():
    assert len(rung(Bridge(LEG, (phone("bob"), phone("dave"), phone("bob"))))) == 2
    assert len(rung(Bridge(LEG, (phone("bob"), phone("bob", endpoint_delay=5.0))))) == 2


@pytest.mark.parametrize(
    ("endpoint", "rings"),
    [
        (Endpoint("contact", to_user="bob", to_realm="demo.test"), BOB),
        (Endpoint("endpoint", to_user="bob", to_realm="demo.test"), BOB),
        (phone("nobody"), "error/user_not_registered"),
        (phone("bob", proxy_ip="10.0.0.2:5065"), "sofia/sipinterface_1/bob@demo.test;fs_path=sip:10.0.0.2:5065"),
        (phone("bob", proxy_ip="10.0.0.2", sip_transport="tls", sip_interface="inside"),
         "sofia/inside/bob@demo.test;transport=tls;fs_path=sip:10.0.0.2"),
        (Endpoint("route", route="sip:1002@10.1.1.1:5080;transport=tcp"),
         "sofia/sipinterface_1/1002@10.1.1.1:5080;transport=tcp"),
        (Endpoint("route", route="sips:1002@10.1.1.1"), "sofia/sipinterface_1/1002@10.1.1.1"),
        (Endpoint("route", route="sofia/gateway/carrier-1/+15551234567"), "sofia/gateway/carrier-1/+15551234567"),
        (Endpoint("loopback", route="1002"), "loopback/1002/from_us"),
        (Endpoint("route", route="error/USER_BUSY"), "error/USER_BUSY"),
        (Endpoint("username", to_user="desk", to_username="bob", to_realm="demo.test"), BOB.replace("bob", "desk")),
        (Endpoint("loopback", to_did="+1555"), "loopback/+1555/from_us"),
        (Endpoint("e164", to_did="+15551234567", to_ip="10.2.2.2:5080"),
         "sofia/sipinterface_1/+15551234567@10.2.2.2:5080"),
        (Endpoint("npan", to_did="5551234567", to_ip="carrier.test", sip_transport="udp"),
         "sofia/sipinterface_1/5551234567@carrier.test;transport=udp"),
    ],
)  # fmt: skip
def test_where_an_endpoint_is(endpoint, rings):
    assert rung(Bridge(LEG, (endpoint,))) == [[({}, rings)]]


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        (Endpoint("username", to_user="bob"), "an endpoint with invite_format 'username' says nowhere where to go"),
        (Endpoint("route"), "an endpoint with invite_format 'route' says nowhere where to go"),
        (Endpoint("e164", to_did="1"), "an endpoint with invite_format 'e164' says nowhere where to go"),
        (Endpoint("loopback", route="app=system:reboot"), "'app=system:reboot' is no number that can be rung"),
        (Endpoint("loopback", route="1002/other_context"), "'1002/other_context' is no number that can be rung"),
        (Endpoint("route", route="loopback/1002/default"), "'loopback/1002/default' is no route that can be rung"),
        (Endpoint("route", route="error/${x}"), "'error/${x}' is no route that can be rung"),
        (phone("b/b", to_username="bob"), "'b/b' is no user that can be rung"),
        (phone("dave", failover={"Route": "1"}), "Invite-Format"),
        (
            phone("bob", custom_channel_vars={"Confirm-File": "/etc/passwd"}),
            "'/etc/passwd' is nothing a switch can play",
        ),
        (phone("bob", custom_channel_vars={"Confirm-Key": 1}), "custom_channel_vars.Confirm-Key is no text"),
        (Endpoint("route", route="user/1000"), "'user/1000' is no route that can be rung"),
        (Endpoint("route", route="sofia/a/b,sofia/c/d"), "'sofia/a/b,sofia/c/d' is no route that can be rung"),
        (Endpoint("route", route="sip:a@b|sip:c@d"), "'sip:a@b|sip:c@d' is no route that can be rung"),
        (Endpoint("e164", to_did="1", to_ip="h/../x"), "'h/../x' is no address that can be rung"),
        (phone("bob", proxy_ip="10.0.0.2;x=y"), "'10.0.0.2;x=y' is no proxy address that can be rung"),
        (phone("b b", proxy_ip="10.0.0.2"), "'b b@demo.test' is no phone that can be rung"),
        (phone("bob", proxy_ip="10.0.0.2", sip_interface="a/b"), "'a/b' is no SIP interface that can be rung"),
        (phone("bob", endpoint_type="skype"), "endpoints of type 'skype' cannot be rung"),
        (phone("bob", enable_t38_gateway="self", force_fax="self"), "enable_t38_gateway and force_fax cannot be done"),
        (phone("bob", custom_channel_vars={"a": {"b": 1}}), "custom_channel_vars.a cannot be a variable"),
        (phone("bob", hold_media="/etc/passwd"), "'/etc/passwd' is nothing a switch can play"),
    ],
)
def test_what_cannot_be_rung_is_refused_with_the_reason(endpoint, why):
    with pytest.raises(Untranslatable) as caught:
        bridge(Bridge(LEG, (endpoint,)), AROUND)
    assert why in str(caught.value)


def test_a_bridge_to_nobody_is_refused():
    with pytest.raises(Untranslatable, match="there is nobody to ring"):
        bridge(Bridge(LEG, ()), AROUND)


@pytest.mark.parametrize("field", ["export_variables", "export_bridge_variables"])
def test_what_a_bridge_cannot_do_is_refused(field):
    with pytest.raises(Untranslatable, match=f"{field} cannot be done"):
        bridge(Bridge(LEG, (phone("bob"),), **{field: ("x",)}), AROUND)


def test_more_legs_than_freeswitch_dials_are_refused():
    with pytest.raises(InvalidCommand, match="at most 128"):
        bridge(Bridge(LEG, tuple(Endpoint("loopback", route=str(n)) for n in range(129))), AROUND)


# Caller id, timeouts, variables


def test_the_caller_is_shown_as_the_bridge_or_the_endpoint_says():
    own = phone(
        "bob", caller_id_name="Own", outbound_caller_id_number="77", callee_id_name="Bob", callee_id_number="12"
    )
    plan = bridge(Bridge(LEG, (own,), caller_id_name="Us", caller_id_number="1", outbound_caller_id_name="Out"), AROUND)
    assert plan.variables["effective_caller_id_name"] == "Out"
    assert plan.variables["effective_caller_id_number"] == "1"
    [[(variables, _)]] = Switch.bridge(plan.applications[0].argument)
    assert variables == {
        "origination_caller_id_name": "Own",
        "origination_caller_id_number": "77",
        "origination_callee_id_name": "Bob",
        "origination_callee_id_number": "12",
    }


def test_names_arrive_as_people_write_them():
    name = 'Miles "Chief" O’Brien, Jr. (DS9) & Söhne'
    [[(variables, _)]] = rung(Bridge(LEG, (phone("bob", caller_id_name=name),)))
    assert variables["origination_caller_id_name"] == name


def test_privacy():
    hidden = Bridge(
        LEG, (phone("bob"), phone("dave", privacy_hide_name=False)), privacy_hide_name=True, privacy_hide_number=True
    )
    [[(bob, _)], [(dave, _)]] = rung(hidden)
    assert (bob["origination_privacy"], dave["origination_privacy"]) == ("hide_name:hide_number", "hide_number")


def test_timeouts():
    """An endpoint's own time counts where it is shorter than that of all; a part of a second counts whole."""
    endpoints = (
        phone("bob", endpoint_timeout=9.2, endpoint_delay=3.0, endpoint_progress_timeout=4),
        phone("dave", endpoint_timeout=60),
    )
    command = Bridge(LEG, endpoints, timeout=30, dial_endpoint_method="simultaneous")
    [[(bob, _), (dave, _)]] = rung(command)
    assert bob == {
        "originate_timeout": "30",
        "leg_timeout": "10",
        "leg_delay_start": "3",
        "leg_progress_timeout": "4",
    }
    assert dave == {"originate_timeout": "30"}
    assert bridge(command, AROUND).variables["call_timeout"] == "30"
    assert bridge(Bridge(LEG, endpoints, timeout=1e9), AROUND).variables["call_timeout"] == "3600"


def test_variables_of_the_called_legs():
    endpoint = phone(
        "bob",
        custom_channel_vars={"Owner-ID": "bob", "N": 7},
        custom_sip_headers={"X-Mine": "2"},
        presence_id="bob@demo.test",
        auth_user="u",
        auth_password="p w",
        auth_realm="r",
        codecs=("PCMU", "opus"),
        sip_invite_parameters=("user=phone", "x=1"),
        hold_media="local_stream://moh",
    )
    command = Bridge(
        LEG,
        (endpoint,),
        custom_channel_vars={"Owner-ID": "alice", "Account-ID": "a"},
        custom_application_vars={"x": True},
        custom_sip_headers={"X-All": "1"},
    )
    [[(variables, _)]] = rung(command)
    assert variables == {
        "presence_id": "bob@demo.test",
        "sip_auth_username": "u",
        "sip_auth_password": "p w",
        "sip_auth_realm": "r",
        "absolute_codec_string": "PCMU,opus",
        "sip_invite_params": "user=phone;x=1",
        "hold_music": "local_stream://moh",
        "ecallmgr_Owner-ID": "bob",
        "ecallmgr_Account-ID": "a",
        "ecallmgr_N": "7",
        "cav_x": "true",
        "sip_h_X-All": "1",
        "sip_h_X-Mine": "2",
    }


def test_wishes_for_all_legs():
    command = Bridge(
        LEG,
        (phone("bob"),),
        ignore_early_media=True,
        fail_on_single_reject="USER_BUSY,CALL_REJECTED",
        ignore_forward=True,
        secure_rtp=True,
        confirm_file="prompt://system/confirm/en-us",
        confirm_key="5",
        confirm_cancel_timeout=1,
        ignore_completed_elsewhere=True,
        loopback_bowout=False,
        simplify_loopback=True,
        enable_t38_fax=False,
    )
    [[(variables, _)]] = rung(command)
    assert variables == {
        "ignore_early_media": "true",
        "fail_on_single_reject": "USER_BUSY,CALL_REJECTED",
        "outbound_redirect_fatal": "true",
        "rtp_secure_media": "true",
        "group_confirm_file": "mirliton/en-us/confirm.wav",
        "group_confirm_key": "5",
        "group_confirm_cancel_timeout": "true",
        "ignore_completed_elsewhere": "true",
        "loopback_bowout": "false",
        "loopback_bowout_on_execute": "true",
        "fax_enable_t38": "false",
    }


@pytest.mark.parametrize(
    ("wish", "variables"),
    [
        ({"continue_on_fail": False}, {"continue_on_fail": "false"}),
        ({"continue_after": False}, {"hangup_after_bridge": "true", "park_after_bridge": "false"}),
        ({"continue_after": True}, {"hangup_after_bridge": "false", "park_after_bridge": "true"}),
        ({"media": "bypass"}, {"bypass_media": "true"}),
        ({"media": "process"}, {"bypass_media": "false"}),
        ({"ringback": "%(1000,2000,425)"}, {"ringback": "%(1000,2000,425)", "transfer_ringback": "%(1000,2000,425)"}),
        ({"hold_media": "local_stream://moh"}, {"hold_music": "local_stream://moh"}),
    ],
)
def test_what_becomes_of_the_caller(wish, variables):
    plan = bridge(Bridge(LEG, (phone("bob"),), **wish), AROUND)
    assert variables.items() <= plan.variables.items()


def test_every_bridge_says_all_of_the_callers_variables():
    """They outlive it: what one bridge leaves out would be left from the one before."""
    plain = bridge(Bridge(LEG, (phone("bob"),)), AROUND).variables.keys()
    full = dataclasses.replace(
        Bridge(LEG, (phone("bob"),)),
        caller_id_name="x",
        hold_media="a.wav",
        ringback="a.wav",
        media="bypass",
        continue_after=False,
    )
    assert bridge(full, AROUND).variables.keys() == plain


# Where phones are registered


def test_only_registered_phones_are_asked_for():
    endpoints = (
        phone("bob"),
        phone("bob", endpoint_delay=3.0),
        Endpoint("contact", to_user="carol", to_realm="demo.test"),
        phone("eve", proxy_ip="10.0.0.2"),
        phone("evil name"),
        phone("x@y z"),
        Endpoint("route", route="sip:1@h"),
        Endpoint("username", to_user="bob"),
    )
    assert needed_contacts(Bridge(LEG, endpoints)) == ("bob@demo.test", "carol@demo.test")
    assert needed_contacts(Answer(LEG)) == ()


@pytest.mark.parametrize(
    "told",
    [
        "",
        "-ERR",
        "error/user_not_registered",
        "loopback/app=system:reboot",
        "sofia/a/b c",
        "sofia/a/b|sofia/c/d",
        "user/1000",
    ],
)
def test_a_phone_without_a_usable_contact_is_not_registered(told):
    around = dataclasses.replace(AROUND, contacts={"bob@demo.test": told})
    [application] = bridge(Bridge(LEG, (phone("bob"),)), around).applications
    assert application.argument == "error/user_not_registered"


def test_who_is_registered_nowhere_is_rung_elsewhere():
    instead = Endpoint("loopback", route="1002", custom_channel_vars={"Account-ID": "a"}, endpoint_timeout=5.0)
    endpoint = phone("dave", failover=as_failover(instead))
    [[(variables, rings)]] = rung(Bridge(LEG, (endpoint,)))
    assert rings == "loopback/1002/from_us"
    assert variables["ecallmgr_Account-ID"] == "a"
    assert rung(Bridge(LEG, (phone("bob", failover=as_failover(instead)),))) == [[({}, BOB)]]


def test_a_phone_that_stands_in_for_another_is_looked_up_too():
    endpoint = phone("dave", failover=as_failover(phone("bob")))
    assert needed_contacts(Bridge(LEG, (endpoint,))) == ("dave@demo.test", "bob@demo.test")
    assert rung(Bridge(LEG, (endpoint,))) == [[({}, BOB)]]


def test_the_far_end_of_a_leg_of_our_own_is_told_whose_call_it_is():
    known = {"Account-ID": "a", "Call-Forward": "true"}
    [[(variables, _)]] = rung(Bridge(LEG, (Endpoint("loopback", route="1002", custom_channel_vars=known),)))
    assert variables["loopback_export"] == "ecallmgr_Account-ID,ecallmgr_Call-Forward"


def test_some_of_kazoos_variables_are_freeswitchs_own():
    known = {
        "Confirm-Key": "1",
        "Confirm-File": "prompt://a/ivr-group_confirm/en-us",
        "RTP-Secure-Media": "mandatory",
        "Other": "x",
    }
    [[(variables, _)]] = rung(Bridge(LEG, (phone("bob", custom_channel_vars=known),)))
    assert variables == {
        "group_confirm_key": "1",
        "group_confirm_file": "mirliton/en-us/ivr-group_confirm.wav",
        "rtp_secure_media": "mandatory",
        "ecallmgr_Other": "x",
    }
