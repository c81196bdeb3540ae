# Two commands on a fresh machine with Python 3.11: `make demo` and `make test`.
PYTHON ?= python3.11
# Two processes share the test files; `make test PYTEST_FLAGS=` runs them in one.
PYTEST_FLAGS ?= -n 2 --dist loadfile
BIN := .venv/bin

.PHONY: demo test lint clean

demo: .venv/installed
	$(BIN)/preforget demo --out demo-output

test: .venv/installed-test
	$(BIN)/pytest -m "not gpu" $(PYTEST_FLAGS)

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[plot]'
	touch $@

.venv/installed-test: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[plot,test]'
	touch $@ .venv/installed

clean:
	rm -rf .venv demo-output .pytest_cache .mypy_cache .ruff_cache
