# Everything is set up as needed: `make run` opens the app, `make test` checks it.

PYTHON ?=
PIP_ARGS ?=
SCENE ?=
ONLY ?=
ARGS ?=
export PYTHON PIP_ARGS

BIN := .venv/bin
SCRIPTS := tools/system-libraries tools/not-blank

.PHONY: help run test bench setup system clean

help:
	@echo 'make run      set up what is missing and open the app (SCENE=first-light opens a scene)'
	@echo 'make test     set up what is missing and run formatting, lint, types, import contracts, tests'
	@echo 'make bench    set up what is missing and run the benchmarks, about an hour (ONLY=window: that one alone;'
	@echo '              ARGS=--quick: handed to it)'
	@echo 'make setup    only the set-up of make run'
	@echo 'make system   only the system libraries'
	@echo 'make clean    remove the virtual environment and all caches'
	@echo
	@echo 'PYTHON=python3.12   makes the virtual environment with another Python (3.11 or newer)'
	@echo 'PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"'
	@echo '                    takes the CPU build of torch, which is much smaller on Linux'

run: setup
	@$(BIN)/thalweg $(SCENE)

test:
	@tools/set-up dev
	@echo '==> Formatting: ruff format --check'
	@$(BIN)/ruff format --check . $(SCRIPTS)
	@echo '==> Lint: ruff check'
	@$(BIN)/ruff check . $(SCRIPTS)
	@echo '==> Types: mypy'
	@$(BIN)/mypy
	@echo '==> Import contracts: lint-imports'
	@$(BIN)/lint-imports
	@echo '==> Tests: pytest'
	@$(BIN)/pytest

bench:
	@tools/set-up dev
	@for file in $(or $(wildcard tests/bench/bench_$(or $(ONLY),*).py),$(error There is no such benchmark in tests/bench)); do \
	    echo "==> Benchmark: $$file"; $(BIN)/python "$$file" $(ARGS) || exit 1; \
	done

setup:
	@tools/set-up app

system:
	@tools/set-up system

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
