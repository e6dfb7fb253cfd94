# Every habit of this project is a target; `make` alone lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
EXPORT := $(BIN)/uv export --quiet --no-emit-workspace --no-annotate --no-header
TEST_WORKERS ?= 2
# Every program that tests start would compile its libraries anew: 4 s of a processor each.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := bin/uv pip install --quiet --python $(BIN)/python
MEMBERS := $(wildcard libs/* services/* deploy/local)

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s'|'

# What running takes. uv comes first, by pip and checked against the lock's hashes; uv then
# installs the rest, itself as well. A venv without pip is made seconds sooner, so pip is the
# system's, if any, and puts uv aside: told of another Python, pip starts itself twice.
.venv/ready: requirements.lock pyproject.toml $(wildcard */*/pyproject.toml)
	@echo "Webox: making the Python environment in .venv"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Webox needs Python 3.11 or later; set PYTHON=... to one that is")'
	@rm -rf .venv
	@$(PYTHON) -m venv --without-pip .venv
	@awk '/^[a-z]/ {keep = /^uv==/} keep' requirements.lock > .venv/uv.lock
	@if $(PYTHON) -c 'import pip' 2> /dev/null; then pip="$(PYTHON) -m pip"; \
	else $(BIN)/python -m ensurepip > /dev/null; pip="$(BIN)/python -m pip"; fi; \
	$$pip install --quiet --disable-pip-version-check --root-user-action ignore \
		--no-deps --no-compile --require-hashes --target .venv/bootstrap -r .venv/uv.lock
	@.venv/bootstrap/$(INSTALL) --require-hashes -r requirements.lock
	@rm -rf .venv/bootstrap
	@.venv/$(INSTALL) --no-deps --no-build-isolation $(addprefix -e ./,$(MEMBERS))
	@touch $@

# What testing takes besides.
.venv/ready-to-test: .venv/ready requirements-dev.lock
	@.venv/$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: up
up: .venv/ready ## Start the whole of Webox on this machine, at http://localhost:8000
	@$(BIN)/webox up

.PHONY: test
test: lint ## Lint, then every test on the real stack (under 10 minutes)
	$(BIN)/pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: lint
lint: .venv/ready-to-test ## Style, types and the walls between services
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(addsuffix /src,$(MEMBERS))
	$(BIN)/lint-imports

.PHONY: fmt
fmt: .venv/ready-to-test ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix --exit-zero
	$(BIN)/ruff format

.PHONY: soak
soak: .venv/ready-to-test ## Any histories, large exports, five hundred kills under load, then compare everything (an hour)
	WEBOX_TEST_KILLS=500 WEBOX_TEST_EXPORTED=10000 HYPOTHESIS_PROFILE=soak \
		$(BIN)/pytest -s tests/e2e/test_any_history.py tests/faults/test_large_exports.py \
		tests/faults/test_random_kills.py

.PHONY: bench
bench: .venv/ready-to-test ## Make every figure of the docs again (minutes)
	$(BIN)/python -m bench

.PHONY: lock
lock: .venv/ready-to-test ## Resolve the dependencies anew into requirements.lock, with hashes
	$(BIN)/uv lock --quiet --upgrade
	$(EXPORT) --all-packages --no-dev --group bootstrap --output-file requirements.lock
	$(EXPORT) --only-group dev --output-file requirements-dev.lock
