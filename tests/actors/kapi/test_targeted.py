"""Answers go to the queue in the Server-ID, and on to the process that is named there."""

import pytest

from mirliton.actors import kapi
from mirliton.actors.kapi.errors import BadAddress
from mirliton.actors.kapi.targeted import Target, answering, server_id, target_of


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("callflow-queue", Target("callflow-queue")),
        ("kamailio@kam1.test-<1>-targeted-0", Target("kamailio@kam1.test-<1>-targeted-0")),
        ("queue/with/slashes", Target("queue/with/slashes")),
        ("pid://<0.123.0>/ecallmgr-queue", Target("ecallmgr-queue", process="<0.123.0>")),
        ("pid://a/b/ecallmgr-queue", Target("ecallmgr-queue", process="a/b")),
        ("consumer://<0.9.0>/their queue", Target("their queue", through="<0.9.0>")),
    ],
)
def test_a_server_id_is_a_queue_and_maybe_a_process(text: str, target: Target) -> None:
    assert target_of(text) == target


@pytest.mark.parametrize(
    "text", ["", "pid://", "pid://<0.1.0>", "pid:///queue", "pid://p/", "http://host/queue", "q" * 256]
)
def test_a_server_id_that_leads_nowhere_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadAddress) as caught:
        target_of(text)
    assert len(str(caught.value)) < 150


def test_a_process_behind_a_queue_gets_a_server_id_that_leads_back() -> None:
    assert target_of(server_id("node@host.1f.7", "answers")) == Target("answers", process="node@host.1f.7")
    for process, queue in (("p", "a/b"), ("", "q")):
        with pytest.raises(BadAddress):
            server_id(process, queue)


def test_an_answer_bears_the_name_of_the_request_and_else_its_own_envelope() -> None:
    request = kapi.Envelope(app_name="kamailio", msg_id="m1", server_id="q")
    answer = answering(request, kapi.Envelope(app_name="registrar", defer_response=True))
    assert (answer.msg_id, answer.app_name, answer.defer_response, answer.server_id) == ("m1", "registrar", True, None)
    assert answering(request).msg_id == "m1"
