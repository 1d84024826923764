"""Trees and child specs from the JSON of a file, broken ones included."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from mirliton.runtime import Name
from mirliton.supervisors.replay.terms import decode, local_name
from mirliton.supervisors.replay.world import child_path, world_of
from mirliton.supervisors.specs import ChildSpec, StartSpec
from mirliton.supervisors.tree import Tree

_PLAIN: Final = ("restart", "significant", "type", "modules")
_FLAGS: Final = ("strategy", "intensity", "period", "auto_shutdown")


class Starters(NamedTuple):
    """The classes that child specs start."""

    worker: type
    supervisor: type
    dynamic: type


def supervisor_name(entry: dict[str, Any]) -> Name | None:
    return local_name(entry["name"]) if "name" in entry else None


def tree_from(entry: dict[str, Any], key: int, path: str, starters: Starters) -> Tree:
    """The tree of the supervisor at `path`; absent keys are OTP's defaults."""
    flags = {flag: entry[flag] for flag in _FLAGS if flag in entry}
    flags.setdefault("strategy", "one_for_one")
    children = entry.get("children", [])
    if flags["strategy"] == "simple_one_for_one":
        specs = [_spec(child, StartSpec(starters.dynamic, (key, path), {}, "begin")) for child in children]
    else:
        specs = [spec_from(child, key, path, starters) for child in children]
    return Tree(children=specs, name=supervisor_name(entry), **flags)


def spec_from(child: dict[str, Any], key: int, parent: str, starters: Starters) -> Any:
    """A child spec as a mapping (OTP's map form): only that can lack an id or a start. Notes the tree below it."""
    if "raw" in child:
        return decode(child["raw"])
    if "id" not in child:
        return _spec(child, StartSpec(starters.worker, (key, parent, child), {}, "begin"))
    path = child_path(parent, child["id"])
    if "sup" in child:
        world_of(key).trees[path] = child["sup"]
        spec = _spec(child, StartSpec(starters.supervisor, (key, path)))
        return spec | {"name": supervisor_name(child["sup"])}
    return _spec(child, StartSpec(starters.worker, (key, path, child), {}, "begin"))


def _spec(child: dict[str, Any], start: StartSpec) -> dict[str, Any]:
    spec: dict[str, Any] = {field: child[field] for field in _PLAIN if field in child}
    if "id" in child:
        spec["id"] = decode(child["id"])
    if not child.get("no_start"):
        spec["start"] = child.get("start", start)
    if "shutdown" in child:
        shutdown = child["shutdown"]
        spec["shutdown"] = shutdown / 1000 if isinstance(shutdown, int | float) else shutdown
    return spec


def spec_as_file(spec: ChildSpec, term: Any) -> dict[str, Any]:
    """A child spec as the file shows what get_childspec answered."""
    grace = spec.grace
    return {
        "id": term(spec.id),
        "restart": spec.restart,
        "shutdown": round(grace * 1000) if isinstance(grace, int | float) else grace,
        "significant": spec.significant,
        "type": spec.type,
        "modules": "default" if spec.modules is None else list(spec.modules),
        "args": "kept" if spec.start is not None and spec.start.args is not None else "dropped",
    }
