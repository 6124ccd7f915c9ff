# Everything a developer types. `make help` lists it.
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3,$(if $(shell $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo y),$(p))))
VENV := .venv
BIN := $(VENV)/bin
UV := UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv
export PYTHONDONTWRITEBYTECODE =
ARGS ?=
# Twice the processors: half of the time of the tests is waiting for real meters' delays.
WORKERS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1))))

.PHONY: help demo test fuzz lint bench docs pages statements format lock clean
.DEFAULT_GOAL := help

help: ## list these commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "make %-12s %s\n", $$1, $$2}'

$(BIN)/uv:
	@test -n "$(PYTHON)" || { echo "Wattproof needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "uv>=0.7"

$(VENV)/.run: pyproject.toml uv.lock | $(BIN)/uv
	$(UV) sync --locked --inexact --extra all --no-install-package ray
	@touch $@

$(VENV)/.dev: pyproject.toml uv.lock | $(BIN)/uv
	$(UV) sync --locked --inexact --extra all --group dev --group docs
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run ## a signed charging session on a virtual meter (ARGS=--once ends by itself)
	$(BIN)/wattproof demo $(ARGS)

test: $(VENV)/.dev ## all tests (ARGS is passed to pytest)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

fuzz: $(VENV)/.dev ## the readers of signed records, guided by coverage (ARGS="TARGET --seconds 60"; --list, --minimise)
	$(BIN)/python -m tests.fuzz.guided $(ARGS)

lint: $(VENV)/.dev ## ruff, mypy strict, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## let ruff format the tree
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## the published figures, ours and the peers in one run
	$(BIN)/python -m bench $(ARGS)

docs: $(VENV)/.dev ## the manual as HTML in docs/_build
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

pages: $(VENV)/.dev ## the web pages of the gateway, built from frontend/ (needs node 20.19 or newer)
	$(BIN)/python frontend/findings.py
	cd frontend && npm ci --no-audit --no-fund && npm run check && npm run build
	$(BIN)/python frontend/selfcontained.py
	$(BIN)/python frontend/manifest.py --write

statements: $(VENV)/.dev ## which statements of the specifications no test proves yet
	$(BIN)/python tests/statements.py $(ARGS)

lock: $(BIN)/uv ## resolve uv.lock anew
	$(UV) lock

clean: ## remove what was built
	rm -rf $(VENV) docs/_build docs/generated bench/_build dist
