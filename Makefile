# Kakehashi. Each target works on a machine with Python 3.11 or later, make and a C library; offline after the first time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUN := $(BIN)/python -m
ARGS ?=
CASES ?= 2000
SEED ?= 1

.PHONY: setup demo test lint format fuzz soak bench lock clean help

help:            ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*##/\t/'

setup: $(STAMP)  ## .venv with the locked dependencies and the command `kakehashi`

$(STAMP): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(RUN) pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(RUN) pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	touch $(STAMP)

demo: setup      ## three areas, one question; ARGS="--once" ends after the tour
	$(BIN)/kakehashi demo $(ARGS)

test: setup      ## everything: a real PostgreSQL, real HTTP servers; what failed is tried once more, alone
	$(RUN) pytest -n 2 --dist loadfile $(ARGS) || { test $$? -eq 1 && \
	  $(RUN) pytest -n 0 --last-failed --last-failed-no-failures none $(ARGS); }

lint: setup      ## ruff, mypy strict, import-linter
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(BIN)/lint-imports

format: setup    ## put the code in form
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

fuzz: setup      ## 2,000 cases made from the published OpenAPI document; CASES=…, SEED=…
	SCHEMATHESIS_CASES=$(CASES) SCHEMATHESIS_SEED=$(SEED) $(RUN) pytest -n 0 -s tests/e2e/test_schemathesis.py $(ARGS)

soak: setup      ## hours: crashes, spoilt bundles, a whole portal, a year of flows; CRASH_KILLS=…, LEDGER_MUTATIONS=…, CATALOGUE_DATASETS=…, KPI_FLOWS=…
	CRASH_KILLS=$${CRASH_KILLS:-500} LEDGER_MUTATIONS=$${LEDGER_MUTATIONS:-10000} \
	  $(RUN) pytest -n 0 -s tests/e2e/test_crash.py tests/schemas/ledger/test_verify.py $(ARGS)
	CATALOGUE_DATASETS=$${CATALOGUE_DATASETS:-10000} $(RUN) pytest -n 0 -s tests/e2e/test_catalogue_cli.py $(ARGS)
	KPI_FLOWS=$${KPI_FLOWS:-2000000} $(RUN) pytest -n 0 -s tests/broker/kpi/test_recorded_year.py -k "naive or two_million" $(ARGS)

bench: setup     ## what an answer costs, in CPU; JSON
	$(RUN) tests.benchmarks $(ARGS)

lock:            ## compile requirements.lock again (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	  --no-emit-find-links --group dev pyproject.toml -o requirements.lock

clean:           ## forget the environment (data in .kakehashi stays)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
