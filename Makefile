# Every target sets up what it needs; `make help` lists them. All of them work on the checkout's embedded server, never on ACLUE_DATABASE_URL.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help demo dev test test-all lint bench lock sbom clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: .venv/run ## Deploy, compute and check everything on sample data, then open the UI (NO_UI=1: end before it)
	@$(BIN)/aclue demo $(if $(NO_UI),--no-ui)

dev: .venv/run ## The Dagster UI on the demo's database, without computing anything first
	@$(BIN)/aclue --demo ui

test: .venv/dev ## The tests (within 5 minutes on 2 cores)
	$(BIN)/pytest -n $(or $(WORKERS),2) -m "not slow" $(ARGS)

# Where SQL is; what stands above it (commands, definitions, pages) speaks to a server through these.
ROOMS = tests/test_cases.py $(addprefix tests/,alerts app derived erasure funnel health postgres preferences revenue schema staging upgrade)

test-all: .venv/dev ## Only what `make test` leaves out: what is slow, the rooms on another server (ACLUE_PG_BIN), the schema's on 17
	$(BIN)/pytest -n $(or $(WORKERS),2) -m slow $(ARGS)
	@bin=$${ACLUE_PG_BIN:-$$(ls -d /usr/lib/postgresql/15/bin 2>/dev/null)}; \
	if [ -z "$$bin" ]; then echo "test-all: no PostgreSQL 15 here; install it or name a server's folder in ACLUE_PG_BIN" >&2; exit 1; fi; \
	set -x; ACLUE_PG_BIN=$$bin $(BIN)/pytest -n $(or $(WORKERS),2) -m "database and not slow" $(ROOMS) $(ARGS)
	@bin=$$($(BIN)/python -m tests.support.postgres17) || exit 1; \
	[ -z "$$bin" ] || { set -x; ACLUE_PG_BIN=$$bin $(BIN)/pytest -n $(or $(WORKERS),2) -m "database and not slow" tests/schema $(ARGS); }

lint: .venv/dev ## Style, types and the rules of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/aclue docs --check

bench: .venv/dev ## Start-up times and ratios, each pair measured side by side
	$(BIN)/python -m benchmarks $(ARGS)

LOCKED = uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-annotate --no-header --extra build
lock: ## Write the lock files anew (needs uv): what production installs, that with the demo and charts, that with the tools
	$(LOCKED) -o requirements.lock
	$(LOCKED) --extra demo --extra charts -c requirements.lock -o requirements-demo.lock
	$(LOCKED) --extra demo --extra charts --extra celery --extra kubernetes --extra dask --extra dev -c requirements-demo.lock -o requirements-dev.lock

sbom: .venv/dev ## What production consists of (CycloneDX) and its licences, into dist/
	@$(BIN)/python .ci/sbom.py requirements.lock dist

clean: ## Stop the demo's server and remove the environment and the demo's data
	@[ ! -x $(BIN)/aclue ] || $(BIN)/aclue db remove --yes
	rm -rf .venv

# A stamp per lock file: installing again is skipped until the lock or the project's metadata changes.
.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not installed; install Python 3.11 or later" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is too old; aclue-pipeline needs Python 3.11 or later (name one: make PYTHON=python3.12 …)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: this Python has no venv; install it (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@echo "making the virtual environment .venv"
	@$(PYTHON) -m venv .venv

# Of all cores, and without the packages' own tests: pip would use one core. What fails is for another Python.
COMPILE = $(BIN)/python -m compileall -qq -j 0 -x 'site-packages/.*/tests?/' .venv/lib aclue_pipeline || true

.venv/run: requirements-demo.lock pyproject.toml | .venv/bin/python
	@[ .venv/dev -nt requirements-dev.lock ] || { echo "installing requirements-demo.lock (about a minute)"; $(BIN)/pip install -qq --no-compile --require-hashes -r requirements-demo.lock; }
	@$(BIN)/pip install -qq --no-deps --no-build-isolation --editable .
	@$(COMPILE)
	@touch $@

.venv/dev: requirements-dev.lock pyproject.toml | .venv/bin/python
	@echo "installing requirements-dev.lock (about a minute)"
	@$(BIN)/pip install -qq --no-compile --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install -qq --no-deps --no-build-isolation --editable .
	@$(COMPILE)
	@touch $@
