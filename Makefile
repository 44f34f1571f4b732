# Every target sets up what it needs on a fresh machine: Python 3.11 or later and a package index are enough.
# Each set of extras has its own stamp inside .venv, so `make demo` installs the core dependencies alone.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
# Two installations into one environment must not run at once.
.NOTPARALLEL:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= out
# Two --quiet leave errors only: progress bars and mirrors' warnings would bury the one line that matters.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet --no-input

# Pictures are written to files; no target needs a display.
export MPLBACKEND := Agg

.PHONY: help demo test test-all lint docs bench clean venv

help:
	@echo "make demo      build, prove and draw the first example into $(OUT)/"
	@echo "make test      the everyday test suite"
	@echo "make test-all  the same with the slow tests"
	@echo "make lint      ruff and mypy --strict"
	@echo "make docs      the documentation, warnings as errors, into docs/_build/html"
	@echo "make bench     timings against other implementations"
	@echo "make clean     remove everything that make made"

# A stamp is touched last, so an interrupted installation is simply repeated.  `venv --clear` wipes a
# half-made environment, because a broken one cannot be told from a good one by its folder.
$(VENV)/.made:
	@echo "creating $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "constructive needs Python 3.11 or later; pass PYTHON=...")'
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.core: $(VENV)/.made pyproject.toml
	@echo "installing constructive (core dependencies)"
	@$(PIP) install -e .
	@touch $@

$(VENV)/.extra-%: $(VENV)/.core
	@echo "installing constructive[$*]"
	@$(PIP) install -e ".[$*]"
	@touch $@

.PRECIOUS: $(VENV)/.extra-%

venv: $(VENV)/.extra-test $(VENV)/.extra-lint

demo: $(VENV)/.core
	@$(BIN)/python -m constructive demo --out $(OUT)

# In several processes: much of a test is Python, which threads do not share. Four, for each compiles its kernels.
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

test: $(VENV)/.extra-test
	@$(PYTEST)

test-all: $(VENV)/.extra-test
	@$(PYTEST) -m "slow or not slow"

lint: $(VENV)/.extra-test $(VENV)/.extra-lint
	@$(BIN)/ruff check .
	@$(BIN)/mypy

docs: $(VENV)/.extra-docs
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: $(VENV)/.extra-bench
	@$(BIN)/python -m pytest benchmarks --benchmark-only -m "slow or not slow"

clean:
	rm -rf $(VENV) $(OUT) docs/_build docs/_generated docs/gallery docs/sg_execution_times.rst demos/out build dist \
	  .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find constructive tests demos docs benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
