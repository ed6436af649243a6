# Two commands do everything: `make run` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
SCENARIO ?= scenarios/quickstart.toml

.PHONY: run test lint nightly bench clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/bin/python -m pip install --quiet --editable '.[dev]'
	touch $@

run: $(VENV)/.installed   ## run the quickstart federation (or SCENARIO=...)
	$(VENV)/bin/fedreid run $(SCENARIO)

test: $(VENV)/.installed lint   ## the whole test suite
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2 --dist loadgroup

lint: $(VENV)/.installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

nightly: $(VENV)/.installed   ## published datasets' scenarios on their synthetic twins, all methods' reports drawn (minutes)
	$(VENV)/bin/python -m pytest tests/nightly --override-ini addopts=-q

bench: $(VENV)/.installed   ## speed and memory figures, as ratios within one run (takes a while)
	$(VENV)/bin/python -m tests.benchmarks

clean:
	rm -rf $(VENV) build *.egg-info
