# make setup   installs everything that development needs into .venv
# make demo    loads a simulated organization and builds the models; needs no key
# make test    runs the tests on DuckDB
# make test-faults   runs the tests with kills, full disks and a failing API
# make test-engines   runs the tests on PostgreSQL, Spark and other engines
# make test-install   runs the tests that install the wheel and the dbt package into new environments
# make test-all   runs these four
# make mutations   checks that the tests catch known bugs; takes half an hour
# make prove   breaks the models, one bug at a time, and writes to benchmarks/prove.md which ones a run notices; PROVE="--only prices"
# make lint    runs ruff, mypy and sqlfluff
# make format  formats Python and SQL
# make docs    generates the tables in docs/tables.md
# make bench   measures speed and memory and writes benchmarks/RESULTS.md; BENCH="--rows 100000"
# make focus-check RULES=DIR   runs the official FOCUS validator, with its rules in DIR, on exported files

IS_SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHONS = python3 python3.13 python3.12 python3.11 $(wildcard $(HOME)/.pyenv/versions/3.1[123].*/bin/python)
# The first one that is supported.
PYTHON ?= $(firstword $(foreach python,$(PYTHONS),$(shell $(python) -c '$(IS_SUPPORTED)' 2>/dev/null && echo $(python))))
VENV := .venv
RULES ?= .
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# The FOCUS validator needs Python 3.12 and an older PyArrow.
FOCUS_PYTHON ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.12.*/bin/python) python3.12)

# $(VENV)/runs and $(VENV)/develops are stamp files: the packages of `make demo`, or of `make setup`, are installed.

.PHONY: demo setup test test-faults test-engines test-install test-all mutations prove lint format docs bench focus-check

demo: $(VENV)/runs
	$(VENV)/bin/python pipeline.py --demo

setup: $(VENV)/develops

test: $(VENV)/develops
	$(VENV)/bin/python -m pytest --ignore tests/engines --ignore tests/faults --ignore tests/install

test-faults: $(VENV)/develops
	$(VENV)/bin/python -m pytest tests/faults

test-engines: $(VENV)/develops
	$(VENV)/bin/python -m pytest tests/engines

test-install: $(VENV)/develops
	$(VENV)/bin/python -m pytest tests/install

test-all: test test-faults test-engines test-install

mutations: $(VENV)/develops
	$(VENV)/bin/python tests/mutations.py

prove: $(VENV)/develops
	$(VENV)/bin/python benchmarks/prove.py $(PROVE)

lint: $(VENV)/develops
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	DESTINATION__DUCKDB__CREDENTIALS=:memory: $(VENV)/bin/sqlfluff lint dbt_project

format: $(VENV)/develops
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .
	DESTINATION__DUCKDB__CREDENTIALS=:memory: $(VENV)/bin/sqlfluff fix dbt_project

docs: $(VENV)/runs
	$(VENV)/bin/python docs/generate_tables.py

bench: $(VENV)/develops
	$(VENV)/bin/python benchmarks/run.py $(BENCH)

focus-check: $(VENV)/develops .focus-venv/runs
	FOCUS_RULES=$(abspath $(RULES)) $(VENV)/bin/python -m pytest --numprocesses 0 tests/engines/test_focus_rules.py

.focus-venv/runs:
	$(FOCUS_PYTHON) -m venv .focus-venv
	.focus-venv/bin/python -m pip install --quiet --disable-pip-version-check focus-validator==2.2.1 'pyarrow<22'
	touch $@

$(VENV)/bin/python:
	@$(or $(PYTHON),false) -c '$(IS_SUPPORTED)' || { echo 'Python 3.11, 3.12 or 3.13 is needed: install one, or name it, as in make PYTHON=/opt/python3.12/bin/python3' >&2; exit 1; }
	$(PYTHON) -m venv --upgrade-deps $(VENV)

$(VENV)/runs: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[report]'
	touch $@

$(VENV)/develops: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	touch $@ $(VENV)/runs
