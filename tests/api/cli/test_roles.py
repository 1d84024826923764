"""From a host file to programs."""

from pathlib import Path

import pytest

from mirliton.api.cli.roles import programs
from mirliton.config import SettingsError, load_host
from mirliton.supervisors.program_limits import MIB, Memory


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def made(text: str):
    Path("host.toml").write_text(text)
    return {program.name: program for program in programs(load_host(Path("host.toml")), {})}


def complaints(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        made(text)
    return [str(problem) for problem in caught.value.problems]


def test_role_all_is_the_node_with_its_simulated_switch_beside_it():
    found = made('[nodes.main]\nrole = "all"\nmemory = 100\ndrain_timeout = 5.0\nlog = "m.log"\n')
    assert list(found) == ["main.switch", "main"]
    assert found["main"].after == ("main.switch",)
    assert found["main"].memory == Memory(100 * MIB, 125 * MIB)
    assert found["main"].drain == 5.0
    assert found["main.switch"].memory is None
    assert found["main.switch"].log == found["main"].log == Path("var/m.log")
    settings, log = found["main"].args
    assert settings.node.name == "main"
    assert settings.node.shutdown_timeout == 30.0
    assert log is None


def test_a_nodes_environment_overrides_its_settings():
    Path("m.toml").write_text("[simulator]\nenabled = false\n[demo]\nenabled = false\n[api]\nport = 1\n")
    text = '[nodes.main]\nrole = "all"\nsettings = "m.toml"\nlog_level = "error"\n'
    found = made(text + 'environment = { MIRLITON_API_PORT = "2" }\n')
    assert list(found) == ["main"]
    settings, _ = found["main"].args
    assert (settings.api.port, settings.logging.level) == (2, "error")
    assert found["main"].env == {"MIRLITON_API_PORT": "2"}


CLUSTER = '[amqp]\nuri = "amqp://user:password@broker/nodes"\ncookie = "what all nodes know"\n'
NODES = """
[nodes.switch]
role = "simulator"
[nodes.ecallmgr1]
role = "ecallmgr"
after = ["switch"]
drain_timeout = 30.0
[nodes.whapps1]
role = "whapps"
apps = ["callflow", "cdr"]
environment = { MIRLITON_METRICS_PORT = "9465" }
[nodes.api1]
role = "api"
environment = { MIRLITON_METRICS_PORT = "%s" }
"""


def test_the_nodes_of_a_cluster_share_settings_and_a_state_directory():
    Path("mirliton.toml").write_text(CLUSTER)
    found = made(NODES % 9466)
    assert {name: program.main for name, program in found.items()} == {
        "switch": "mirliton.api.cli.switch:main",
        **dict.fromkeys(("ecallmgr1", "whapps1", "api1"), "mirliton.api.cli.node:main"),
    }
    nodes = {name: program.args[0] for name, program in found.items()}
    assert {name: nodes[name].node.all_apps for name in ("ecallmgr1", "whapps1", "api1")} == {
        "ecallmgr1": ("ecallmgr",),
        "whapps1": ("callflow", "cdr"),
        "api1": ("api",),
    }
    assert {settings.store_path for settings in nodes.values()} == {Path("var/mirliton.db")}
    assert nodes["whapps1"].control_socket == Path("var/whapps1.sock")
    assert found["ecallmgr1"].drain == 30.0


def test_a_part_of_mirliton_needs_a_broker_and_the_clusters_secret():
    assert complaints('[nodes.one]\nrole = "api"\n') == [
        "the settings: amqp.uri must be given where node.apps names a part of all: the other parts are elsewhere"
    ]
    Path("mirliton.toml").write_text(CLUSTER.replace("what all nodes know", "short"))
    [complaint] = complaints('[nodes.one]\nrole = "api"\n')
    assert "amqp.cookie is 5 characters, but must be the secret of all nodes of the cluster" in complaint


def test_nodes_of_a_cluster_may_not_listen_on_one_port():
    Path("mirliton.toml").write_text(CLUSTER)
    [complaint] = complaints(NODES % 9465)
    assert complaint == (
        "host.toml: nodes.api1.environment is 9465, but must lead to a metrics.port of its own, not to that of "
        "whapps1: give it MIRLITON_METRICS_PORT"
    )


def test_what_is_wrong_with_the_settings_of_any_node_is_told_at_once():
    Path("bad.toml").write_text("[api]\nport = 99999\n")
    text = """
    [nodes.one]
    role = "all"
    settings = "bad.toml"
    [nodes.two]
    role = "api"
    [nodes.three]
    role = "all"
    settings = "none.toml"
    """
    found = complaints(text)
    assert [each.split(":")[0] for each in found] == ["bad.toml", "the settings", "none.toml"]


def test_two_whole_nodes_may_not_share_a_state_directory():
    [complaint] = complaints('[nodes.a]\nrole = "all"\n[nodes.b]\nrole = "all"\n')
    assert "nodes.b.settings" in complaint
    assert "must lead to a node.state_dir of its own, not to that of a" in complaint


PROGRAM = '[nodes.a]\nrole = "program"\nprogram = "x.y:main"\n'


@pytest.mark.parametrize(
    ("option", "another"),
    [
        ('arguments = ["1"]', True),
        ('environment = {A = "1"}', True),
        ("nice = 1", True),
        ('log = "a.log"', True),
        ("stall_timeout = 3.0", True),
        ("memory = 100", False),
        ("restarts = 3", False),
        ("backoff_most = 3.0", False),
        ("drain_timeout = 3.0", False),
    ],
)
def test_a_change_restarts_a_node_only_where_the_process_itself_is_concerned(option, another):
    before = made(PROGRAM)["a"].fingerprint
    assert (made(f"{PROGRAM}{option}\n")["a"].fingerprint != before) is another


def test_a_changed_password_in_its_settings_makes_another_node_of_it():
    def fingerprint(password: str) -> str:
        Path("mirliton.toml").write_text(f'[simulator]\npassword = "{password}"\n')
        return made('[nodes.a]\nrole = "all"\n')["a"].fingerprint

    assert fingerprint("one") == fingerprint("one")
    assert fingerprint("one") != fingerprint("two")
    assert "one" not in fingerprint("one")
