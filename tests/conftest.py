"""Fixtures every test may use, and the list of skipped tests with which a run ends."""

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mirliton.runtime import Node

LAX = ("tests/bench/", "tests/chaos/")
"""What measures, or kills for minutes: strict mode costs half the speed."""

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of recorded facts about Kazoo, Erlang/OTP and FreeSWITCH; skips where it is not laid out."""
    folder = ROOT.parent / "shared" / "reference"
    if not folder.is_dir():
        pytest.skip("the reference recordings (../shared/reference) are not beside this checkout")
    return folder


@pytest.fixture(autouse=True)
def every_node_is_strict(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every node of a test is strict, examples' too; a test that asks for another, or in which one finds fault, fails.

    A test marked `lax(reason)` may ask; Thespian's own programs, whose messages are no types of ours, are let alone.
    """
    made: list[Node] = []
    begin = Node.__init__
    lax = request.node.get_closest_marker("lax") is not None or request.node.nodeid.startswith(LAX)

    def noted(node: Node, *args: Any, **options: Any) -> None:
        if lax or sys._getframe(1).f_globals.get("__name__") == "mirliton.runtime.system_base":
            begin(node, *args, **options)
        else:
            begin(node, *args, **{"strict": True} | options)
            made.append(node)
            assert node.strict, f"{node.name} is not strict; a test that needs that says why with @pytest.mark.lax"

    monkeypatch.setattr(Node, "__init__", noted)
    yield
    found = [violation for node in made for violation in node.strict_violations]
    assert not found, found


def pytest_make_parametrize_id(val: object) -> str | None:
    """What is long stands in a test's name by its length: some has a million characters, some differs at each start."""
    if isinstance(val, bytes):
        return f"{len(val)} bytes" if len(val) > 40 else None
    return f"{len(val)} characters" if isinstance(val, str) and len(val) > 200 else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test whose name holds an address is another one in each process, and cannot be shared out or run again."""
    passing = [item.nodeid for item in items if re.search(r" at 0x[0-9a-f]+>", item.nodeid)]
    if passing:
        raise pytest.UsageError(f"tests with an address in their name, give them other ids: {passing}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """After everything else that is printed: which tests were skipped, by reason, so that no gap goes unseen."""
    yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:  # absent in the workers of a distributed run
        for line in skip_list(reporter.stats.get("skipped", ())):
            reporter.write_line(line)


def skip_list(reports: Iterable[pytest.TestReport | pytest.CollectReport]) -> list[str]:
    """The lines for these skipped reports: each reason, and under it the files with how many of their tests."""
    by_reason: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for report in reports:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        by_reason[reason.removeprefix("Skipped: ")][report.nodeid.partition("::")[0]] += 1
    if not by_reason:
        return ["No test was skipped."]
    lines = ["Skipped tests, and why:"]
    for reason, files in sorted(by_reason.items()):
        lines.append(f"- {reason}")
        lines.extend(f"    {file}: {count}" for file, count in sorted(files.items()))
    return lines
