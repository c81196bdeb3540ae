# Two commands on a fresh machine with Python 3.11: `make demo` and `make test`.
PYTHON ?= python3.11
# Two processes share the test files, in the order of tests/sharing.py; `make test PYTEST_FLAGS=` runs them in one.
PYTEST_FLAGS ?= -n 2 --dist loadfile --no-loadscope-reorder
BIN := .venv/bin

# The tests start many processes: each would compile all modules anew where the environment forbids to keep the result.
export PYTHONDONTWRITEBYTECODE =

# uv installs where it is there, pip otherwise (`make UV= ...` takes pip). uv doesn't read pip's settings, so it is
# handed pip's places for wheels; without them it may take builds of torch with gigabytes of CUDA libraries.
UV ?= $(shell command -v uv)
LINKS := $(or $(PIP_FIND_LINKS),$(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null))
ifeq ($(UV),)
VENV := $(PYTHON) -m venv .venv
# As with uv, modules are compiled when they are first used: to compile all of them takes pip minutes.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile
else
VENV := $(UV) venv --quiet --python $(PYTHON) .venv
INSTALL := $(UV) pip install --quiet --python $(BIN)/python $(foreach link,$(LINKS),--find-links $(link))
endif

.PHONY: demo test lint docs clean

demo: .venv/installed
	$(BIN)/preforget demo --out demo-output

test: .venv/installed-test
	$(BIN)/pytest -m "not gpu" $(PYTEST_FLAGS)

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Builds without network; every warning, such as a link that leads nowhere, is an error. Links that leave the
# site are not fetched but listed in docs/_build/outer-links.txt.
docs: .venv/installed-docs
	$(BIN)/sphinx-build -W --keep-going -q -b html -d docs/_build/doctrees docs docs/_build/html

.venv/bin/python:
	$(VENV)

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -c constraints.txt -e '.[plot,serve]'
	touch $@

.venv/installed-test: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -c constraints.txt -e '.[plot,test]'
	touch $@ .venv/installed

.venv/installed-docs: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -c constraints.txt -e '.[docs]'
	touch $@

clean:
	rm -rf .venv docs/_build demo-output .pytest_cache .mypy_cache .ruff_cache
