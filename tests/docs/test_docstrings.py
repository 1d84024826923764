"""The example that opens a behaviour's module is a whole program: it runs, and what it claims holds."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import mirliton.runtime
import mirliton.supervisors
from doc_examples import program_of, run_program

MODULES = [
    found.name
    for package in (mirliton.runtime, mirliton.supervisors)
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    if not found.name.endswith("__main__")
]
PROGRAMS = [name for name in MODULES if "asyncio.run(" in program_of(importlib.import_module(name))]
BEHAVIOURS = {
    "mirliton.runtime.gen_server",
    "mirliton.runtime.coroutine_process",
    "mirliton.runtime.gen_statem",
    "mirliton.runtime.gen_event",
    "mirliton.runtime.key_registry",
    "mirliton.runtime.state_holder",
    "mirliton.supervisors.supervisor",
    "mirliton.supervisors.task",
    "mirliton.supervisors.task_supervisor",
    "mirliton.supervisors.task_stream",
    "mirliton.supervisors.partition_supervisor",
    "mirliton.supervisors.application",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_example_of_a_module_runs(name: str) -> None:
    run_program(importlib.import_module(name))


def test_every_behaviour_has_one() -> None:
    assert set(PROGRAMS) >= BEHAVIOURS
