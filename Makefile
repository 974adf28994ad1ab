# Set up, run and test Tallystick. Needs Python 3.11 or newer and make; everything else is installed into .venv.

HOST ?= 127.0.0.1
PORT ?= 3000

BIN := .venv/bin
READY := .venv/.ready-to-run
READY_FOR_WORK := .venv/.ready-to-work
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-input --progress-bar off --no-deps
LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --no-header pyproject.toml --extra build

# Another environment that happens to be active has no say here.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV

.DEFAULT_GOAL := help
.PHONY: help setup run test test-all oracle lint format bench lock clean
.DELETE_ON_ERROR:

help: ## say what can be done here
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

setup: $(READY_FOR_WORK) ## install everything that running, testing and changing it takes

run: $(READY) ## start the portal with a demonstration: http://HOST:PORT, from HOST=127.0.0.1 PORT=3000
	@$(BIN)/tallystick run --demo --host $(HOST) --port $(PORT)

test: $(READY_FOR_WORK) ## run the tests, all but the slow ones and what PostgreSQL only repeats
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow"

test-all: lint ## lint, build the pages and run every test, in a browser too
	@$(BIN)/python -c "from app.serve import build_pages; build_pages()"
	@$(BIN)/python -m pytest -n auto --dist worksteal

oracle: $(READY_FOR_WORK) ## hold ten thousand random histories, with and without gain-share, to the second billing engine; takes half an hour
	@ORACLE_CASES=10000 $(BIN)/python -m pytest -n auto --dist worksteal tests/oracle

lint: $(READY_FOR_WORK) ## check style, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(READY_FOR_WORK) ## put the code in the house's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY_FOR_WORK) ## measure ingestion, webhooks, growth, proofs, verifying, documents, gain-share, pages and start-up; takes some minutes
	@$(BIN)/python -m bench.pages
	@$(BIN)/python -m bench.ceiling
	@$(BIN)/python -m bench.ingest
	@$(BIN)/python -m bench.webhooks
	@$(BIN)/python -m bench.growth
	@$(BIN)/python -m bench.proofs
	@$(BIN)/python -m bench.start
	@$(BIN)/python -m bench.pdf
	@$(BIN)/python -m bench.gain_share
	@$(BIN)/python -m bench.verify
	@$(BIN)/python -m bench.verify_page

lock: $(READY_FOR_WORK) ## write both locks anew after a change of dependencies in pyproject.toml
	@$(LOCK) -o requirements.lock
	@$(LOCK) --extra dev -c requirements.lock -o requirements-dev.lock

clean: ## remove what setting up, building and testing made; data/ stays
	rm -rf .venv .web .states .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis

$(READY): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the packages that running takes; this takes about half a minute …"
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-build-isolation -e .
	@touch $@

$(READY_FOR_WORK): requirements-dev.lock $(READY)
	@echo "Installing the packages that testing takes …"
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

$(BIN)/python:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14; do \
		if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Creating .venv with $$($$python --version) …"; \
			$$python -m venv --clear .venv; exit; \
		fi; \
	done; \
	echo "Tallystick needs Python 3.11 or newer with its venv module (on Debian: apt install python3 python3-venv)." >&2; \
	echo "If it is installed under another name: make PYTHON=/path/to/python3" >&2; \
	exit 1
