"""What arrives from outside is read, or logged with what is wrong, counted and dropped."""

import gzip
import json
import zlib
from typing import Any

import pytest
from structlog.testing import capture_logs

from mirliton.actors import kapi
from mirliton.actors.kapi.bodies import MAX_BODY, packed, unpacked
from mirliton.actors.kapi.errors import BadBody
from mirliton.actors.kapi.inbox import Received, received
from mirliton.actors.kapi.kinds import MAX_DEPTH

HANGUP = kapi.dialplan.Hangup("leg", msg_id="m")
BODY = packed(kapi.to_headers(HANGUP, kapi.Envelope(app_name="callflow", server_id="q")))


def refused(body: bytes, **how: Any) -> dict[str, Any]:
    """The one line that the log gets for a body that is dropped."""
    with capture_logs() as lines:
        assert received(body, **how) is None
    assert len(lines) == 1
    assert (lines[0]["event"], lines[0]["log_level"]) == ("kapi.refused", "warning")
    return dict(lines[0])


def test_a_message_is_read_with_its_envelope() -> None:
    with capture_logs() as lines:
        got = received(BODY, exchange="callctl", content_type="application/json")
    assert isinstance(got, Received)
    assert (got.message, got.exchange) == (HANGUP, "callctl")
    assert (got.envelope.app_name, got.envelope.server_id, got.envelope.msg_id) == ("callflow", "q", "m")
    assert not lines


def test_a_compressed_one_too() -> None:
    got = received(gzip.compress(BODY), content_encoding="gzip")
    assert got is not None
    assert got.message == HANGUP


def test_an_invalid_message_is_logged_with_what_is_wrong_and_who_sent_it() -> None:
    before = kapi.COUNTS.refused["kapi.dialplan.hangup"]
    headers = json.loads(BODY) | {"Insert-At": "soon", "Node": "fs@one"}
    line = refused(json.dumps(headers).encode(), exchange="callctl", routing_key="control")
    assert line["message"] == "kapi.dialplan.hangup"
    assert line["problem"] == "kapi.dialplan.hangup: Insert-At: expected one of head, tail, flush, now, got 'soon'"
    assert (line["exchange"], line["routing_key"]) == ("callctl", "control")
    assert (line["app"], line["node"], line["msg_id"], line["call_id"]) == ("callflow", "fs@one", "m", "leg")
    assert kapi.COUNTS.refused["kapi.dialplan.hangup"] == before + 1


def test_a_message_that_nobody_defined_is_logged_and_counted() -> None:
    before = kapi.COUNTS.refused["?"]
    line = refused(packed(json.loads(BODY) | {"Event-Name": "order"}))
    assert "'call'/'order'" in line["problem"]
    assert kapi.COUNTS.refused["?"] == before + 1


def test_the_same_event_is_another_message_on_another_exchange() -> None:
    body = packed(kapi.to_headers(kapi.presence.Subscription("sip:bob@acme.test", expires=60.0)))
    kinds = {exchange: received(body, exchange=exchange) for exchange in ("presence", "omnipresence")}
    assert {exchange: type(got.message) for exchange, got in kinds.items() if got} == {
        "presence": kapi.presence.Subscription,
        "omnipresence": kapi.omnipresence.Subscription,
    }


@pytest.mark.parametrize(
    ("body", "how", "problem"),
    [
        (b"", {}, "no JSON"),
        (b"{", {}, "no JSON"),
        (b'{"Call-ID": "\xff\xfe"}', {}, "no JSON"),
        (b'{"Call-ID": "\\ud800"}', {}, "no JSON"),
        (b'{"Time": NaN}', {}, "no JSON"),
        (b"[" * 100_000, {}, "no JSON"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, {}, "no JSON"),
        (b"[]", {}, "expected a JSON object"),
        (b'"text"', {}, "expected a JSON object"),
        (b"{}", {}, "App-Name: required, but missing"),
        (b"x" * (MAX_BODY + 1), {}, f"more than {MAX_BODY}"),
        (BODY, {"limit": 20}, "more than 20"),
        (BODY, {"content_type": "application/erlang"}, "application/erlang"),
        (BODY, {"content_encoding": "br"}, "nobody knows its encoding"),
        (BODY, {"content_encoding": "gzip"}, "cannot be decompressed"),
        (gzip.compress(b"x" * (50 * MAX_BODY)), {"content_encoding": "gzip"}, f"more than {MAX_BODY}"),
        (gzip.compress(BODY)[:-20], {"content_encoding": "gzip"}, ""),
        (zlib.compress(BODY), {"content_encoding": "gzip"}, "cannot be decompressed"),
        (BODY.replace(b'"leg"', b"[[1]]"), {}, "Call-ID: expected text, got a list"),
        (BODY.replace(b'"leg"', b"123456789012345678901234567890"), {}, ""),
    ],
)
def test_a_hostile_body_is_dropped_with_a_reason(body: bytes, how: dict[str, Any], problem: str) -> None:
    line = refused(body, **how)
    assert problem in line["problem"]
    assert len(str(line)) < 1_000


def test_a_nul_is_text_like_any_other() -> None:
    """Refused, it would let whoever puts one in a name hide a call's events; those who write to a switch quote it."""
    got = received(BODY.replace(b'"leg"', b'"le\\u0000g"'))
    assert got is not None
    assert got.message == kapi.dialplan.Hangup("le\0g", msg_id="m")
    assert packed(kapi.to_headers(got.message, got.envelope)) == BODY.replace(b'"leg"', b'"le\\u0000g"')


def test_free_headers_are_bounded_in_depth() -> None:
    deep: Any = "x"
    for _ in range(MAX_DEPTH + 2):
        deep = {"a": deep}
    headers = kapi.to_headers(kapi.dialplan.Set("leg")) | {"Custom-Channel-Vars": deep}
    assert "nested deeper" in refused(packed(headers))["problem"]


def test_what_the_log_shows_of_a_stranger_is_short() -> None:
    headers = {"App-Name": "x" * 5_000, "Node": ["n"], "Event-Category": "y" * 5_000, "Event-Name": "z" * 5_000}
    line = refused(packed(headers), routing_key="k" * 5_000)
    assert line["node"] is None
    assert len(str(line)) < 1_000


def test_a_body_is_refused_by_a_named_error() -> None:
    with pytest.raises(BadBody) as caught:
        unpacked(b"{", limit=10)
    assert (caught.value.size, caught.value.reason[:8]) == (1, "no JSON:")
