# Needs Python 3.11 or newer, pip, make and git; everything else goes into .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
WORKERS ?= 3
OVERRIDES ?=
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: setup quickstart reproduce-fast test test-gpu lint docs release-check bench bench-gpu bench-sweeps constraints clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	touch $@

# The trials of suite=quickstart, two seeds, on data that comes from PyPI wheels.
quickstart: setup
	$(BIN)/unroll sweep suite=quickstart $(OVERRIDES)

# Published parameter counts, and the table whose rows need no training: minutes, with ETTh1 from $UNROLL_DATA or the hub.
reproduce-fast: setup
	$(BIN)/unroll reproduce keras_parameter_counts tai2015_sst bentrevett_multi30k_deen --row 'parameters*' $(OVERRIDES)
	$(BIN)/unroll reproduce ltsf_linear_etth --row 'repeat*' $(OVERRIDES)

# One thread a process: processes of several threads each would fight for the cores. Three workers on two cores, since
# tests of Slurm and of killed sweeps wait more than they compute; who has nothing left takes over from the others.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) --dist worksteal --durations=20

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The documentation as a site in build/site, which opens from disk. A warning is an error; the tests build it, too.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -q

# Before a release: wheel and sdist are checked, installed elsewhere and run; the pinned versions are audited.
release-check: setup
	$(BIN)/python tools/release_check.py

# On a machine with an NVIDIA GPU, ten minutes each at most; without one the tests skip, and the benchmark says why.
test-gpu: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) --dist worksteal -rs tests/gpu

bench-gpu: setup
	$(BIN)/python -m benchmarks.gpu

bench: setup
	$(BIN)/python -m benchmarks.overhead

bench-sweeps: setup
	$(BIN)/python benchmarks/sweep.py

# Pins what is installed in .venv now. torch loses its build tag, so that any build of that release fits.
constraints: setup
	{ sed '/^[^#]/,$$d' constraints.txt; \
	  $(BIN)/pip freeze --exclude-editable | sed 's/^torch==\([^+]*\).*/torch==\1/'; } > .constraints.new
	mv .constraints.new constraints.txt
	touch $(STAMP)

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
