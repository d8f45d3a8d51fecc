# Everything a person does here; `make help` lists it. The environment is made when first needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# By then a release that somebody else slipped in has mostly been found.
SETTLED := 7 days

.DEFAULT_GOAL := help
.PHONY: help run demo test test-all check lint bench format clean bundle providers plan deploy doctor logs status scan lock audit

help: ## list what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(READY) ## start everything on this machine (PORT=8080, MAIL=file or folder of mails, BACKEND=shared.gcp)
	@exec $(BIN)/python -m infra.local

demo: $(READY) ## the whole story, without a browser (MAIL=…, REPORT=file.json, BACKEND=shared.gcp)
	@exec $(BIN)/python -m infra.demo

test: $(READY) ## run the tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile

test-all: export TEST_ALL = 1
test-all: $(READY) ## the tests, and what they take turns at: the services without each call of the gate
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check: lint test ## what CI runs: formatting, lint, types, layers, tests

bench: $(READY) ## measure speed, quota, cold starts and memory
	@$(BIN)/python -m tests.bench

format: $(READY) ## put the code into shape
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

bundle: $(READY) ## a zip for each function, in build/bundles
	@$(BIN)/python -m infra.bundle

providers: $(READY) ## tell Terraform what the providers declare (terraform/providers.yaml)
	@$(BIN)/python -m infra.declared

plan: $(READY) ## what a deployment would change (ENVIRONMENT=staging)
	@$(BIN)/python -m infra.operate plan

deploy: $(READY) ## deploy and look at it from outside (ENVIRONMENT=staging, APPROVE=yes)
	@$(BIN)/python -m infra.operate deploy

doctor: $(READY) ## is everything in place, here or in ENVIRONMENT?
	@$(BIN)/python -m infra.operate doctor

logs: $(READY) ## what the functions said, here or in ENVIRONMENT (FUNCTION=, SEVERITY=, SINCE=1h, FOLLOW=1)
	@$(BIN)/python -m infra.operate logs

status: $(READY) ## mailboxes, lateness, queues, emails, here or in ENVIRONMENT
	@$(BIN)/python -m infra.operate status

scan: build/checkov/.ready ## look for weak spots in terraform/ with checkov, in an environment of its own
	@build/checkov/bin/checkov -d terraform --framework terraform --skip-download --quiet --compact

lock: build/uv/.ready ## renew constraints.txt after requirements.txt changed (UPGRADE=yes: everything)
	@{ sed -n '/^#/p' constraints.txt; build/uv/bin/uv pip compile requirements.txt -q --no-header --no-annotate \
		--generate-hashes --universal --python-version 3.11 --exclude-newer "$(SETTLED)" \
		$(if $(UPGRADE),,--constraint constraints.txt); } > build/constraints.txt
	@mv build/constraints.txt constraints.txt

audit: $(READY) build/audit/.ready ## licences of all libraries, and known holes in them
	@$(BIN)/python -m infra.supplies build/audit/bin/pip-audit

clean: ## remove the environment and caches; .local (your data) stays
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamped with what it was made from, so that a changed pin brings it up to date.
$(READY): requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 …" >&2; exit 2; }
	@echo "Setting up $(VENV) (once, about a minute) …"
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --no-deps -r constraints.txt
	@touch $@

# Apart from the rest: checkov pulls in a hundred packages, some in versions that do not go with ours.
build/uv/.ready: Makefile
	@$(PYTHON) -m venv build/uv
	@build/uv/bin/pip install -qq --disable-pip-version-check uv==0.13.9
	@touch $@

build/audit/.ready: Makefile
	@$(PYTHON) -m venv build/audit
	@build/audit/bin/pip install -qq --disable-pip-version-check pip-audit==2.10.1
	@touch $@

build/checkov/.ready: Makefile
	@$(PYTHON) -m venv build/checkov
	@build/checkov/bin/pip install -qq --disable-pip-version-check checkov==3.3.30
	@touch $@
