"""The control socket and what it shows, without any telephony."""

import asyncio
import contextlib
import json
import stat

import pytest

from mirliton.runtime import Exit, GenServer, Name, Node, Reply
from mirliton.supervisors import ControlSocket, Inspector, Supervisor, Tree, supervisor, worker
from mirliton.supervisors.control import MAX_REQUEST

ROOT = Name("supervisor", "root")
CONTROL = Name("service", "control")


class Worker(GenServer):
    def init(self) -> None:
        self.password = "open sesame"

    def handle_call(self, request, sender):
        return Reply("done")


class Counting(ControlSocket):
    """A socket that knows one request more, whose answer goes on."""

    async def answer(self, request):
        if request.get("do") == "count":
            return Numbers(request["to"])
        return await super().answer(request)


class Numbers:
    closed = 0

    def __init__(self, last):
        self.last = last
        self.at = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.at == self.last:
            raise StopAsyncIteration
        self.at += 1
        return self.at

    async def aclose(self):
        Numbers.closed += 1


class Client:
    """One connection; `ask` gives the answer's line."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def send(self, line: bytes):
        self.writer.write(line)
        await self.writer.drain()

    async def read(self):
        async with asyncio.timeout(10):
            return json.loads(await self.reader.readline())

    async def ask(self, do, **arguments):
        await self.send(json.dumps({"do": do, **arguments}).encode() + b"\n")
        return await self.read()


@pytest.fixture
async def node(tmp_path):
    below = Tree("one_for_one", [worker(Worker, id=f"w{n}", name=Name("worker", f"w{n}")) for n in range(3)])
    children = [
        supervisor(below, id="below"),
        worker(Counting, str(tmp_path / "control.sock"), ROOT, id="control", name=CONTROL),
    ]
    async with Node("test@localhost", strict=True) as node:
        await node.start(Supervisor, Tree("one_for_one", children, intensity=5, name=ROOT))
        yield node


@pytest.fixture
async def client(node, tmp_path):
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "control.sock"))
    yield Client(reader, writer)
    writer.close()


async def test_only_the_owner_may_open_it(node, tmp_path):
    assert stat.S_IMODE((tmp_path / "control.sock").stat().st_mode) == 0o600


async def test_the_tree_is_shown_level_by_level(client):
    answer = await client.ask("tree")
    (below, control) = answer["result"]["children"]
    assert [child["id"] for child in below["children"]] == ["w0", "w1", "w2"]
    assert control["names"] == ["service:control"]
    answer = await client.ask("tree", levels=1)
    assert "children" not in answer["result"]["children"][0]
    answer = await client.ask("tree", process=below["pid"], most=2)
    assert ([child["id"] for child in answer["result"]["children"]], answer["result"]["not_shown"]) == (["w0", "w1"], 1)


async def test_a_kill_is_explained_and_counted(client, node):
    killed = node.whereis(Name("worker", "w1"))
    assert (await client.ask("kill", process="w1"))["result"] == {"killed": str(killed), "name": "worker:w1"}
    told = (await client.ask("explain", process="w1"))["result"]
    assert [(entry["event"], entry["reason"]) for entry in told["history"]] == [("ended", "killed"), ("started", None)]
    assert told["history"][0]["sent_by"].startswith("service:control")
    below = (await client.ask("tree"))["result"]["children"][0]
    assert [child["restarts"] for child in below["children"]] == [0, 1, 0]
    assert (await client.ask("dossiers", last=1))["result"][0]["pid"] == str(killed)
    assert (await client.ask("explain", process=str(killed)))["result"]["explanation"]["reason"] == "killed"


async def test_the_busiest_processes_come_first(client, node):
    for _ in range(5):
        await node.call(Name("worker", "w2"), "work")
    await node.sys.suspend(Name("worker", "w0"))
    for _ in range(7):
        node.cast(Name("worker", "w0"), "wait")
    (busiest,) = (await client.ask("top", by="mailbox", most=1))["result"]
    assert (busiest["names"], busiest["mailbox_length"], busiest["status"]) == (["worker:w0"], 7, "suspended")
    handled = (await client.ask("top", by="handled"))["result"]
    assert {tuple(process["names"]): process["handled"] for process in handled}["worker:w2",] >= 5


async def test_a_process_is_shown_without_its_secrets(client):
    shown = (await client.ask("process", process="w0"))["result"]
    assert (shown["class_name"], shown["state"]) == ("Worker", {"password": "«hidden»"})


async def test_the_status_counts(client, node):
    status = (await client.ask("status"))["result"]
    assert (status["node"], status["processes"]) == ("test@localhost", len(node))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "the request is no JSON"),
        (b"[1]", "a request is an object"),
        (b'"\xff"', "the request is no JSON"),
        (b"{}", "there is no request None"),
        (b'{"do": "dance"}', "there is no request 'dance'"),
        (b'{"do": "kill"}', "process must be a string, not None"),
        (b'{"do": "kill", "process": 7}', "process must be a string, not 7"),
        (b'{"do": "kill", "process": "nobody"}', "no process is called 'nobody'"),
        (b'{"do": "explain", "process": "supervisor:root"}', "supervisor:root has no supervisor"),
        (b'{"do": "top", "by": "size"}', "by must be 'mailbox' or 'handled', not 'size'"),
        (b'{"do": "dossiers", "last": -1}', "last must be a whole number that is not negative, not -1"),
        (b'{"do": "tree", "levels": true}', "levels must be a whole number that is not negative, not True"),
        (b'{"do": "tree", "process": "w0x"}', "no process is called 'w0x'"),
    ],
)
async def test_a_bad_request_is_told_what_is_wrong_with_it(client, line, said):
    await client.send(line + b"\n")
    answer = await client.read()
    assert (answer["ok"], said in answer["error"]) == (False, True), answer
    assert (await client.ask("status"))["ok"], "and the connection goes on"


async def test_a_line_without_end_closes_the_connection_only(client, node, tmp_path):
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):  # the end may come before all is sent
            await client.send(b"x" * (2 * MAX_REQUEST))
            assert await client.reader.read() == b""
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "control.sock"))
    assert (await Client(reader, writer).ask("status"))["ok"]
    writer.close()


async def test_an_answer_may_go_on(client):
    Numbers.closed = 0
    assert (await client.ask("count", to=3))["result"] == "following"
    assert [await client.read() for _ in range(3)] == [1, 2, 3]
    assert (await client.ask("status"))["ok"]
    assert Numbers.closed == 1


async def test_an_answer_that_goes_on_ends_when_the_client_goes(client, node):
    class Endless(Numbers):
        done = asyncio.Event()

        async def __anext__(self):
            await asyncio.Event().wait()

        async def aclose(self):
            self.done.set()

    numbers = Endless(0)
    server = node.find(CONTROL).actor
    server.answer = lambda request: _give(numbers)
    assert (await client.ask("anything"))["result"] == "following"
    client.writer.close()
    async with asyncio.timeout(10):
        await numbers.done.wait()


async def _give(value):
    return value


async def test_a_killed_socket_is_there_again(client, node, tmp_path):
    node.exit(node.whereis(CONTROL), "kill")
    async with asyncio.timeout(10):
        assert await client.reader.read() == b"", "the old connection is closed"
    await node.sys.get_state(ROOT)
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "control.sock"))
    assert (await Client(reader, writer).ask("status"))["ok"]
    writer.close()


async def test_it_does_not_start_where_it_cannot_listen(node):
    with pytest.raises(Exception, match="FileExistsError"):
        await node.start(ControlSocket, "/dev/null/not_there", ROOT)


async def test_looking_at_a_dead_tree_says_so(node):
    node.exit(node.whereis(Name("supervisor", "root")), "kill")
    assert (await Inspector(node, ROOT).tree())["status"] == "not running"


async def test_a_supervisor_that_hangs_is_shown_without_its_children(node, monkeypatch):
    monkeypatch.setattr("mirliton.supervisors.inspector.PATIENCE", 0.05)
    below = node.find(Name("worker", "w0")).parent
    await node.sys.suspend(below)
    tree = await Inspector(node, ROOT).tree()
    assert (tree["children"][0]["children"], tree["children"][0]["status"]) == ([], "suspended")
    assert "did not answer" in tree["children"][0]["error"] or "within" in tree["children"][0]["error"]


def test_exit_is_no_error_of_supervision():
    """The socket's server catches errors to tell them; the end of the process must not be one of them."""
    assert not issubclass(Exit, Exception)
