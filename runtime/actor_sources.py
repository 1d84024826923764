"""Actor classes loaded from zip files at run time (Thespian's loadActorSource).

A file is identified by the hash of its contents and must be approved by the source authority, an actor that the
program has registered. What is approved is announced to whoever asked for it. Import of its modules is Thespian's own.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thespian.actors import (
    Actor,
    InvalidActorSourceHash,
    LoadedSource,
    UnloadedSource,
    ValidatedSource,
    ValidateSource,
)
from thespian.system.sourceLoader import SourceHashFinder, loadModuleFromHashSource

from mirliton.runtime.hosted import Endpoint

if TYPE_CHECKING:
    from mirliton.runtime.addresses import Address
    from mirliton.runtime.node import Node


class ActorSources:
    """The sources of one actor system. Used on the node's loop."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._zips: dict[str, bytes] = {}
        self._listeners: list[Address] = []
        self.authority: Address | None = None
        """Who validates; without one nothing is ever valid."""
        self._desk = Desk(node, self).cell
        """Where the authority answers to."""

    def load(self, file: Any) -> str:
        """Hand a zip file (a path, or what has `read`) to the authority. Its hash, valid or not."""
        data: bytes = file.read() if hasattr(file, "read") else Path(file).read_bytes()
        source = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if self.authority is not None:
            self._node.send(self.authority, ValidateSource(source, data), self._desk)
        return source

    def validated(self, answer: ValidatedSource) -> None:
        """The authority has spoken."""
        if answer.sourceZip is None:
            self._node.log.warning("actor_source_rejected", source=answer.sourceHash)
            return
        try:
            SourceHashFinder(answer.sourceHash, lambda data: data, answer.sourceZip).getZipNames()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a zip, it is not loaded
            self._node.log.error("actor_source_corrupt", source=answer.sourceHash, error=repr(error))
            return
        self._zips[answer.sourceHash] = answer.sourceZip
        self._announce(LoadedSource(answer.sourceHash, answer.sourceInfo or ""))

    def unload(self, source: str) -> None:
        """Forget a source and its modules. Actors of its classes live on."""
        if self._zips.pop(source, None) is not None:
            self._announce(UnloadedSource(source, ""))
        for finder in [finder for finder in sys.meta_path if getattr(finder, "srcHash", None) == source]:
            root = finder.hashRoot()  # type: ignore[attr-defined] # it is one of Thespian's
            for module in [name for name in sys.modules if name.startswith(root)]:
                del sys.modules[module]
            sys.meta_path.remove(finder)

    def unload_all(self) -> None:
        for source in list(self._zips):
            self.unload(source)

    def loader(self, source: str) -> Callable[[str, str], type[Actor]]:
        """What finds a class by module and name in a source. Raises InvalidActorSourceHash."""
        if source not in self._zips:
            raise InvalidActorSourceHash(source)
        found: Callable[[str, str], type[Actor]] = partial(loadModuleFromHashSource, source, self._zips)
        return found

    def notify(self, address: Address, enable: bool) -> None:
        """Tell `address` of every source that is loaded, and of those to come; or stop."""
        self._listeners = [known for known in self._listeners if known != address]
        if enable:
            self._listeners.append(address)
            for source in self._zips:
                self._node.send(address, LoadedSource(source, ""), self._desk)

    def _announce(self, news: LoadedSource | UnloadedSource) -> None:
        self._listeners = [address for address in self._listeners if self._node.find(address) is not None]
        for address in self._listeners:
            self._node.send(address, news, self._desk)


class Desk(Endpoint):
    """The actor system, as the authority sees it."""

    def __init__(self, node: Node, sources: ActorSources) -> None:
        super().__init__(node)
        self.sources = sources

    def receiveMessage(self, message: Any, sender: Any) -> None:
        if isinstance(message, ValidatedSource):
            self.sources.validated(message)
