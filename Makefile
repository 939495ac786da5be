# Two commands matter: `make demo` and `make test`. Both do all of their set-up on a fresh machine
# with Python 3.11 or later. PYTHON=python3.12 picks another interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo seed-demo test oracle lint format bench bench-throughput bench-stages bench-growth \
	bench-workers bench-web bench-upload bench-adaptive bench-runtimes bench-engagement screens schema messages hooks clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/ready-web  ## Run the site with a demo course and the sample recording (DEMO_EXIT=1: stop after)
	ENGAGEMENT_DATA_DIR=$${ENGAGEMENT_DATA_DIR:-var/demo} $(BIN)/python manage.py demo

seed-demo: $(VENV)/ready-web  ## Fill a course of the demo's site with simulated analyses (make demo does it, too)
	ENGAGEMENT_DATA_DIR=$${ENGAGEMENT_DATA_DIR:-var/demo} $(BIN)/python manage.py migrate --verbosity 0
	ENGAGEMENT_DATA_DIR=$${ENGAGEMENT_DATA_DIR:-var/demo} $(BIN)/python manage.py seed_demo

test: $(VENV)/ready-test  ## Run every test
	@sh tools/ensure_test_programs.sh
	$(BIN)/python -m pytest

oracle: $(VENV)/ready-test  ## Compare every number with the published packages, installed beside
	$(BIN)/python -m pytest -m oracle tests/oracle -s

lint: $(VENV)/ready-test  ## Check style, types and import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python manage.py makemigrations --check --dry-run

format: $(VENV)/ready-test  ## Mend style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/ready-test  ## Measure speed and memory from a cold start (VIDEO=file for your own recording)
	$(BIN)/python -m benchmarks.analysis $(VIDEO)

bench-throughput: $(VENV)/ready-test  ## Measure every frame beside the loop that users have (CHECK=--check)
	$(BIN)/python -m benchmarks.throughput $(CHECK)

bench-stages: $(VENV)/ready-test  ## Measure each part alone, and the whole beside its floor
	$(BIN)/python -m benchmarks.stages $(CHECK)

bench-growth: $(VENV)/ready-test  ## Measure time and memory from a minute to an hour of video
	$(BIN)/python -m benchmarks.growth $(CHECK)

bench-workers: $(VENV)/ready-test  ## Measure recordings an hour with 1, 2 and 4 worker processes
	$(BIN)/python -m benchmarks.workers

bench-web: $(VENV)/ready-test  ## Measure pages with a class of 200 students and 40 lessons
	$(BIN)/python -m benchmarks.web

bench-upload: $(VENV)/ready-test  ## Measure resumable uploads of up to 2 GB, and the web server's memory
	$(BIN)/python -m benchmarks.upload

bench-adaptive: $(VENV)/ready-test  ## Measure what passing frames over costs
	$(BIN)/python -m benchmarks.adaptive_sampling

bench-runtimes: $(VENV)/ready-test  ## Time every model on every runtime (MODELS=names; ten minutes for all)
	$(BIN)/python -m benchmarks.runtimes $(MODELS)

bench-engagement: $(VENV)/ready-test  ## Measure engagement from sampled frames against every frame (VIDEO=files)
	$(BIN)/python -m benchmarks.engagement_sampling $(VIDEO)

screens: $(VENV)/ready-test  ## Take pictures of every page for docs/screens (ONLY=part of a page's name)
	$(BIN)/python tools/make_screens.py $(if $(ONLY),--only "$(ONLY)")

schema: $(VENV)/ready-test  ## Publish the JSON Schema of an analysis in docs/
	$(BIN)/engagement schema > docs/analysis.schema.json

messages: $(VENV)/ready-test  ## Gather the texts to translate and compile the catalogues
	$(BIN)/python tools/gather_messages.py
	$(BIN)/python tools/compile_messages.py

hooks: $(VENV)/ready-test  ## Check every commit before it is made
	$(BIN)/pre-commit install

clean:  ## Remove what the targets made, the demo's data and the environment included
	rm -rf $(VENV) var build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache artifacts staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/ready-web: pyproject.toml | $(VENV)/bin/python
	@echo "Installing (a few minutes the first time; torch is large) ..."
	$(PIP) install --quiet --editable '.[web]'
	@touch $@

$(VENV)/ready-test: pyproject.toml | $(VENV)/bin/python
	@echo "Installing with the test tools (a few minutes the first time; torch is large) ..."
	$(PIP) install --quiet --editable '.[web,onnx,openvino,train,sample,test]'
	@touch $@ $(VENV)/ready-web
