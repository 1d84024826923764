"""One CouchDB host, asked through couchdb3's async client over its aiohttp transport.

Everything is asked through `CouchHost.ask` and `stream`, which guard what the client leaves open: names are quoted,
whatever is a JSON value in a query is encoded by us, no failure is taken for an absence, and no request is sent twice
unseen. What the host answers comes back as an Answer, whatever its status; where it does not answer, the error says
whether it can have heard the question.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp
import httpx
import orjson
from couchdb3.aio import AsyncServer
from couchdb3.exceptions import STATUS_CODE_ERROR_MAPPING, CouchDBError
from couchdb3.utils import build_url
from httpx_aiohttp import AiohttpTransport, HttpxAiohttpClient

from mirliton.actors.store.couch_address import DEFAULT_PORTS, CouchAddress, CouchTuning
from mirliton.actors.store.couch_answer import Answer, AnswerLost, NotSent, encoded

_STATUS: Final = {kind: status for status, kind in STATUS_CODE_ERROR_MAPPING.items() if kind}
_JSON: Final = {"Accept": "application/json", "Content-Type": "application/json"}

Content = bytes | AsyncIterator[bytes] | None


class CouchHost(AsyncServer):
    """One host. Not opened and not closed: connections are the session's, which all hosts share."""

    host: str

    def __init__(self, url: str, address: CouchAddress, session: httpx.AsyncClient) -> None:
        parts = urlsplit(url)
        super().__init__(
            url=url,
            port=parts.port or DEFAULT_PORTS[parts.scheme],
            user=address.user or None,
            password=address.password.reveal() or None,
            auth_method="basic",
            session=session,
        )
        if ":" in self.host:
            self.host = f"[{self.host}]"  # an IPv6 address loses its brackets on the way

    def __repr__(self) -> str:
        return str(self.url)

    async def ask(
        self,
        method: str,
        *path: str,
        query: Mapping[str, Any] | None = None,
        content: Content = None,
        headers: Mapping[str, str] | None = None,
        timeout: float,
    ) -> Answer:
        """Ask and read the answer. The parts of `path` are names; the values of `query` JSON, except a `rev`.

        Raises NotSent, AnswerLost.
        """
        with _told_apart():
            try:
                response = await self._request(
                    method=method,
                    resource=_quoted(path),
                    query_kwargs=encoded(query),
                    content=content,
                    headers={**_JSON, **(headers or {})},
                    timeout=timeout,
                )
            except CouchDBError as error:
                return _answer(_STATUS[type(error)], str(error).encode())
            except httpx.HTTPStatusError as error:
                return _answer(error.response.status_code, error.response.content)
        return _answer(response.status_code, response.content)

    @contextlib.asynccontextmanager
    async def stream(
        self,
        *path: str,
        query: Mapping[str, Any] | None = None,
        span: tuple[int, int] | None = None,
        timeout: float,
    ) -> AsyncIterator[Answer | AsyncIterator[bytes]]:
        """A file in chunks, or what is between two bytes of it, or what the host says instead. Raises NotSent,
        AnswerLost."""
        url = build_url(
            scheme=self.scheme, host=self.host, port=self.port, path=_quoted(path), **(encoded(query) or {})
        )
        with _told_apart():
            # What is compressed on the way has other bytes to count.
            wanted = {"Range": f"bytes={span[0]}-{span[1] - 1}", "Accept-Encoding": "identity"} if span else None
            async with self.session.stream("GET", url, auth=self._auth, headers=wanted, timeout=timeout) as response:
                if response.status_code == 206 and span is not None:
                    yield response.aiter_bytes()
                elif response.status_code == 200:
                    yield response.aiter_bytes() if span is None else _between(response.aiter_bytes(), *span)
                else:
                    yield _answer(response.status_code, await response.aread())

    async def probe(self, timeout: float) -> str | None:
        """Why the host is of no use now; None when it is well."""
        try:
            answer = await self.ask("GET", "_up", timeout=timeout)
            if answer.status == 404 and answer.error:  # a server without _up
                answer = await self.ask("GET", timeout=timeout)
        except (NotSent, AnswerLost) as error:
            return str(error)
        if answer.status in (401, 403) or (answer.ok and isinstance(answer.data, dict)):
            return None
        return f"it answers {answer.status} {answer.reason or answer.data}"[:200]


def new_session(tuning: CouchTuning) -> httpx.AsyncClient:
    """The connections to all hosts. Environment settings for proxies are left aside: a database is not browsed."""

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=tuning.pool + tuning.polls, keepalive_timeout=tuning.keepalive)
        made = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        # It would send a PUT or DELETE again when a kept connection breaks: a write that was done meets itself as a
        # conflict. tests/actors/store/test_couch_faults.py watches that it does not.
        made._retry_connection = False
        return made

    timeout = httpx.Timeout(tuning.timeout, connect=tuning.connect_timeout)
    return HttpxAiohttpClient(transport=AiohttpTransport(client=session), trust_env=False, timeout=timeout)


async def _between(chunks: AsyncIterator[bytes], start: int, stop: int) -> AsyncIterator[bytes]:
    """What a host would have sent that knows ranges."""
    at = 0
    async for chunk in chunks:
        yield chunk[max(start - at, 0) : max(stop - at, 0)]
        at += len(chunk)
        if at >= stop:
            return


def _quoted(path: tuple[str, ...]) -> str:
    return "/".join([quote(part, safe="") for part in path])


def _answer(status: int, body: bytes) -> Answer:
    try:
        return Answer(status, orjson.loads(body))
    except orjson.JSONDecodeError:
        return Answer(status, None, body[:200].decode(errors="replace"))


@contextlib.contextmanager
def _told_apart() -> Iterator[None]:
    """The transport's errors as NotSent or AnswerLost.

    It calls everything a connect error; what aiohttp said is the cause.
    """
    try:
        yield
    except (httpx.HTTPError, aiohttp.ClientError, OSError, httpx.StreamError) as error:
        first = error.__cause__ or error
        text = str(first) or type(first).__name__
        if isinstance(first, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | httpx.PoolTimeout):
            raise NotSent(text) from error
        raise AnswerLost(text) from error
