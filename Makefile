# Needs Python 3.11 (or newer), make and git; everything else is set up here, from the lock in deploy/.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
LOCK := deploy/requirements-dev.txt
# Debian's chromium (browser tests), prometheus (rules, real scrapes), nginx and wrk (benchmarks only).
TEST_TOOLS := chromium prometheus promtool
BENCH_TOOLS := nginx wrk

.PHONY: help setup lock test-tools bench-tools run test check bench faults format clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: $(VENV)/.installed ## create .venv with the locked dependencies

$(VENV)/.installed: $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "guidestream needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "setting up $(VENV) (once; about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement $(LOCK)
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

lock: setup ## recompute the lock files: Python from pyproject.toml, Kafka's jars from the version in broker/lock.py
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes --no-annotate --no-header --upgrade --extra embedded pyproject.toml --output-file deploy/requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes --no-annotate --no-header --constraint deploy/requirements.txt --extra embedded --extra dev pyproject.toml --output-file $(LOCK)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes --no-annotate --no-header --constraint deploy/requirements.txt pyproject.toml --output-file deploy/docker/requirements.txt
	echo hatchling | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes --no-annotate --no-header --constraint $(LOCK) - --output-file deploy/docker/requirements-build.txt
	$(BIN)/python -m stream.embedded.broker.lock > stream/embedded/broker/kafka.lock.new
	mv stream/embedded/broker/kafka.lock.new stream/embedded/broker/kafka.lock

test-tools:
	@.ci/debian $(TEST_TOOLS)

bench-tools:
	@.ci/debian $(BENCH_TOOLS)

run: setup ## the whole pipeline with a demo brand on this machine, until Ctrl-C
	@$(BIN)/guidestream demo

test: setup test-tools ## every test, on real Kafka, ClickHouse engine, Prometheus and browser
	@$(BIN)/python -m pytest

check: setup ## lint, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

bench: setup bench-tools ## speed, each figure beside its rival in the same run
	@$(BIN)/python -m tests.bench

faults: setup ## the long fault runs: many seeds of kills, outages, rebalances
	@$(BIN)/python -m pytest tests/faults tests/e2e/test_kills.py --fault-seeds 20

format: setup ## rewrite the code in the house format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

clean: ## remove everything that was set up
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
