# The one entrance to this project. `make` alone lists what there is.
#
# Everything is installed into .venv (what runs, tests and checks) and .venv-gen (the generator of
# the wire, which needs an older protobuf). Both are built when missing and when their lock changes.

PYTHON ?= python3
MINUTES ?= 30
# Twice quiet: only errors are told.
PIP_FLAGS := --disable-pip-version-check --quiet --quiet

VENV := .venv/.installed
VENV_GEN := .venv-gen/.installed
PROTOS := $(wildcard protos/rongan_share/v1/*.proto)
SERVICES := $(wildcard protos/rongan_share/v1/*_service.proto)

# A client in another language, for the tests that have one; left out where Node is not installed.
NODE_CLIENT := tests/foreign/node
NODE_MODULES := $(NODE_CLIENT)/node_modules/.package-lock.json
HAS_NODE := $(and $(shell command -v node),$(shell command -v npm))

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check gen format bench bench-large soak dev-pki docs system

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV) ## a hub, two partners, a real sanctions list: the whole walk on screen
	@.venv/bin/python -m examples.demo

test: $(VENV) $(if $(HAS_NODE),$(NODE_MODULES)) ## every test
	@.venv/bin/python -m pytest $(ARGS)

# Cheap things first, so that a slip is told in seconds.
check: $(VENV) $(VENV_GEN) ## format, lint, types, import contracts, protos, Dockerfile, generated files; then test
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/mypy --python-version 3.10 partner_sdk
	.venv/bin/lint-imports --no-logo
	.venv/bin/buf lint protos
	.venv/bin/hadolint docker/Dockerfile
	@$(MAKE) --no-print-directory breaking
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(call generate,$$fresh); \
	diff --recursive --exclude=__init__.py --exclude=__pycache__ \
	  "$$fresh/rongan_share/v1" rongan_share/v1 \
	  || { echo "rongan_share/v1 is not what protos/ says: run make gen" >&2; exit 1; }
	.venv/bin/python docs/make_errors.py --check
	@$(MAKE) --no-print-directory test

# A wire that was released may not change under its users; before the first tag it may.
.PHONY: breaking
breaking:
	@tag=$$(git describe --tags --abbrev=0 2>/dev/null || true); \
	if [ -n "$$tag" ]; then echo "buf breaking against $$tag"; \
	  .venv/bin/buf breaking protos --against ".git#tag=$$tag,subdir=protos"; \
	else echo "buf breaking: no tag yet, nothing was promised"; fi

# $(1): folder to write into. Only files with a service have gRPC stubs worth keeping.
define generate
.venv-gen/bin/python -m grpc_tools.protoc -I protos \
  --plugin=protoc-gen-mypy=.venv/bin/protoc-gen-mypy \
  --python_out="$(1)" --mypy_out=quiet:"$(1)" $(PROTOS); \
.venv-gen/bin/python -m grpc_tools.protoc -I protos \
  --plugin=protoc-gen-mypy_grpc=.venv/bin/protoc-gen-mypy_grpc \
  --grpc_python_out="$(1)" --mypy_grpc_out=quiet:"$(1)" $(SERVICES)
endef

gen: $(VENV) $(VENV_GEN) ## write rongan_share/v1 from protos/
	@rm -f rongan_share/v1/*_pb2*.py rongan_share/v1/*_pb2*.pyi
	@$(call generate,.)

format: $(VENV) ## format the code and mend what can be mended
	@.venv/bin/ruff check --fix-only .
	@.venv/bin/ruff format .
	@.venv/bin/buf format --write protos

bench: $(VENV) ## measure, under 15 minutes; ONLY=name,name picks rows
	@.venv/bin/python -m benchmarks $(ONLY)

bench-large: $(VENV) ## 1, 10 and 100 million listings: some 15 minutes, 25 GB of disk; SIZES=n,n picks others
	@.venv/bin/python -m benchmarks.large $(if $(SIZES),--sizes $(SIZES))

soak: $(VENV) ## 30 minutes under an even load: memory, files, descriptors; MINUTES=1 for a short one
	@.venv/bin/python -m benchmarks.soak --minutes $(MINUTES)

dev-pki: $(VENV) ## make certificates for development in certs/dev
	@.venv/bin/python certs/make_dev_pki.py

docs: $(VENV) ## write docs/errors.md from the table of refusals
	@.venv/bin/python docs/make_errors.py

system: ## install the Debian packages: python3-venv, nodejs and npm for a test, redis-server for benchmarks
	@PYTHON=$(PYTHON) .ci/system

$(VENV): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@echo "building .venv from requirements.lock"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install $(PIP_FLAGS) --no-deps --requirement requirements.lock
	@.venv/bin/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation --editable .
	@.venv/bin/python -m pip $(PIP_FLAGS) check
	@touch $@

# Without packages the tests of this client are skipped and say so; nothing else needs them.
$(NODE_MODULES): $(NODE_CLIENT)/package.json $(NODE_CLIENT)/package-lock.json
	@echo "installing $(NODE_CLIENT) from package-lock.json"
	@cd $(NODE_CLIENT) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error \
	  && touch node_modules/.package-lock.json \
	  || echo "npm could not install: tests of the client in JavaScript will be skipped" >&2

$(VENV_GEN): protos/requirements.lock
	@echo "building .venv-gen from protos/requirements.lock"
	@$(PYTHON) -m venv .venv-gen
	@.venv-gen/bin/python -m pip install $(PIP_FLAGS) --no-deps --requirement protos/requirements.lock
	@touch $@
