"""The files for a cluster: each is read by what will read it, where that is here, and they agree with one another."""

from __future__ import annotations

import ipaddress
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from mirliton.api.cli.roles import programs
from mirliton.config import Settings
from mirliton.config.host_loading import load_host

VARIABLE = re.compile(r"(?<!\$)\$\{(\w+):\?\}")
SECRET = "0123456789abcdef0123456789abcdef"
SERVICE_KEYS = {
    "build", "command", "configs", "depends_on", "entrypoint", "environment", "healthcheck", "hostname", "image",
    "init", "logging", "networks", "ports", "restart", "stop_grace_period", "ulimits", "volumes",
}  # fmt: skip
"""Of the Compose Specification's, those that the file uses."""


@pytest.fixture
def folder(root: Path) -> Path:
    return root / "config" / "cluster"


@pytest.fixture
def text(folder: Path) -> str:
    return (folder / "compose.yaml").read_text()


@pytest.fixture
def compose(text: str) -> dict[str, Any]:
    """What compose makes of it: each variable has a value, and two dollars are one."""
    filled = VARIABLE.sub(lambda found: str(Path("../..") if found[1] == "MIRLITON_SOURCE" else SECRET), text)
    made: dict[str, Any] = yaml.safe_load(filled.replace("$$", "$"))
    return made


def addresses(compose: dict[str, Any]) -> dict[str, str]:
    return {
        name: service["networks"]["cluster"]["ipv4_address"]
        for name, service in compose["services"].items()
        if isinstance(service["networks"], dict)
    }


def test_it_is_the_cluster_that_it_says(compose: dict[str, Any]) -> None:
    kinds = [re.sub(r"\d$", "", name) for name in compose["services"]]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "rabbit": 3, "couch": 3, "couchdb-setup": 1, "haproxy": 1, "mirliton": 2, "kamailio": 2, "freeswitch": 2,
    }  # fmt: skip


def test_what_it_refers_to_is_there(compose: dict[str, Any], folder: Path) -> None:
    assert compose.keys() - {"name", "services", "configs", "networks", "volumes"} == {
        key for key in compose if key.startswith("x-")
    }
    used: dict[str, set[str]] = {"configs": set(), "volumes": set(), "networks": set()}
    for name, service in compose["services"].items():
        assert service.keys() <= SERVICE_KEYS, name
        assert set(service.get("depends_on", ())) <= compose["services"].keys(), name
        for other, how in service.get("depends_on", {}).items():
            checked = how["condition"] != "service_healthy" or "healthcheck" in compose["services"][other]
            assert checked, f"{name} waits for {other} to be healthy, which nobody looks at"
        used["configs"] |= {each["source"] for each in service.get("configs", ())}
        used["networks"] |= set(service["networks"])
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (folder / source).exists(), f"{name}: {source}"
            else:
                used["volumes"].add(source)
        if "build" in service:
            assert (folder / service["build"]["context"]).is_dir(), name
    for kind, names in used.items():
        assert names == compose[kind].keys(), kind


def test_each_has_an_address_of_its_own_in_the_network(compose: dict[str, Any]) -> None:
    subnet = ipaddress.ip_network(compose["networks"]["cluster"]["ipam"]["config"][0]["subnet"])
    given = list(addresses(compose).values())
    assert len(set(given)) == len(given) == len(compose["services"]) - 1  # the setup needs none
    assert all(ipaddress.ip_address(address) in subnet for address in given)


def test_the_example_of_the_environment_names_all_that_is_asked_for_and_holds_no_secret(
    text: str, folder: Path
) -> None:
    lines = [line for line in (folder / "env.example").read_text().splitlines() if line and not line.startswith("#")]
    given = dict(line.split("=", 1) for line in lines)
    assert given.keys() == set(VARIABLE.findall(text))
    assert {key for key, value in given.items() if value} == {"MIRLITON_SOURCE"}


def test_every_address_in_the_files_is_of_the_cluster(compose: dict[str, Any], folder: Path) -> None:
    known = {*addresses(compose).values(), "127.0.0.1", "0.0.0.0", "127.0.0.0", "10.61.0.0"}
    for file in (
        folder / name for name in ("haproxy.cfg", "mirliton.toml", "host1.toml", "host2.toml", "compose.yaml")
    ):
        found = set(re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", file.read_text()))
        assert found <= known, file


@pytest.mark.parametrize("number", [1, 2])
def test_a_host_runs_a_node_of_each_role_with_the_settings_and_secrets_it_is_given(
    compose: dict[str, Any], folder: Path, number: int
) -> None:
    environment = compose["services"][f"mirliton{number}"]["environment"]
    made = programs(load_host(folder / f"host{number}.toml"), environment)
    settings = {program.name: next(arg for arg in program.args if isinstance(arg, Settings)) for program in made}
    assert list(settings) == [f"ecallmgr{number}", f"whapps{number}", f"api{number}"]
    own = addresses(compose)[f"mirliton{number}"]
    for node in settings.values():
        assert [switch.host for switch in node.all_switches] == [
            addresses(compose)[f"freeswitch{each}"] for each in (1, 2)
        ]
        assert node.store.backend == "couchdb"
        assert len(node.amqp.all_uris) == 3
        assert node.leg_records.host == own
    health = folder / "haproxy.cfg"
    for role, name in (("api", f"api{number}"), ("ecallmgr", f"ecallmgr{number}")):
        node = settings[f"{role}{number}"]
        port = node.api.port if role == "api" else node.leg_records.port
        assert f"server {name} {own}:{port} check port {node.metrics.port}" in health.read_text()


def test_the_switches_and_proxies_are_told_all_that_their_files_ask_for(compose: dict[str, Any], root: Path) -> None:
    asked = re.findall(r'data="(\w+)=', (root / "config/freeswitch/mirliton_vars.xml").read_text())
    given = compose["configs"]["freeswitch_vars"]["content"]
    assert re.findall(r'data="(\w+)=', given) == asked
    assert "=$${local_ip_v4}" in given
    words = re.findall(r'^#!substdef "!(\w+)!', (root / "config/kamailio/local.cfg").read_text(), re.MULTILINE)
    for number in (1, 2):
        local = compose["configs"][f"kamailio{number}"]["content"]
        assert re.findall(r'^#!substdef "!(\w+)!', local, re.MULTILINE) == words
        assert f"!MY_ADDRESS!{addresses(compose)[f'kamailio{number}']}:5060!" in local
    # Who steers the switches, and who may call through them without a password.
    acl = compose["configs"]["freeswitch_acl"]["content"]
    for name in ("kamailio1", "kamailio2"):
        assert f'"{addresses(compose)[name]}/32"' in acl
    (control,) = re.findall(r'data="mirliton_control=([^"]*)"', given)
    for name in ("mirliton1", "mirliton2"):
        assert f"{addresses(compose)[name]}/32" in control.split(",")


def test_the_brokers_users_and_virtual_hosts_are_those_of_the_settings(compose: dict[str, Any], folder: Path) -> None:
    definitions = json.loads(compose["configs"]["rabbit_definitions"]["content"])
    hosts = {each["name"] for each in definitions["vhosts"]}
    environment = compose["services"]["mirliton1"]["environment"]
    for uri in (environment["MIRLITON_AMQP_URI"] + " " + environment["MIRLITON_EDGE_AMQP_URI"]).split():
        user, address, host = re.fullmatch(r"amqp://(\w+):\w+@([\d.]+):5672/(\w+)", uri).groups()  # type: ignore[union-attr]
        assert (user, host in hosts) == ("mirliton", True)
        assert address in addresses(compose).values()
    assert "event_exchange.vhost = nodes" in (folder / "rabbitmq.conf").read_text()
    assert (folder / "enabled_plugins").read_text() == "[rabbitmq_event_exchange].\n"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed")
def test_haproxy_takes_its_file(folder: Path) -> None:
    done = run("haproxy", "-c", "-f", str(folder / "haproxy.cfg"))
    assert (done.returncode, "ALERT" in done.stderr, "WARNING" in done.stderr) == (0, False, False), done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_unit_with_the_hosts_secrets(folder: Path, root: Path, tmp_path: Path) -> None:
    unit = (root / "config/systemd/mirliton.service").read_text()
    # What they would start is not installed here, and nothing is to be said of that.
    unit = re.sub(r"^(Exec\w+)=\S+", r"\1=/bin/true", unit, flags=re.MULTILINE)
    (tmp_path / "mirliton.service").write_text(unit)
    shutil.copytree(folder / "mirliton.service.d", tmp_path / "mirliton.service.d")
    done = run("systemd-analyze", "verify", "--man=no", str(tmp_path / "mirliton.service"))
    assert "mirliton.service" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr


def test_the_files_are_in_the_package(root: Path, folder: Path) -> None:
    patterns = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    kept = {path for pattern in patterns["mirliton.config"] for path in (root / "config").glob(pattern)}
    assert {path for path in folder.rglob("*") if path.is_file()} <= kept
