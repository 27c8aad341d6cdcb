# LiveDash pipeline. `make up` shows it work, `make test` proves that it does.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
# The installer is pinned like everything that it installs.
UV_VERSION := 0.13.9
INSTALLED := $(VENV)/.installed

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: install
install: $(INSTALLED) ## .venv with every pinned dependency and the livedash command in it

$(INSTALLED): requirements.txt pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 15) else "LiveDash needs Python 3.11 to 3.14; this is " + sys.version.split()[0] + ". Say which to use: make PYTHON=/path/to/python3.11")'
	[ -x "$(BIN)/python" ] || "$(PYTHON)" -m venv "$(VENV)"
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	VIRTUAL_ENV="$(VENV)" "$(BIN)/uv" pip sync --quiet --compile-bytecode requirements.txt
	VIRTUAL_ENV="$(VENV)" "$(BIN)/uv" pip install --quiet --no-deps --editable .
	touch "$@"

.PHONY: up
up: install ## The whole product on this machine, at http://localhost:8080 (Ctrl-C stops it)
	@exec "$(BIN)/livedash" up

# Tests that share a running Airflow stay together in one worker.
WORKERS ?= 2
PYTEST := "$(BIN)/python" -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder

.PHONY: test
test: install ## Run every test
	@exec $(PYTEST)

.PHONY: test-fast
test-fast: install ## Run the unit and integration tests that need neither Airflow nor a browser
	@exec $(PYTEST) -m "not airflow and not browser" tests/unit tests/integration

.PHONY: test-distributed
test-distributed: install ## Celery with two workers, Redis, two schedulers; each component is killed once (Debian: redis-server)
	@exec "$(BIN)/python" -m pytest -s tests/distributed

.PHONY: test-debian13
test-debian13: ## The quick tests and `livedash up` on a fresh Debian 13 (needs root and debootstrap)
	@exec .ci/debian13

.PHONY: soak
soak: install ## The longest tests: runs that overlap, memory over an hour of work (LIVEDASH_SOAK_MINUTES=60)
	@exec "$(BIN)/python" -m pytest tests/soak

.PHONY: test-other-servers
test-other-servers: install ## The analysis by model servers of others (LiteLLM's proxy, fakellm), which it installs
	@exec "$(BIN)/python" -m pytest tests/other_servers

# Not among the requirements: it has no wheel for some supported versions of Python.
ATHERIS_VERSION := 3.0.0

.PHONY: fuzz
fuzz: install ## Fuzz the transcript parser for a minute, guided by coverage
	VIRTUAL_ENV="$(VENV)" "$(BIN)/uv" pip install --quiet "atheris==$(ATHERIS_VERSION)"
	@exec "$(BIN)/python" -m tests.fuzz.transcripts -max_total_time=60 -max_len=400 -timeout=5

.PHONY: lint
lint: install ## ruff, mypy (strict on livedash_core), import-linter
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .
	"$(BIN)/mypy"
	"$(BIN)/lint-imports"

.PHONY: screenshots
screenshots: install ## Take the pictures of the pages in docs/images/ anew (needs Chromium)
	@exec "$(BIN)/python" -m tests.e2e.screenshots

.PHONY: bench
bench: install ## Measure the speeds that docs/benchmarks.md speaks of (two hours, 35 GB)
	@exec "$(BIN)/python" -m tests.bench --scale FULL

.PHONY: eval
eval: install ## How often the analyzers agree with labelled conversations (a model too, when there is a key)
	@exec "$(BIN)/python" -m tests.eval

.PHONY: lock
lock: install ## Resolve every dependency together again into requirements.txt
	VIRTUAL_ENV="$(VENV)" "$(BIN)/uv" pip compile pyproject.toml --all-extras --group test --group lint --group bench \
		--universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate --generate-hashes --upgrade \
		--quiet -o requirements.txt

.PHONY: dist
dist: install ## The sdist and the wheel in dist/, checked; the same commit gives the same bytes
	rm -rf dist
	export SOURCE_DATE_EPOCH="$$(git log -1 --format=%ct)"
	VIRTUAL_ENV="$(VENV)" "$(BIN)/uv" build --quiet --no-build-isolation --python "$(BIN)/python" --out-dir dist
	"$(BIN)/twine" check --strict dist/*

.PHONY: clean-data
clean-data: install ## Forget the data of `make up` (database, logs, passwords)
	@"$(BIN)/python" -m livedash_core.local.forget
