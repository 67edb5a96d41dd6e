# Every target works from a fresh clone with Python 3.11 or 3.12 and make; run and test set up first.
.DEFAULT_GOAL := help
.PHONY: help setup system run test check bench nightly schema format clean
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# The stamp carries the content it was made from, so a changed pin sets up again and nothing else does.
KEY := $(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)
READY := .venv/ready-$(KEY)

# The tests of one file share servers and databases, so that they stay in one process.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile

help:  ## show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/'

setup: $(READY)  ## make .venv, and the pages' assets
	@test ! -x ui/build || PATH="$(CURDIR)/$(BIN):$$PATH" ui/build

$(READY):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed, and none was found"; exit 1; }
	@tools/need compiler
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@# pip would build it at -O0, and take a wheel of another build from its cache
	CC="$(CC) -O2" $(PIP) --no-cache-dir durable_rules
	$(PIP) -e '.[postgres,dev]'
	@rm -f .venv/ready-* && touch $@

system:
	@tools/need browser fonts postgres

run: setup  ## make the sample city, grade it, show one producer's reasons, serve on http://127.0.0.1:8000
	@$(BIN)/shuoli demo

check: setup  ## format, lint, types, import directions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup system check  ## check, then all tests
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

nightly: setup system check  ## all tests, with the long random comparisons
	SHUOLI_NIGHTLY=1 $(BIN)/python -m pytest $(SIDE_BY_SIDE)

bench: setup  ## speed and memory, printed as tables; WHAT=NAME for one of them
	$(BIN)/python -m bench $(WHAT)

schema: setup  ## write the JSON schemas of rulebooks anew
	$(BIN)/python -m knowledge.schemas

format: setup  ## put the code into its one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove what setup and the tests made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache api/static
