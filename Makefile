# Everything that a person or CI runs. `make help` lists it.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# How many tests run at once, 0 for one after the other in this process. Half as many again as there are cores, since
# half of a test's time is waiting for something.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(max(2, (os.cpu_count() or 1) * 3 // 2))')
# What differs by database is SQL: every route and page, what is recorded by an import, by the watch's following of
# members and by a removal, jobs and the access of people.
ON_POSTGRES := --database=postgresql $(addprefix tests/app/,access containers jobs nodes overview sites \
	test_rest_conventions.py test_query_counts.py clusters/test_trust.py \
	watch/test_import.py watch/test_import_with_token.py watch/test_create_node.py watch/test_membership.py \
	watch/test_watch_details.py watch/test_remove_node.py watch/test_take_away.py) --ignore=tests/app/jobs/test_kill.py
PARALLEL := -n $(WORKERS) --dist worksteal

# Tests are imported by several processes, twice: what the first compiled need not be compiled again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast lint format bench soak docs screenshots clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## a virtual environment with everything Paddock needs

$(STAMP): requirements.lock pyproject.toml
	@scripts/check-python $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	@scripts/install $(BIN)
	@touch $@

demo: setup ## a simulated estate and a Paddock to try it with; Ctrl-C ends both
	@$(BIN)/paddock demo

test: setup lint ## lint, then the whole test suite; installs Chromium and PostgreSQL if it may
	@scripts/test-needs
	@scripts/peers
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)
	$(if $(filter tests tests/%,$(ARGS)),,$(BIN)/python -m pytest $(PARALLEL) $(ON_POSTGRES) $(ARGS))

test-fast: setup ## unit tests only
	$(BIN)/python -m pytest tests/unit tests/architecture $(ARGS)

lint: setup ## style, types and the contracts between the floors
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: setup ## measure; prints tables and writes build/bench.json; ARGS="estate" for a part
	$(BIN)/python -m bench $(ARGS)

soak: setup ## ten minutes with something breaking every second; ARGS="--minutes 2"
	$(BIN)/python -m bench.soak $(ARGS)

docs: setup ## regenerate the reference pages
	$(BIN)/python scripts/reference.py
	@if [ -d ../shared/pve/real ]; then $(BIN)/python scripts/conformance.py; fi

screenshots: setup ## refresh the pictures that the docs show
	@scripts/test-needs
	PADDOCK_SCREENSHOTS=docs/images $(BIN)/python -m pytest tests/browser

lock: setup
	$(BIN)/uv pip compile --universal --python-version 3.11 --extra dev pyproject.toml -o requirements.lock --no-header -q
	$(BIN)/uv pip compile --universal --python-version 3.11 --group peers -o requirements-peers.lock --no-header -q

clean:
	rm -rf build $(VENV) .venv-peers tests/pvesim/npm-client/node_modules .mypy_cache .ruff_cache .pytest_cache
