# Two commands on a fresh machine with Python 3.11: `make demo` and `make test`.
PYTHON ?= python3.11
# Two processes share the test files; `make test PYTEST_FLAGS=` runs them in one.
PYTEST_FLAGS ?= -n 2 --dist loadfile
BIN := .venv/bin

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
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[plot]'
	touch $@

.venv/installed-test: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[plot,test]'
	touch $@ .venv/installed

.venv/installed-docs: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	touch $@

clean:
	rm -rf .venv docs/_build demo-output .pytest_cache .mypy_cache .ruff_cache
