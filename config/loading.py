"""From a TOML file and the environment to `Settings`, or to one error that lists everything that is wrong.

    settings = load(Path("mirliton.toml"))

A file's tables are the sections, its keys the settings; switches are an array of tables (`[[switches]]`). An
environment variable `MIRLITON_<SECTION>_<KEY>` overrides the file (`MIRLITON_API_PORT=8001`); for a switch the
index stands between (`MIRLITON_SWITCHES_0_PASSWORD`), and the next free index adds one. Nothing is guessed: an
unknown section, key or variable is an error with the closest known name.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any, Final, get_type_hints

from mirliton.config.consistency import inconsistencies
from mirliton.config.errors import SettingProblem, SettingsError, nearest
from mirliton.config.settings import Bounds, Settings, SwitchSettings
from mirliton.config.values import Unusable, coerce, parse, shown

PREFIX: Final = "MIRLITON_"
FILE_VARIABLE: Final = "MIRLITON_CONFIG"
_NO_SETTINGS: Final = "MIRLITON_NODE_SUPERVISOR_"
"""Variables by which the node supervisor talks to itself over a reload."""
DEFAULT_FILE: Final = Path("mirliton.toml")
MAX_FILE: Final = 1024 * 1024
MAX_SWITCHES: Final = 256


@dataclass(frozen=True, slots=True)
class _Found:
    """One value on its way in: where it was read and what is there (text from the environment, else TOML)."""

    source: str
    value: Any
    textual: bool


_Section = dict[str, _Found]


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings from `path` and `environment` (the process's own by default).

    Without a `path` the file is the one that MIRLITON_CONFIG names, else `mirliton.toml` in the working
    directory if there is one, else none: the defaults. A file that was named must exist. Raises `SettingsError`
    with all problems at once. Reads nothing but that file and changes nothing.
    """
    variables = os.environ if environment is None else environment
    problems: list[SettingProblem] = []
    sections: dict[str, _Section] = {}
    switches: list[_Section] = []
    file = _file(path, variables)
    if file is not None:
        _read_file(file, sections, switches, problems)
    _read_environment(variables, sections, switches, problems)
    settings = _assemble(sections, switches, problems)
    problems += inconsistencies(settings, str(file or "the settings")) if not problems else ()
    if problems:
        raise SettingsError(problems)
    return settings


def _file(path: Path | None, variables: Mapping[str, str]) -> Path | None:
    if path is not None:
        return path
    if named := variables.get(FILE_VARIABLE):
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def _section_types() -> dict[str, type]:
    hints = get_type_hints(Settings)
    return {each.name: hints[each.name] for each in fields(Settings) if each.name != "switches"}


def _keys(section: type) -> list[str]:
    return [each.name for each in fields(section)]


def _read_file(
    file: Path, sections: dict[str, _Section], switches: list[_Section], problems: list[SettingProblem]
) -> None:
    source = str(file)
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            problems.append(SettingProblem(source, "the file", f"must be smaller than {MAX_FILE} bytes"))
            return
        document = tomllib.loads(content.decode())
    except OSError as error:
        problems.append(SettingProblem(source, "the file", f"cannot be read: {error.strerror}"))
        return
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        problems.append(SettingProblem(source, "the file", f"is not TOML: {error}"))
        return
    types = _section_types()
    for name, table in document.items():
        if name == "switches":
            _read_switches(source, table, switches, problems)
        elif name not in types:
            expectation = "is not a section of the settings"
            problems.append(SettingProblem(source, f"[{name}]", expectation, hint=nearest(name, [*types, "switches"])))
        elif not isinstance(table, dict):
            problems.append(SettingProblem(source, name, f"must be a table, [{name}]", shown(table)))
        else:
            sections[name] = _read_table(source, name, types[name], table, problems)


def _read_switches(source: str, tables: object, switches: list[_Section], problems: list[SettingProblem]) -> None:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems.append(SettingProblem(source, "switches", "must be tables, each headed [[switches]]"))
    elif len(tables) > MAX_SWITCHES:
        problems.append(SettingProblem(source, "switches", f"must be at most {MAX_SWITCHES}"))
    else:
        for index, table in enumerate(tables):
            switches.append(_read_table(source, f"switches.{index}", SwitchSettings, table, problems))


def _read_table(
    source: str, name: str, section: type, table: Mapping[str, Any], problems: list[SettingProblem]
) -> _Section:
    known = _keys(section)
    for key in table:
        if key not in known:
            expectation = "is not a setting"
            problems.append(SettingProblem(source, f"{name}.{key}", expectation, hint=_hint(name, key, known)))
    return {key: _Found(source, table[key], textual=False) for key in table if key in known}


def _hint(section: str, key: str, known: list[str]) -> str | None:
    match = nearest(key, known)
    return f"{section}.{match}" if match else None


def _read_environment(
    variables: Mapping[str, str],
    sections: dict[str, _Section],
    switches: list[_Section],
    problems: list[SettingProblem],
) -> None:
    types = _section_types()
    places = {f"{PREFIX}{section}_{key}".upper(): (section, key) for section in types for key in _keys(types[section])}
    of_switches: list[tuple[int, str, str]] = []
    for variable in sorted(variables):
        if not variable.startswith(PREFIX) or variable == FILE_VARIABLE or variable.startswith(_NO_SETTINGS):
            continue
        if variable in places:
            section, key = places[variable]
            sections.setdefault(section, {})[key] = _Found(variable, variables[variable], textual=True)
        elif (place := _switch_place(variable)) is not None:
            of_switches.append((*place, variable))
        else:
            expectation = "is set, but no setting has this variable"
            known = [*places, *(f"{PREFIX}SWITCHES_0_{key}".upper() for key in _keys(SwitchSettings))]
            problems.append(SettingProblem("environment", variable, expectation, hint=nearest(variable, known)))
    for index, key, variable in sorted(of_switches):
        if index > len(switches) or index >= MAX_SWITCHES:
            expectation = f"must use an index of at most {min(len(switches), MAX_SWITCHES - 1)}"
            problems.append(SettingProblem("environment", variable, expectation))
            continue
        if index == len(switches):
            switches.append({})
        switches[index][key] = _Found(variable, variables[variable], textual=True)


def _switch_place(variable: str) -> tuple[int, str] | None:
    index, _, key = variable.removeprefix(f"{PREFIX}SWITCHES_").partition("_")
    if not (variable.startswith(f"{PREFIX}SWITCHES_") and index.isascii() and index.isdigit()):
        return None
    return (int(index[:9]), key.lower()) if key.lower() in _keys(SwitchSettings) else None


def _assemble(sections: Mapping[str, _Section], switches: list[_Section], problems: list[SettingProblem]) -> Settings:
    made: dict[str, Any] = {}
    for name, section in _section_types().items():
        made[name] = section(**dict(_values(name, section, sections.get(name, {}), problems)))
    listed = []
    for index, found in enumerate(switches):
        for key in ("name", "password"):
            if key not in found:
                source = next((each.source for each in found.values()), "the settings")
                problems.append(SettingProblem(source, f"switches.{index}.{key}", "must be given"))
        listed.append(SwitchSettings(**dict(_values(f"switches.{index}", SwitchSettings, found, problems))))
    return Settings(switches=tuple(listed), **made)


def _values(name: str, section: type, found: _Section, problems: list[SettingProblem]) -> Iterator[tuple[str, Any]]:
    hints = get_type_hints(section)
    each: Field[Any]
    for each in fields(section):
        if each.name not in found:
            continue
        given = found[each.name]
        hint, bounds = hints[each.name], each.metadata.get("bounds", Bounds())
        try:
            value = parse(given.value, hint) if given.textual else given.value
            yield each.name, coerce(value, hint, bounds)
        except Unusable as error:
            text = None if error.secret else shown(given.value)
            problems.append(SettingProblem(given.source, f"{name}.{each.name}", error.expectation, text))
