# The everyday words. Needs an environment with `pip install '.[dev]'`; `make run` needs only `pip install .`.
PYTHON ?= python
DATA ?= ../shared/data/manifest.csv
OUT ?= artifacts/bench

.PHONY: help run test check format smoke bench examples ci clean

help:
	@echo "make run       score the example photos"
	@echo "make test      all tests"
	@echo "make check     ruff, ruff format and mypy, changing nothing"
	@echo "make format    let ruff put imports and layout right"
	@echo "make smoke     the whole chain, training to benchmark, on a few dozen photos"
	@echo "make bench     latency and accuracy of every step (DATA=$(DATA) OUT=$(OUT))"
	@echo "make examples  make the example photos again (the coffee cup needs scikit-image)"
	@echo "make ci        what CI runs, in fresh environments"
	@echo "make clean     remove what building and testing left"

run:
	$(PYTHON) -m edge_runtime score examples/

test:
	$(PYTHON) -m pytest -n 2 --dist loadfile

check:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

format:
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

smoke:
	$(PYTHON) -m pytest tests/test_smoke_chain.py

bench:
	$(PYTHON) -m benchmarks run --data $(DATA) --out $(OUT)

examples:
	$(PYTHON) examples/make_examples.py

ci:
	.ci/run

clean:
	rm -rf build dist *.egg-info .ci-venv .ci-venv-runtime .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
