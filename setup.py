"""What pyproject.toml cannot say: with MIRLITON_COMPILED=1 the message path of the runtime is compiled.

    MIRLITON_COMPILED=1 pip install .

needs a C compiler; mypyc makes extension modules of the modules below, which otherwise run as they are. The sources are
the same, and so is what they do: the tests run on both forms (`make test-compiled`).
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from setuptools import setup

MODULES = (
    "calls",
    "cell",
    "envelopes",
    "handler_turn",
    "place",
    "post",
    "registry",
    "saved_mail",
    "scheduler",
    "script_turn",
    "serving",
    "signals",
    "spawning",
    "tasks",
    "timers",
    "waits",
)
"""The way of a message, and nothing that stands beside it: what subclasses Thespian's Actor cannot be compiled."""

ROOT = Path(__file__).resolve().parent
TREE = ROOT / "build" / "compiling"
"""mypyc names a module after its path: there the sources stand under the name they are imported by."""


IS_ASKED_FOR = os.environ.get("MIRLITON_COMPILED", "0") not in ("", "0")


def extensions() -> list[Any]:
    """The extension modules, if they are asked for."""
    if not IS_ASKED_FOR or find_spec("mypyc") is None:
        # pip runs this once to hear that mypy is required, and then again with it; nothing else goes on without it.
        return []
    from mypyc.build import mypycify

    package = TREE / "mirliton" / "runtime"
    package.parent.mkdir(parents=True, exist_ok=True)
    if not package.is_symlink():
        package.symlink_to(ROOT / "runtime", target_is_directory=True)
    os.environ["MYPYPATH"] = str(TREE)
    return mypycify(
        [
            "--config-file=",  # the strict checks are `make check`'s, which has everything installed that they need
            "--namespace-packages",
            "--explicit-package-bases",
            "--ignore-missing-imports",
            "--follow-imports=silent",
            *(f"build/compiling/mirliton/runtime/{module}.py" for module in MODULES),
        ],
        opt_level="2",
        group_name="mirliton.runtime.compiled",
        target_dir=str(ROOT / "build" / "compiling" / "c"),
    )


os.chdir(ROOT)
setup(ext_modules=extensions(), setup_requires=["mypy>=1.13"] if IS_ASKED_FOR else [])
