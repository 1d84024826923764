"""Host files: what is read, and that all that is wrong is told at once, by file, table and key."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mirliton.api.cli.command import command_names
from mirliton.config import HostNode, HostSettings, SettingsError, load_host
from mirliton.config.host import DEFAULTS, OF_ONE_NODE


def a_file(folder: Path, text: str) -> Path:
    path = folder / "host.toml"
    path.write_text(text, encoding="utf-8")
    return path


def complaints(path: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_host(path)
    assert all(problem.source == str(path) for problem in caught.value.problems)
    return [str(problem).removeprefix(f"{path}: ") for problem in caught.value.problems]


def test_a_node_needs_only_its_role(tmp_path: Path) -> None:
    host = load_host(a_file(tmp_path, '[nodes.main]\nrole = "all"\n'))
    assert host.host == HostSettings()
    assert host.nodes == {"main": HostNode(role="all")}
    assert host.socket == Path("var/host.sock")
    assert host.stacks == Path("var/stacks")


def test_a_nodes_own_table_wins_over_the_defaults(tmp_path: Path) -> None:
    text = """
    [host]
    state_dir = "/srv/m"
    [defaults]
    memory = 512
    nice = 5
    environment = { A = "1" }
    [nodes.b]
    role = "program"
    program = "package.module:main"
    arguments = ["x", "y"]
    nice = 0
    log = "b.log"
    cpus = [0, 2]
    after = ["a"]
    [nodes.a]
    role = "all"
    settings = "a.toml"
    """
    host = load_host(a_file(tmp_path, text))
    a, b = host.nodes["a"], host.nodes["b"]
    assert list(host.nodes) == ["b", "a"]
    assert (a.memory, a.nice, b.memory, b.nice) == (512, 5, 512, 0)
    assert (b.arguments, b.cpus, b.after, b.environment) == (("x", "y"), (0, 2), ("a",), {"A": "1"})
    assert host.log_of(b.log) == Path("/srv/m/b.log")
    assert host.log_of(a.log) is None
    assert host.settings_of(a) == tmp_path / "a.toml"
    assert host.settings_of(b) is None


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = """
    surplus = 1
    nodes.e = 5
    [hosts]
    [host]
    socket = 5
    log_level = "loud"
    [defaults]
    role = "all"
    memroy = 1
    [nodes.a]
    role = "callflow"
    memory = -1
    stall_timeout = "10"
    nice = 20
    cpus = [0, 0]
    arguments = ["x", 1]
    environment = { A = 1 }
    program = "no colon"
    [nodes."b c"]
    [nodes.d]
    nice = 1
    """
    assert complaints(a_file(tmp_path, text)) == [
        "[surplus] is not a table of a host file",
        "[hosts] is not a table of a host file (did you mean host?)",
        "host.socket is 5, but must be text in quotes",
        "host.log_level is 'loud', but must be one of 'debug', 'info', 'warning', 'error'",
        "defaults.role belongs in a node's own table",
        "defaults.memroy is not an option (did you mean defaults.memory?)",
        "nodes.e is 5, but must be a table, [nodes.e]",
        "nodes.b c must have a name of at most 64 letters, digits, '.', '_', '@' or '-'",
        "nodes.a.role is 'callflow', but must be one of 'all', 'ecallmgr', 'whapps', 'api', 'simulator', 'program'",
        "nodes.a.memory is -1, but must be a whole number from 0 to 10000000 (MB; 0: no bound)",
        "nodes.a.stall_timeout is '10', but must be a number from 0 to 600 (seconds; 0: never)",
        "nodes.a.nice is 20, but must be a whole number from -20 to 19",
        "nodes.a.cpus is [0, 0], but must not name one twice",
        "nodes.a.arguments is ['x', 1], but must be a list of texts, each of which must be text in quotes",
        "nodes.a.environment must be a table of names and texts, each of which must be text in quotes",
        "nodes.a.program is 'no colon', but must be written \"package.module:function\"",
        "nodes.d.role must be given",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "[nodes] must be given: a table [nodes.NAME] for each node"),
        ("[nodes]", "[nodes] is 0, but must hold from 1 to 256 nodes"),
        ("nodes = 1", "nodes is 1, but must be a table, [nodes]"),
        ("[nodes.a", "the file is not TOML: Expected ']' at the end of a table declaration (at end of document)"),
    ],
)
def test_a_file_without_nodes_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    assert complaints(a_file(tmp_path, text)) == [complaint]


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    assert complaints(tmp_path / "none.toml") == ["the file cannot be read: No such file or directory"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ('role = "program"', 'nodes.a.program must be given for the role "program"'),
        ('role = "all"\nprogram = "a:b"', "nodes.a.program is 'a:b', but needs the role \"program\""),
        ('role = "whapps"', 'nodes.a.apps must be given for the role "whapps"'),
        ('role = "api"\napps = ["cdr"]', "nodes.a.apps is ['cdr'], but needs the role \"whapps\""),
        ('role = "all"\nmemory = 10\nmemory_kill = 9', "nodes.a.memory_kill is 9, but must not be below memory"),
        ('role = "all"\nmemory_kill = 9', "nodes.a.memory_kill is 9, but needs memory to be given too"),
        ('role = "all"\nbackoff_first = 60', "nodes.a.backoff_first is 60, but must not exceed backoff_most"),
        ('role = "all"\ncpus = [-1]', "nodes.a.cpus is [-1], but must be numbers of CPUs, from 0"),
        ('role = "all"\nstall_timeout = 0.01', "nodes.a.stall_timeout is 0.01, but must be 0 or at least 0.05"),
        ('role = "all"\nafter = ["mian"]', "nodes.a.after names 'mian', which is no node (did you mean main?)"),
        ('role = "all"\nafter = ["a"]', "nodes.a.after must not lead back to itself: a after a"),
    ],
)
def test_what_does_not_fit_together_is_told(tmp_path: Path, options: str, complaint: str) -> None:
    assert complaints(a_file(tmp_path, f'[nodes.main]\nrole = "all"\n[nodes.a]\n{options}\n')) == [complaint]


def test_a_circle_of_waiting_is_shown(tmp_path: Path) -> None:
    tables = "".join(f'[nodes.{a}]\nrole = "all"\nafter = ["{b}"]\n' for a, b in ("ab", "bc", "ca"))
    [complaint] = complaints(a_file(tmp_path, tables))
    assert re.search(r"must not lead back to itself: (a after b after c after a|b .* b|c .* c)$", complaint)


def test_a_socket_whose_path_is_too_long_is_refused(tmp_path: Path) -> None:
    path = a_file(tmp_path, f'[host]\nstate_dir = "/{"x" * 120}"\n[nodes.a]\nrole = "all"\n')
    [complaint] = complaints(path)
    assert "must come to at most 107 bytes as a full path" in complaint


def test_the_example_shows_every_option_with_its_default(root: Path) -> None:
    file = root / "config" / "host.toml"
    host = load_host(file)
    assert host.host == HostSettings()
    assert host.nodes == {"main": HostNode()}
    shown = set(re.findall(r"^(?:# )?(\w+) = ", file.read_text(), re.MULTILINE))
    assert shown >= DEFAULTS | OF_ONE_NODE


def test_the_unit_names_commands_that_exist(root: Path) -> None:
    unit = (root / "config" / "systemd" / "mirliton.service").read_text()
    for command in re.findall(r"bin/mirliton (\w+)", unit):
        assert command in command_names()
    assert "Type=notify\n" in unit


def test_systemd_finds_no_fault_with_the_unit(root: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "mirliton.service"
    text = (root / "config" / "systemd" / "mirliton.service").read_text()
    unit.write_text(text.replace("/usr/local/bin/mirliton", sys.executable))  # it must be a program that exists
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
