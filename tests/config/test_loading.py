"""Settings come from a file and the environment; what is wrong is said all at once."""

from pathlib import Path

import pytest

from mirliton.config import Secret, Settings, SettingsError, load
from mirliton.config.loading import MAX_FILE


def a_file(folder: Path, text: str) -> Path:
    path = folder / "mirliton.toml"
    path.write_text(text, encoding="utf-8")
    return path


def complaints(path: Path | None = None, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(path, environment or {})
    assert [str(problem) for problem in caught.value.problems] == [
        line.strip() for line in str(caught.value).splitlines()[1:]
    ]
    return [str(problem) for problem in caught.value.problems]


def test_nothing_given_means_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(environment={}) == Settings()
    assert load(environment={"HOME": "/", "MIRLITON": "x"}) == Settings()
    assert (
        load(environment={"MIRLITON_NODE_SUPERVISOR_TRIAL": "1"}) == Settings()
    )  # a reload sets it, and is no setting


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    settings = load(a_file(tmp_path, "[api]\nport = 8001\n[timeouts]\nstore = 2\n"), {})
    assert (settings.api.port, settings.api.host) == (8001, "127.0.0.1")
    assert (settings.timeouts.store, type(settings.timeouts.store)) == (2.0, float)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = a_file(tmp_path, "[api]\nport = 8001\npage_size = 10\n")
    settings = load(path, {"MIRLITON_API_PORT": "8_002"})
    assert (settings.api.port, settings.api.page_size) == (8002, 10)


def test_sections_whose_names_hold_an_underscore_are_found() -> None:
    settings = load(environment={"MIRLITON_LEG_RECORDS_PORT": "0", "MIRLITON_LEG_RECORDS_MAX_BODY": "65536"})
    assert (settings.leg_records.port, settings.leg_records.max_body) == (0, 65536)


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("ON", True), ("1", True), ("no", False), ("False", False), ("0", False)]
)
def test_yes_and_no_in_the_environment(text: str, value: bool) -> None:
    assert load(environment={"MIRLITON_METRICS_ENABLED": text}).metrics.enabled is value


def test_switches_come_from_tables_and_the_environment_completes_them(tmp_path: Path) -> None:
    path = a_file(tmp_path, '[[switches]]\nname = "fs1"\nhost = "192.0.2.1"\n')
    settings = load(
        path,
        {
            "MIRLITON_SWITCHES_0_PASSWORD": "one",
            "MIRLITON_SWITCHES_1_NAME": "fs2",
            "MIRLITON_SWITCHES_1_HOST": "192.0.2.2",
            "MIRLITON_SWITCHES_1_PORT": "8031",
            "MIRLITON_SWITCHES_1_PASSWORD": "two",
        },
    )
    first, second = settings.switches
    assert (first.name, first.host, first.port, first.password) == ("fs1", "192.0.2.1", 8021, Secret("one"))
    assert (second.name, second.host, second.port, second.password) == ("fs2", "192.0.2.2", 8031, Secret("two"))


def test_which_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    a_file(tmp_path, "[api]\nport = 1\n")
    other = tmp_path / "other.toml"
    other.write_text("[api]\nport = 2\n")
    third = tmp_path / "third.toml"
    third.write_text("[api]\nport = 3\n")
    assert load(environment={}).api.port == 1
    assert load(environment={"MIRLITON_CONFIG": str(other)}).api.port == 2
    assert load(third, {"MIRLITON_CONFIG": str(other)}).api.port == 3


def test_everything_wrong_is_said_at_once_with_place_value_and_expectation(tmp_path: Path) -> None:
    path = a_file(
        tmp_path,
        """
        [api]
        prot = 3
        port = "x"
        [apii]
        [logging]
        level = "loud"
        [node]
        shutdown_timeout = 0
        """,
    )
    assert complaints(path, {"MIRLITON_METRICS_ENABLED": "perhaps"}) == [
        f"{path}: api.prot is not a setting (did you mean api.port?)",
        f"{path}: [apii] is not a section of the settings (did you mean api?)",
        f"{path}: node.shutdown_timeout is 0, but must be a number from 1 to 3600 (seconds)",
        f"{path}: api.port is 'x', but must be a whole number from 0 to 65535 (0 takes any free port)",
        "MIRLITON_METRICS_ENABLED: metrics.enabled is 'perhaps', but must be true or false",
        f"{path}: logging.level is 'loud', but must be one of 'debug', 'info', 'warning', 'error'",
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "[api]\nport = 65536",
            "api.port is 65536, but must be a whole number from 0 to 65535 (0 takes any free port)",
        ),
        ("[api]\nport = -1", "api.port is -1"),
        ("[api]\nport = 80.5", "api.port is 80.5, but must be a whole number"),
        ("[api]\nport = true", "api.port is True, but must be a whole number"),
        ("[api]\nhost = 3", "api.host is 3, but must be text in quotes"),
        ('[api]\nhost = ""', "api.host is '', but must be a host name or an IP address"),
        ('[api]\nhost = "a b"', "api.host is 'a b', but must be a host name or an IP address"),
        ('[api]\nhost = "a\\nb"', "api.host is 'a\\nb', but must not hold control characters"),
        ("[api]\nmax_body = 1", "must be a whole number from 1024 to 268435456 (bytes)"),
        ("[timeouts]\ncall = nan", "timeouts.call is nan, but must be a number from 0.1 to 600 (seconds)"),
        ("[timeouts]\ncall = inf", "timeouts.call is inf"),
        ("[timeouts]\ncall = 1979-05-27", "must be a number"),
        ("[metrics]\nenabled = 1", "metrics.enabled is 1, but must be true or false"),
        ('[node]\nname = "a b"', "node.name is 'a b'"),
        ('[node]\nstate_dir = ""', "node.state_dir is '', but must be a path"),
        ('[leg_records]\npath = "x"', "must be a path like /name"),
        ('[leg_records]\nusername = "a:b"', "must not hold a colon"),
        ("api = 3", "api is 3, but must be a table, [api]"),
        ("switches = 3", "switches must be tables, each headed [[switches]]"),
        ("switches = [3]", "switches must be tables, each headed [[switches]]"),
        ("[switches]\nname = 'x'", "switches must be tables, each headed [[switches]]"),
        ("[[switches]]\nhost = 'x'\npassword = 'y'", "switches.0.name must be given"),
        ("[[switches]]\nname = 'x'", "switches.0.password must be given"),
        ("[[switches]]\nname = 'x'\nport = 1\npassword = ''", "switches.0.password must not be empty"),
        ("[[switches]]\nnaem = 'x'\nname = 'x'\npassword = 'y'", "(did you mean switches.0.name?)"),
        ("[[switches]]\nname = 'x'\nport = 0\npassword = 'y'", "switches.0.port is 0"),
    ],
)
def test_each_bad_value_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    found = complaints(a_file(tmp_path, line))
    assert len(found) == 1, found
    assert complaint in found[0]


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        (
            "MIRLITON_API_PROT",
            "1",
            "environment: MIRLITON_API_PROT is set, but no setting has this variable (did you mean MIRLITON_API_PORT?)",
        ),
        ("MIRLITON_API_PORT", "", "MIRLITON_API_PORT: api.port is '', but must be a whole number"),
        ("MIRLITON_API_PORT", "1" * 1000, "must be a whole number"),
        ("MIRLITON_TIMEOUTS_CALL", "soon", "timeouts.call is 'soon', but must be a number"),
        ("MIRLITON_SWITCHES_1_NAME", "x", "MIRLITON_SWITCHES_1_NAME must use an index of at most 0"),
        ("MIRLITON_SWITCHES_999999999999_NAME", "x", "must use an index of at most 0"),
        ("MIRLITON_SWITCHES_٣_NAME", "x", "no setting has this variable"),
        ("MIRLITON_SWITCHES_0_NAEM", "x", "did you mean MIRLITON_SWITCHES_0_NAME?"),
        ("MIRLITON_SWITCHES", "x", "no setting has this variable"),
    ],
)
def test_each_bad_variable_is_named(variable: str, value: str, complaint: str) -> None:
    found = complaints(None, {variable: value})
    assert len(found) == 1, found
    assert complaint in found[0]
    assert len(found[0]) < 300


def test_a_key_full_of_control_characters_stays_on_its_line(tmp_path: Path) -> None:
    (found,) = complaints(a_file(tmp_path, '[api]\n"a\\nb\\u001b[2J" = 1\n'))
    assert found == f"{tmp_path / 'mirliton.toml'}: 'api.a\\nb\\x1b[2J' is not a setting"


def test_no_complaint_shows_a_secret(tmp_path: Path) -> None:
    path = a_file(tmp_path, '[simulator]\npassword = "hunter2\\n"\n[leg_records]\npassword = ["hunter2"]\n')
    environment = {"MIRLITON_SWITCHES_0_PASSWORD": "hunter2\x00", "MIRLITON_SWITCHES_0_NAME": "x"}
    found = complaints(path, environment)
    assert len(found) == 3
    assert "hunter2" not in "\n".join(found)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[api\nport = 1", "is not TOML"),
        (b"[api]\nport = 1\nport = 2", "is not TOML"),
        (b"\xff\xfe", "is not TOML"),
        (b"a = " + b"[" * 100_000, "is not TOML"),
        (b"#" * (MAX_FILE + 1), "must be smaller than"),
    ],
    ids=["syntax", "twice", "encoding", "nesting", "size"],
)
def test_a_file_that_cannot_be_read_gets_one_line(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "mirliton.toml"
    path.write_bytes(content)
    (found,) = complaints(path)
    assert found.startswith(f"{path}: the file ")
    assert complaint in found
    assert len(found.splitlines()) == 1


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    (found,) = complaints(tmp_path / "none.toml")
    assert found.endswith("the file cannot be read: No such file or directory")
    (found,) = complaints(None, {"MIRLITON_CONFIG": str(tmp_path)})
    assert found.endswith("cannot be read: Is a directory")


# Between settings


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[metrics]\nport = 8000", "metrics.port is 8000, but must differ from api.port"),
        ("[leg_records]\nport = 8021", "simulator.port is 8021, but must differ from leg_records.port"),
        ("[api]\nhost = '0.0.0.0'\nport = 9464", "metrics.port is 9464, but must differ from api.port"),
        ("[leg_records]\nhost = '0.0.0.0'", "leg_records.password must be given when"),
        ("[leg_records]\nhost = 'fs.example.com'", "leg_records.password must be given when"),
        ("[store]\npath = 'control.sock'", "store.path is 'control.sock', but must differ from control.socket"),
        ("[store]\npath = '.'", "store.path is '.', but must name a file"),
        ("[store]\nurls = 'http://db:99999'", "store.urls is 'http://db:99999', but must have ports from 1 to 65535"),
        ("[store]\npassword = 'x'", "store.user must be given when store.password is"),
        ("[node]\nstate_dir = '/" + "x" * 120 + "'", "must come to at most 107 bytes as a full path"),
        ("[node]\nstall_timeout = 1\nheartbeat_interval = 1", "must be at least twice node.heartbeat_interval"),
        ("[node]\nslow_handler = 3", "must not be below node.slow_handler"),
        ("[timeouts]\nswitch_reconnect_first = 60", "must not exceed timeouts.switch_reconnect_most"),
        (
            "[[switches]]\nname = 'x'\npassword = 'y'",
            "switches.0 is 127.0.0.1:8021, but must not be the address of simulated too (set simulator.enabled",
        ),
        (
            "[[switches]]\nname = 'simulated'\nport = 1\npassword = 'y'",
            "switches.0.name is 'simulated', but must be different for each switch",
        ),
    ],
)
def test_settings_must_fit_together(tmp_path: Path, text: str, complaint: str) -> None:
    found = complaints(a_file(tmp_path, text))
    assert len(found) == 1, found
    assert complaint in found[0]


@pytest.mark.parametrize(
    "text",
    [
        "[metrics]\nport = 8000\nenabled = false",
        "[metrics]\nport = 8000\nhost = '127.0.0.2'",
        "[api]\nport = 0\n[metrics]\nport = 0",
        "[leg_records]\nhost = '::1'",
        "[leg_records]\nhost = '0.0.0.0'\npassword = 'x'",
        "[simulator]\nenabled = false\n[[switches]]\nname = 'x'\npassword = 'y'",
    ],
)
def test_settings_that_do_fit_together(tmp_path: Path, text: str) -> None:
    assert isinstance(load(a_file(tmp_path, text), {}), Settings)
