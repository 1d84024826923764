# All set-up and every check goes through this file; `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPILED_TESTS ?= tests/runtime tests/supervisors
# A file's tests stay in one process, so what they share is started once; 0 runs all in one.
WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist loadfile
DURATION ?= 600
RATE ?= 100
SEED ?= 1
FOLDERS := runtime supervisors actors ecallmgr whapps api config

.PHONY: help setup services run test check format docs bench compiled test-compiled chaos trial conformance clean
.DEFAULT_GOAL := help

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.ready: pyproject.toml
	@command -v $(PYTHON) > /dev/null || { echo "Mirliton needs Python 3.11 or later, and there is no $(PYTHON). On Debian: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Mirliton needs Python 3.11 or later; $(PYTHON) is older. Try: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { echo "$(PYTHON) cannot make a virtual environment. On Debian: apt-get install python3-venv"; exit 1; }
	@{ test -f $(VENV)/pyvenv.cfg && $(BIN)/python -m pip --version; } > /dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

setup: $(VENV)/.ready  ## Make .venv/ with Mirliton and what its tests need

run: setup  ## Start one node with embedded defaults and show a call going through
	@$(BIN)/mirliton run

services: setup  ## Install the servers that tests talk to, where this machine lets us
	@$(BIN)/python tests/support/services.py

test: check services  ## Format, lint, types, layering and all tests
	$(PYTEST)
	@if command -v $${CC:-cc} > /dev/null; then $(MAKE) --no-print-directory test-compiled COMPILED_TESTS=tests/runtime; \
	else echo "The compiled form was not tested: there is no C compiler ($${CC:-cc})."; fi

check: setup  ## Format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@mkdir -p build/tree/mirliton
	@for folder in $(FOLDERS); do ln -sfn ../../../$$folder build/tree/mirliton/$$folder; done
	$(BIN)/mypy -p mirliton

format: setup  ## Rewrite the sources in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup  ## Build the documentation into build/docs
	$(BIN)/sphinx-build -q -W --keep-going -d build/doctrees docs build/docs

compiled: setup  ## Build the runtime with its message path compiled, into build/compiled (needs a C compiler)
	@rm -rf build/compiled
	MIRLITON_COMPILED=1 $(BIN)/python setup.py -q build --build-lib build/compiled --build-temp build/compiling/o
	@echo "To use it: PYTHONPATH=build/compiled"

test-compiled: compiled  ## Run the tests of runtime/ and supervisors/ on the compiled form
	PYTHONPATH=build/compiled MIRLITON_FORM=compiled $(PYTEST) $(COMPILED_TESTS)

bench: setup  ## Print the benchmark table
	$(BIN)/python -m tests.bench

chaos: setup  ## Kill a thousand actors under two hundred calls
	$(BIN)/python -m pytest tests/chaos tests/test_a_call.py tests/runtime/transport/test_fuzz.py -m chaos

trial: setup services  ## Five nodes under calls, something killed every 3 s (DURATION=600 RATE=100 SEED=1)
	PYTHONPATH=tests/support $(BIN)/python -m trial --duration $(DURATION) --rate $(RATE) --seed $(SEED)

conformance: setup  ## Run Thespian's own suite on our system base (some eight minutes)
	PYTHONPATH=tests/conformance $(BIN)/python -m pytest -p thespian_on_mirliton --pyargs thespian.test -k mirlitonBase --timeout 120

clean:  ## Remove what setup and the tests made
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
