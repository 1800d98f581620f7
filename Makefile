# `make run` and `make test` do all the set-up on a fresh machine.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint format browser clean

run: $(VENV)/run.stamp  ## the demo on the bundled model, in the browser
	$(BIN)/python app.py --inbrowser

test: $(VENV)/test.stamp browser lint  ## everything the tests need, then the tests
	$(BIN)/python -m pytest

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

browser:  ## Chromium for the browser tests, from the system's packages
	@command -v chromium >/dev/null || sh tests/browser/install-chromium.sh

$(VENV)/run.stamp: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	touch $@

$(VENV)/test.stamp: requirements-dev.txt requirements-ray.txt $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
