"""Loading a version of an application's modules beside those that run.

The import system knows one module of a name. While the new ones are imported the old ones stand aside, and come back
before anything else runs (the whole of it is one synchronous step on the loop's thread): an import that fails leaves no
trace but what the module's own code did elsewhere.
"""

from __future__ import annotations

import importlib
import linecache
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

from mirliton.runtime import codec, messages
from mirliton.supervisors.errors import UpgradeFailed

RESERVED: Final = ("mirliton.runtime", "mirliton.supervisors")
"""What runs the upgrade cannot be upgraded by it."""

Belongs = Callable[[str], bool]


def belonging(prefixes: Sequence[str]) -> Belongs:
    """Whether a module is one of these or below one of them."""
    below = tuple(f"{prefix}." for prefix in prefixes)
    return lambda name: name in prefixes or name.startswith(below)


class Version:
    """The modules of one version and what they registered, in force or standing aside."""

    def __init__(
        self,
        modules: Mapping[str, ModuleType],
        parents: Mapping[tuple[str, str], ModuleType],
        types: Sequence[messages.MessageType],
        process_classes: Mapping[str, type],
    ) -> None:
        self.modules = modules
        self.parents = parents
        """What stands under which name in packages outside: (package, attribute) to module."""
        self.types = types
        self.process_classes = process_classes

    @classmethod
    def in_force(cls, belongs: Belongs) -> Version:
        """The version that is in force now."""
        modules = {name: module for name, module in sys.modules.items() if belongs(name)}
        parents = {}
        for name, module in modules.items():
            package, _, attribute = name.rpartition(".")
            if package and not belongs(package) and getattr(sys.modules.get(package), attribute, None) is module:
                parents[package, attribute] = module
        return cls(modules, parents, messages.types_in(belongs), codec.process_classes_in(belongs))

    def replace(self, other: Version, *, forget: bool = False) -> None:
        """Put this version in force, in the place of `other`, whose message classes can still be sent unless `forget`.

        `other` must be the one in force. Raises UpgradeFailed, and changes nothing, when a message's tag belongs to
        another package.
        """
        for entry in self.types:
            known = messages.registered().get(entry.tag)
            if known is not None and all(known is not old.cls for old in other.types):
                where = f"{known.__module__}.{known.__qualname__}"
                raise UpgradeFailed("load", entry.tag, f"the message tag belongs to {where}")
        for name in other.modules:
            sys.modules.pop(name, None)
        sys.modules.update(self.modules)
        for package, attribute in other.parents:
            if (package, attribute) not in self.parents:
                vars(sys.modules[package]).pop(attribute, None)
        for (package, attribute), module in self.parents.items():
            setattr(sys.modules[package], attribute, module)
        messages.exchange(other.types, self.types, forget=forget)
        codec.exchange_process_classes(other.process_classes, self.process_classes)


def load(prefixes: Sequence[str], entry: str, path: Path | None) -> Version:
    """Import the modules of the application anew; those in force stay in force.

    All that are imported now and still exist, and `entry`. `path` is a folder as `pip install --target` makes it; None
    means wherever Python finds the package. Raises UpgradeFailed, also when a module ends the program or is an
    extension module (a process can load one only once).
    """
    for prefix in prefixes:
        if any(belonging([prefix])(name) or belonging([name])(prefix) for name in RESERVED):
            raise UpgradeFailed("load", prefix, f"{', '.join(RESERVED)} cannot be upgraded in a running node")
    belongs = belonging(prefixes)
    running = Version.in_force(belongs)
    nothing = Version({}, {}, (), {})
    nothing.replace(running, forget=True)
    finder = _Finder(belongs, prefixes, path)
    sys.meta_path.insert(0, finder)
    importlib.invalidate_caches()
    linecache.checkcache()
    try:
        _import_all([*prefixes, entry], running.modules)
        return Version.in_force(belongs)
    finally:
        sys.meta_path.remove(finder)
        running.replace(Version.in_force(belongs), forget=True)


def _import_all(wanted: Iterable[str], running: Iterable[str]) -> None:
    for name in wanted:
        _import(name)
    for name in running:
        try:
            _import(name)
        except UpgradeFailed as failed:
            gone = failed.__cause__
            if not (isinstance(gone, ModuleNotFoundError) and gone.name and belonging([gone.name])(name)):
                raise  # else: the new version has no such module


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise UpgradeFailed("load", _culprit(error, name), f"{type(error).__name__}: {error}") from error


def _culprit(error: BaseException, name: str) -> str:
    """The module whose own code failed, of those that were being imported."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename
    traceback = error.__traceback__
    while traceback is not None:
        spec = traceback.tb_frame.f_globals.get("__spec__")
        if isinstance(spec, ModuleSpec) and isinstance(spec.loader, _Fresh):
            name = spec.name
        traceback = traceback.tb_next
    return name


class _Fresh(SourceFileLoader):
    """Compiles the source as it is now: the cache tells two versions apart by second and size only."""

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(source), source)
        return code


class _Finder(MetaPathFinder):
    """Finds the application's modules, first in `path` where one is given."""

    def __init__(self, belongs: Belongs, prefixes: Sequence[str], path: Path | None) -> None:
        self._belongs = belongs
        self._prefixes = prefixes
        self._path = path

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self._belongs(fullname):
            return None
        if self._path is not None and fullname in self._prefixes:
            folder = self._path.joinpath(*fullname.split(".")[:-1])
            spec = PathFinder.find_spec(fullname, [str(folder)])
            if spec is None:
                raise ModuleNotFoundError(f"there is no {fullname} in {self._path}", name=fullname)
        else:
            others = (finder for finder in sys.meta_path if finder is not self)
            found = (finder.find_spec(fullname, path, target) for finder in others)
            spec = next((each for each in found if each is not None), None)
        if spec is not None and isinstance(spec.loader, ExtensionFileLoader):
            raise ImportError(f"{fullname} is an extension module, which a process can load only once", name=fullname)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Fresh(fullname, spec.loader.path)
        return spec
