"""The key of a store that is a file, in a file beside it that only its owner reads; made when there is none."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
from pathlib import Path

from mirliton.actors.store.sealing import Keyring


def beside(store: Path) -> Path:
    """Where the key of the store in this file is."""
    return store.with_name(f"{store.name}.keys")


def kept_keyring(path: Path) -> Keyring:
    """The keys in the file; with a new one where there is none. Raises OSError, ValueError for a file that holds none.

    Of several nodes that start at once one makes it.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"k1:{base64.urlsafe_b64encode(secrets.token_bytes(48)).decode()}\n")
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(made, path)
        finally:
            made.unlink(missing_ok=True)
    return Keyring(path.read_text())
