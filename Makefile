# Every habit of this project is a target; `make` alone lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
MEMBERS := $(wildcard libs/* services/* deploy/local)

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s'|'

# uv comes first, by pip and checked against the lock's hashes; uv then installs the rest.
.venv/ready: requirements.lock pyproject.toml $(wildcard */*/pyproject.toml)
	@echo "Webox: making the Python environment in .venv"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Webox needs Python 3.11 or later; set PYTHON=... to one that is")'
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@awk '/^[a-z]/ {keep = /^uv==/} keep' requirements.lock > .venv/uv.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(addprefix -e ./,$(MEMBERS))
	@touch $@

.PHONY: up
up: .venv/ready ## Start the whole of Webox on this machine, at http://localhost:8000
	@$(BIN)/webox up

.PHONY: test
test: .venv/ready lint ## Lint, then every test on the real stack (under 10 minutes)
	$(BIN)/pytest

.PHONY: lint
lint: .venv/ready ## Style, types and the walls between services
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(addsuffix /src,$(MEMBERS))
	$(BIN)/lint-imports

.PHONY: fmt
fmt: .venv/ready ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix --exit-zero
	$(BIN)/ruff format

.PHONY: bench
bench: .venv/ready ## Make every figure of the docs again (minutes)
	$(BIN)/python -m bench

.PHONY: lock
lock: .venv/ready ## Resolve the dependencies anew into requirements.lock, with hashes
	$(BIN)/uv lock --quiet --upgrade
	$(BIN)/uv export --quiet --all-packages --all-groups --no-emit-workspace --no-annotate --no-header --output-file requirements.lock
