"""The settings themselves: defaults of `make run`, Kazoo's where they are Kazoo's, and the example file."""

import json
import re
import tomllib
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest

from mirliton.config import Secret, Settings, SimulatorSettings, SwitchSettings, describe, load
from mirliton.config.consistency import inconsistencies
from mirliton.config.settings import Bounds
from mirliton.config.values import coerce


def test_the_defaults_are_those_of_make_run() -> None:
    settings = Settings()
    assert (settings.api.host, settings.api.port) == ("127.0.0.1", 8000)
    assert (settings.metrics.host, settings.metrics.port) == ("127.0.0.1", 9464)
    assert (settings.leg_records.host, settings.leg_records.port) == ("127.0.0.1", 8022)
    assert settings.control_socket == Path("var/control.sock")
    assert settings.store_path == Path("var/mirliton.db")
    assert [(each.name, each.host, each.port) for each in settings.all_switches] == [("simulated", "127.0.0.1", 8021)]
    assert not settings.chaos.enabled
    assert not settings.control.allow_replace_state


def test_the_defaults_hold_together() -> None:
    assert inconsistencies(Settings(), "defaults") == ()


@pytest.mark.parametrize(
    "section", [each for each in fields(Settings) if each.name != "switches"], ids=lambda f: f.name
)
def test_each_default_is_within_its_own_bounds(section) -> None:  # type: ignore[no-untyped-def]  # a Field
    made = section.default_factory()
    hints = get_type_hints(type(made))
    for each in fields(made):
        value = getattr(made, each.name)
        plain = value.reveal() if isinstance(value, Secret) else str(value) if isinstance(value, Path) else value
        assert coerce(plain, hints[each.name], each.metadata.get("bounds", Bounds())) == value


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().api.port = 1  # type: ignore[misc]  # what the test is about


def test_absolute_paths_stay_where_they_are() -> None:
    settings = load(
        environment={
            "MIRLITON_NODE_STATE_DIR": "/srv/m",
            "MIRLITON_STORE_PATH": "/data/m.db",
            "MIRLITON_CONTROL_SOCKET": "run/c.sock",
        }
    )
    assert settings.store_path == Path("/data/m.db")
    assert settings.control_socket == Path("/srv/m/run/c.sock")


def test_without_the_simulator_only_the_configured_switches_remain() -> None:
    switch = SwitchSettings("fs1", "192.0.2.1", 8021, Secret("x"))
    both = Settings(switches=(switch,))
    assert [each.name for each in both.all_switches] == ["fs1", "simulated"]
    real = Settings(switches=(switch,), simulator=SimulatorSettings(enabled=False))
    assert real.all_switches == (switch,)


def test_kazoos_settings_have_kazoos_defaults(reference: Path) -> None:
    schema = json.loads((reference / "kazoo-schemas" / "system_config.ecallmgr.json").read_text())
    kazoo = {key: value.get("default") for key, value in schema["properties"].items()}
    ours = describe(Settings().ecallmgr)
    in_milliseconds = {
        "node_down_grace_period": "node_down_grace_period",
        "max_timeout_for_node_restart": "max_timeout_for_node_restart",
        "max_channel_cleanup_timeout": "max_channel_cleanup_timeout_ms",
        "user_cache_time": "user_cache_time_in_ms",
        "fetch_timeout": "fetch_timeout",
    }
    renamed = {"max_channel_uptime": "max_channel_uptime_s"}
    for key in set(ours) - {"sip_interface"}:
        if key in in_milliseconds:
            assert ours[key] * 1000 == kazoo[in_milliseconds[key]], key
        else:
            assert ours[key] == kazoo[renamed.get(key, key)], key


# The example file


@pytest.fixture
def example(root: Path) -> Path:
    return root / "config" / "mirliton.toml"


def test_the_example_file_gives_the_defaults(example: Path) -> None:
    assert load(example, environment={}) == Settings()


def test_the_example_file_holds_every_setting(example: Path) -> None:
    shown = tomllib.loads(example.read_text(encoding="utf-8"))
    expected = describe(Settings())
    assert expected.pop("switches") == []
    assert {name: set(section) for name, section in shown.items()} == {
        name: set(section) for name, section in expected.items()
    }


def test_the_example_file_shows_a_switch_with_every_setting_of_one(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    block = text[text.index("# [[switches]]") :].split("\n\n")[0]
    (switch,) = tomllib.loads(re.sub(r"^# ?", "", block, flags=re.MULTILINE))["switches"]
    assert set(switch) == {each.name for each in fields(SwitchSettings)}
    assert switch["port"] == SwitchSettings("x").port


def test_bounds_in_the_example_file_are_the_true_ones(example: Path) -> None:
    """A comment like `# 1 to 600` behind a number states that setting's bounds."""
    stated = 0
    section = ""
    for line in example.read_text(encoding="utf-8").splitlines():
        if head := re.match(r"\[(\w+)\]", line):
            section = head[1]
        found = re.match(r"(\w+) = [0-9.]+ +# (?:[^#]*, )?([0-9.]+) to ([0-9.]+)(?![ 0-9]*[KM]iB)", line)
        if not found:
            continue
        key = found[1]
        (each,) = (each for each in fields(getattr(Settings(), section)) if each.name == key)
        bounds = each.metadata["bounds"]
        assert (bounds.low, bounds.high) == (float(found[2]), float(found[3])), key
        stated += 1
    assert stated > 20


def test_every_section_says_what_it_is_for() -> None:
    for each in fields(Settings):
        made = getattr(Settings(), each.name)
        if is_dataclass(made):
            assert type(made).__doc__
            assert "(" not in type(made).__doc__.split("\n")[0].split(" ")[0], "a dataclass's own signature"
