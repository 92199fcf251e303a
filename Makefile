# make demo    a simulated organization, from its API to the tables; needs no key
# make test    the tests on DuckDB
# make test-engines   the tests on PostgreSQL, Spark and other engines
# make test-all   both
# make mutations   whether the tests catch known bugs; takes half an hour
# make lint    ruff, mypy and sqlfluff
# make bench   speed and memory, against the least that they could take, into benchmarks/RESULTS.md; BENCH="--rows 100000"
# make setup   all that development needs, in .venv
# make focus-check RULES=DIR   the official FOCUS validator, with model-1.4.json in DIR, on what is exported

PYTHON ?= python3
VENV := .venv
RULES ?= .
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# The validator needs Python 3.12 and an older PyArrow.
FOCUS_PYTHON ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.12.*/bin/python) python3.12)

.PHONY: demo setup test test-engines test-all mutations lint format bench focus-check

demo: $(VENV)/runs
	$(VENV)/bin/python pipeline.py --demo

setup: $(VENV)/develops

test: $(VENV)/develops
	$(VENV)/bin/python -m pytest --ignore tests/engines

test-engines: $(VENV)/develops
	$(VENV)/bin/python -m pytest tests/engines

test-all: test test-engines

mutations: $(VENV)/develops
	$(VENV)/bin/python tests/mutations.py

lint: $(VENV)/develops
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	DESTINATION__DUCKDB__CREDENTIALS=:memory: $(VENV)/bin/sqlfluff lint dbt_project

format: $(VENV)/develops
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .
	DESTINATION__DUCKDB__CREDENTIALS=:memory: $(VENV)/bin/sqlfluff fix dbt_project

bench: $(VENV)/develops
	$(VENV)/bin/python benchmarks/run.py $(BENCH)

focus-check: $(VENV)/develops .focus-venv/runs
	FOCUS_RULES=$(abspath $(RULES)) $(VENV)/bin/python -m pytest --numprocesses 0 tests/engines/test_focus_rules.py

.focus-venv/runs:
	$(FOCUS_PYTHON) -m venv .focus-venv
	.focus-venv/bin/python -m pip install --quiet --disable-pip-version-check focus-validator==2.2.1 'pyarrow<22'
	touch $@

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv --upgrade-deps $(VENV)

$(VENV)/runs: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[report]'
	touch $@

$(VENV)/develops: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	touch $@ $(VENV)/runs
