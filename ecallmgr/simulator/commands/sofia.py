"""Api commands of the SIP profile: status, registrations, contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

RULE = "=" * 97
DECLARATION = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'


def sofia(switch: SimulatedSwitch, args: str) -> str:
    """`status …`, `xmlstatus …`, `profile <name> flush_inbound_reg <what>`."""
    words = args.split()
    match words:
        case ["status"]:
            return _status(switch)
        case ["status", "profile", "internal"]:
            return _profile_status(switch)
        case ["status", "profile", "internal", "reg", *_]:
            return switch.registrations.status_text()
        case ["xmlstatus"]:
            return _xml_status(switch)
        case ["xmlstatus", "profile", "internal", "reg", *_]:
            return _xml_registrations(switch)
        case ["xmlstatus", "profile", "internal"]:
            return _xml_profile(switch)
        case ["status" | "xmlstatus", "profile", *_]:
            return "Invalid Profile!\n"
        case ["profile", "internal", "flush_inbound_reg", *which]:
            switch.registrations.flush(which[0] if which else "")
            matching = " matching specified call_id" if which else ""
            return f"+OK flushing all registrations{matching}\n"
        case ["profile", "internal", "rescan" | "restart" | "start" | "stop", *_]:
            return "Reload XML [Success]\n"
    return "-USAGE: sofia status|xmlstatus [profile internal [reg]] | profile internal flush_inbound_reg [user@host]\n"


def contact(switch: SimulatedSwitch, args: str) -> str:
    """`[profile/]user@realm`: the dial string of a user's contacts, or error/user_not_registered."""
    address = args.strip().rpartition("/")[2]
    user, _, realm = address.partition("@")
    return switch.registrations.contact(user, realm)


def _status(switch: SimulatedSwitch) -> str:
    rows = [
        f"{'Name':>25}\t{'Type':>10}\t{'Data':>40}\tState",
        RULE,
        f"{'internal':>25}\t{'profile':>10}\t{'sip:mod_sofia@127.0.0.1:5080':>40}\tRUNNING (0)",
        RULE,
        "1 profile 0 aliases",
    ]
    return "\n".join(rows) + "\n"


def _profile_status(switch: SimulatedSwitch) -> str:
    counts = switch.counts
    rows = (
        ("Name", "internal"),
        ("Domain Name", "N/A"),
        ("Auto-NAT", "false"),
        ("DBName", "memory"),
        ("Pres Hosts", ""),
        ("Dialplan", "XML"),
        ("Context", "public"),
        ("Challenge Realm", "auto_from"),
        ("RTP-IP", "127.0.0.1"),
        ("SIP-IP", "127.0.0.1"),
        ("URL", "sip:mod_sofia@127.0.0.1:5080"),
        ("BIND-URL", "sip:mod_sofia@127.0.0.1:5080;transport=udp,tcp"),
        ("HOLD-MUSIC", switch.hold_music),
        ("OUTBOUND-PROXY", "N/A"),
        ("CODECS IN", "PCMU,PCMA"),
        ("CODECS OUT", "PCMU,PCMA"),
        ("TEL-EVENT", "101"),
        ("DTMF-MODE", "rfc2833"),
        ("CNG", "13"),
        ("SESSION-TO", "0"),
        ("MAX-DIALOG", "0"),
        ("MAX-RECV-RPS", "1000"),
        ("NOMEDIA", "false"),
        ("LATE-NEG", "true"),
        ("PROXY-MEDIA", "false"),
        ("AGGRESSIVENAT", "false"),
        ("CALLS-IN", str(counts.inbound)),
        ("FAILED-CALLS-IN", "0"),
        ("CALLS-OUT", str(counts.outbound)),
        ("FAILED-CALLS-OUT", "0"),
        ("REGISTRATIONS", str(len(switch.registrations.all()))),
    )
    return f"{RULE}\n" + "".join(f"{name:<17}\t{value}\n" for name, value in rows)


def _xml_status(switch: SimulatedSwitch) -> str:
    return (
        f"{DECLARATION}<profiles>\n<alias>\n<name>127.0.0.1</name>\n<type>alias</type>\n<data>internal</data>\n"
        "<state>ALIASED</state>\n</alias>\n<profile>\n<name>internal</name>\n<type>profile</type>\n"
        "<data>sip:mod_sofia@127.0.0.1:5080</data>\n<state>RUNNING (0)</state>\n</profile>\n</profiles>\n"
    )


def _xml_profile(switch: SimulatedSwitch) -> str:
    return (
        f"{DECLARATION}<profile>\n  <profile-info>\n    <name>internal</name>\n"
        f"    <calls-in>{switch.counts.inbound}</calls-in>\n    <calls-out>{switch.counts.outbound}</calls-out>\n"
        f"    <registrations>{len(switch.registrations.all())}</registrations>\n  </profile-info>\n</profile>\n"
    )


def _xml_registrations(switch: SimulatedSwitch) -> str:
    items = []
    for one in switch.registrations.all():
        fields = (
            ("call-id", one.call_id),
            ("user", f"{one.user}@{one.realm}"),
            ("contact", f'"" <{one.uri}>'),
            ("agent", one.user_agent),
            ("status", "Registered(UDP)(unknown)"),
            ("ping-status", "Reachable"),
            ("host", switch.name),
            ("network-ip", one.host),
            ("network-port", one.port),
            ("sip-auth-user", one.user),
            ("sip-auth-realm", one.realm),
            ("mwi-account", f"{one.user}@{one.realm}"),
        )
        lines = "".join(f"        <{name}>{escape(value)}</{name}>\n" for name, value in fields)
        items.append(f"    <registration>\n{lines}    </registration>\n")
    return f"{DECLARATION}<profile>\n  <registrations>\n{''.join(items)}  </registrations>\n</profile>\n"
