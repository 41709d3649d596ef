# Everything runs in .venv, which is created from the hash-locked files in requirements/.
# PYTHON=python3.12 make demo   uses another Python than the first python3 (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
SEED ?=
KILLS ?= 50
COMMANDS ?= 300

# Keep what Python compiles, whatever the environment says: the tests start it a hundred times.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint format bench bench-scale bench-abuse bench-parts bench-replicas storm storm-long pictures protos requirements clean
.DELETE_ON_ERROR:

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

demo: .venv/demo  ## try it: a simulated node and chat, nothing to configure (another port: ARGS="--port 8090")
	@$(BIN)/python -m bot demo $(ARGS)

test: .venv/dev  ## run the tests that take no long, in some minutes
	@$(BIN)/python -m pytest -n 4 --dist worksteal -m "not slow" $(ARGS)

test-all:  ## run every test: kills, outages, storms, setup at a terminal, the browser's
	@$(MAKE) --no-print-directory test ARGS="-m '' $(ARGS)"

lint: .venv/dev  ## run ruff, mypy, import-linter; check that generated code and requirements are current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	PATH="$(CURDIR)/$(BIN):$$PATH" protos/generate --check
	PATH="$(CURDIR)/$(BIN):$$PATH" requirements/compile --check

format: .venv/dev  ## let ruff format the code and fix what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/dev  ## measure the speed: ratios against a plain script, in one run
	@$(BIN)/python -m tests.bench $(ARGS)

bench-scale: .venv/dev  ## the same with very many invoices: 10,000 open, 100,000 closed (ARGS="--payments 10000")
	@$(BIN)/python -m tests.bench.scale $(ARGS)

bench-abuse: .venv/dev  ## measure how a friend fares while strangers write, press and hang by the thousand
	@$(BIN)/python -m tests.bench.abuse $(ARGS)

bench-replicas: .venv/dev  ## measure several processes on PostgreSQL: killed, stopped, ended; one beside SQLite
	@$(BIN)/python -m tests.bench.replicas $(ARGS)

bench-parts: .venv/dev  ## print the figures of docs/scale.md: Telegram's rate, parts of the chats, takeovers
	@$(BIN)/python -m tests.bench.parts

storm: .venv/dev  ## run kills, outages and odd answers from a seed: SEED=7 KILLS=50 COMMANDS=300 BOTS=3 DATABASE=postgres
	@$(BIN)/python -m tests.storm $(if $(SEED),--seed $(SEED)) --kills $(KILLS) --commands $(COMMANDS) \
	    $(if $(BOTS),--bots $(BOTS)) $(if $(DATABASE),--database $(DATABASE)) $(ARGS)

storm-long:  ## run a storm of about ten minutes
	@$(MAKE) --no-print-directory storm KILLS=100 COMMANDS=1000

pictures: .venv/dev  ## take the README's pictures, with Chromium
	INVOICE_BOT_PICTURES="$(CURDIR)/docs" INVOICE_BOT_NEED_BROWSER=1 $(BIN)/python -m pytest -q -m "" tests/demo -k for_the_readme $(ARGS)

protos: .venv/dev  ## generate bot/lnrpc from protos/
	PATH="$(CURDIR)/$(BIN):$$PATH" protos/generate

requirements: .venv/dev  ## lock the requirements (newest versions: ARGS=--upgrade)
	PATH="$(CURDIR)/$(BIN):$$PATH" requirements/compile $(ARGS)

clean:  ## remove .venv and everything generated
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	    { echo "This needs Python 3.11 or newer as $(PYTHON); choose another one with PYTHON=python3.12 make ..." >&2; exit 1; }
	@echo "Creating .venv, a folder for the packages: some seconds ..."
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "Could not create .venv; on Debian: apt install python3-venv" >&2; exit 1; }

# A stamp for each set of packages; dev contains everything in demo.
.venv/demo .venv/dev: .venv/%: requirements/%.txt requirements/build.txt pyproject.toml | .venv/bin/python
	@echo "Downloading $$(grep -c '==' requirements/$*.txt) packages ($*) and installing them into .venv: one to two minutes, this once."
	@echo "Nothing outside of this folder is changed. Please wait ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.txt -r requirements/build.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@echo "Installed."
	@touch $@
