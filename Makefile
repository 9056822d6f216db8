# Everything that one does here. `make` alone says what there is.
#
# Needs make and a Python of at least 3.11; all else goes into .venvs/<version>. Another interpreter: make test PYTHON=python3.13
# A second run installs only what has changed.

.DEFAULT_GOAL := help
SHELL := /bin/sh

# The first of these that runs and is new enough; `false` when there is none, and then `venv` says what is missing.
CANDIDATES := python3 python3.13 python3.12 python3.11 python
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(CANDIDATES); do if $$p -c '$(NEW_ENOUGH)' 2>/dev/null; then echo $$p; exit; fi; done; echo false)
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo none)

VENV := .venvs/$(VERSION)
BIN := $(VENV)/bin
RUN := $(BIN)/python -m
# -I: a folder called pip or hatchling in the checkout is not taken for the tool.
PIP := $(BIN)/python -I -m pip --disable-pip-version-check --quiet
# Two at once: the tests wait more than they compute. JOBS=0 runs them in one process, for a debugger.
JOBS ?= 2
# Passed on: make study ARGS="--clock real", make test ARGS="-k house".
ARGS ?=

STUDY_READY := $(VENV)/.ready-study
TEST_READY := $(VENV)/.ready-test

.PHONY: help install study test quick gates lint types format reference bench lock package servers clean distclean

help: ## say what there is
	@echo "make TARGET [PYTHON=python3.13] [ARGS=\"...\"]"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1 \2/p' $(MAKEFILE_LIST) | awk '{ t = $$1; $$1 = ""; printf "  %-10s%s\n", t, $$0 }'

install: $(TEST_READY) ## make the virtual environment with all that work on the project needs
	@:

study: $(STUDY_READY) ## the main job: run all scenarios, judge the traces, answer the hypotheses
	@$(RUN) spanproof study $(ARGS)

test: $(TEST_READY) ## all tests
	@$(RUN) pytest -n $(JOBS) --dist loadgroup $(ARGS)

quick: $(TEST_READY) ## the tests that take no real time
	@$(RUN) pytest -n $(JOBS) --dist loadgroup -m "not slow and not realtime" $(ARGS)

gates: lint types ## what must be green before a change is handed in: lint, types, tests with branch coverage
	@$(MAKE) --no-print-directory test PYTHON="$(PYTHON)" ARGS="--cov --cov-report=term $(ARGS)"

lint: $(TEST_READY) ## ruff: format and rules
	@$(RUN) ruff format --check --quiet . || { echo "not formatted; make format does it"; exit 1; }
	@$(RUN) ruff check .

types: $(TEST_READY) ## mypy strict and pyright strict
	@$(RUN) mypy
	@$(RUN) pyright --pythonpath $(BIN)/python

format: $(TEST_READY) ## let ruff format, and mend what it can mend safely
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

reference: $(TEST_READY) ## write the generated pages of docs/reference/ anew
	@$(RUN) spanproof.cli.reference > docs/reference/.new && mv docs/reference/.new docs/reference/command-line.md
	@$(RUN) spanproof.analyzers.schema_docs docs/reference/tables.md
	@$(RUN) spanproof.analyzers.criteria_docs docs/reference/criteria README.md

bench: $(TEST_READY) ## measure the recorder and the reader
	@for b in recorder sink soak judge; do echo "== $$b"; $(BIN)/python "benchmarks/$$b.py" $(ARGS) || exit 1; done

servers: $(TEST_READY) ## build the servers that tests run against (Go; once, into the user's cache folder)
	@$(RUN) tests.servers.cache

package: $(TEST_READY) ## build wheel and sdist into dist/
	@rm -rf dist && $(RUN) build --no-isolation .

lock: ## renew requirements/*.lock from pyproject.toml (the only target that asks for newer versions)
	@PYTHON="$(PYTHON)" requirements/refresh

clean: ## remove caches and builds
	rm -rf build dist htmlcov .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name .venvs -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove the virtual environments too
	rm -rf .venvs

# The virtual environment. A half-made one is removed, so that the next run starts afresh.
$(BIN)/python:
	@if [ "$(VERSION)" = none ] || ! $(PYTHON) -c '$(NEW_ENOUGH)'; then \
	  echo "Spanproof needs Python 3.11 or newer; looked for: $(if $(filter false,$(PYTHON)),$(CANDIDATES),$(PYTHON))." >&2; \
	  echo "Install one, or name it: make $(or $(firstword $(MAKECMDGOALS)),test) PYTHON=/path/to/python3.13" >&2; exit 1; fi
	@echo "making $(VENV) with $(PYTHON)" >&2
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

# Exactly the locked versions, by hash; then the project itself, editable and without asking for anything else.
$(STUDY_READY): requirements/runtime.lock pyproject.toml | $(BIN)/python
	@echo "installing what is locked in requirements/runtime.lock" >&2
	@$(PIP) install --require-hashes --no-deps --requirement requirements/runtime.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(TEST_READY): requirements/dev.lock $(STUDY_READY)
	@echo "installing what is locked in requirements/dev.lock" >&2
	@$(PIP) install --require-hashes --no-deps --requirement requirements/dev.lock
	@touch $@
