# make demo    a simulated organization, from its API to the tables; needs no key
# make test    the tests
# make lint    ruff, mypy and sqlfluff
# make setup   all that development needs, in .venv

PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo setup test lint format

demo: $(VENV)/runs
	$(VENV)/bin/python pipeline.py --demo

setup: $(VENV)/develops

test: $(VENV)/develops
	$(VENV)/bin/python -m pytest

lint: $(VENV)/develops
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	DESTINATION__DUCKDB__CREDENTIALS=:memory: $(VENV)/bin/sqlfluff lint dbt_project

format: $(VENV)/develops
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .
	DESTINATION__DUCKDB__CREDENTIALS=:memory: $(VENV)/bin/sqlfluff fix dbt_project

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/runs: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable .
	touch $@

$(VENV)/develops: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	touch $@ $(VENV)/runs
