# What a person types. Everything here sets itself up; nothing is installed outside .venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
VENV ?= .venv
PY := $(VENV)/bin/python
TORCH ?= auto
TORCH_VERSION ?=
# Processes for the tests, one more than two cores: they wait for other processes as long as they compute.
JOBS ?= 3
PYTEST := $(PY) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder
STAMP := $(VENV)/.danlu-$(TORCH)
DEV_STAMP := $(VENV)/.danlu-dev-$(TORCH)

.DEFAULT_GOAL := help
.PHONY: help run test test-all test-docker lint format bench clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

$(STAMP): pyproject.toml scripts/setup
	@TORCH=$(TORCH) VENV=$(VENV) scripts/setup
	@touch $@

$(DEV_STAMP): pyproject.toml scripts/setup
	@TORCH=$(TORCH) VENV=$(VENV) scripts/setup dev
	@touch $(STAMP) $@

run: $(STAMP) ## Set up and open the dashboard with a worker and a demo run (TORCH=auto|cpu|cuda)
	@exec $(VENV)/bin/danlu up

test: $(DEV_STAMP) ## Set up and run the tests, JOBS=3 at a time (real servers, workers, TensorBoard, PostgreSQL, Chromium)
	@$(PYTEST)

test-all: $(DEV_STAMP) ## The same with the slow ones
	@$(PYTEST) -m "not docker"

test-docker: $(DEV_STAMP) ## Build the images and bring docker-compose.yml up for real (needs a Docker engine)
	@$(PY) -m pytest -m docker tests/docker

lint: $(DEV_STAMP) ## Ruff, mypy, djlint, Dockerfile
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/djlint --lint --quiet templates
	@$(VENV)/bin/hadolint Dockerfile

format: $(DEV_STAMP) ## Put the code in its usual form
	@$(VENV)/bin/ruff check --fix-only .
	@$(VENV)/bin/ruff format .

bench: $(DEV_STAMP) ## Measure what the README claims, and print it as a table
	@$(PY) -m bench

clean: ## Remove what make made (never the home folder)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache dist
