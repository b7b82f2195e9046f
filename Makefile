# Each target makes its own virtual environment first when there is none.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Twice two cores: tests wait for processes and services half of the time.
TEST_JOBS ?= 4
# Fewer: these seldom wait, and each of the processes loads the tests.
QUICK_TEST_JOBS ?= 3
# More than either: these wait for blocks, backoffs and ends of processes most of the time.
SLOW_TEST_JOBS ?= 5
# A test process that crashes ends the run: xdist would wait for ever for the rest of its file.
# Tests start the program hundreds of times: it is compiled once, even where Python is told to keep nothing.
unexport PYTHONDONTWRITEBYTECODE
PYTEST = $(BIN)/python -m pytest -n $(TEST_JOBS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0

.PHONY: demo demo-headless quick test test-slow test-pythons lint-test lint types layers check mutants faults faults-short soak fuzz bench bench-gpu pictures contracts clean help

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

# A current pip works out what to install in three fifths of the time of the one that comes with Python 3.11.
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

$(VENV)/.pip:
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	@touch $@

$(VENV)/.installed: $(VENV)/.pip pyproject.toml constraints.txt
	$(PIP) --no-compile -e '.[dev]'
	@touch $@

# Of the modules installed a fifth is ever loaded: pip compiles none, and one process what the tests load, before
# several would compile the same. What is wrong with a test, its run reports.
$(VENV)/.compiled: $(VENV)/.installed
	@$(BIN)/python -m pytest --collect-only >/dev/null || true
	@touch $@

DEMO = $(BIN)/emeth-tui --devnet --device cpu --device cpu --exit-after-jobs 2

demo: $(VENV)/.installed  ## Run the main job on the built-in local network: two jobs, earned and verified
	@if [ -t 0 ] && [ -t 1 ]; then $(DEMO); else $(DEMO) --no-ui; fi

demo-headless: $(VENV)/.installed  ## The same, as lines on stdout
	$(DEMO) --no-ui

quick: $(VENV)/.installed  ## Run what needs no torch, network, contracts or screen: for the inner loop
	$(PYTEST) -n $(QUICK_TEST_JOBS) --without-torch --ignore tests/contracts -m 'not slow and not process and not screen'

test: $(VENV)/.compiled  ## Run the tests, a whole job on a local network among them
	$(PYTEST) -m 'not slow'

test-slow: $(VENV)/.compiled  ## Run what `make test` leaves out: whole nodes, kills, the benchmarks' own tests
	$(PYTEST) -n $(SLOW_TEST_JOBS) -m slow

test-pythons: $(VENV)/.pip  ## Run what needs no torch, network, contracts or screen on every other Python that lies here
	$(PYTHON) -m tools.pythons $(VENV) --ignore tests/contracts --ignore tests/tui -m 'not slow and not process'

# More than the cores: runs wait for blocks half of the time. Six at once took longer, and polled more meanwhile.
RUNS_AT_ONCE ?= 4
faults: $(VENV)/.installed  ## Break a node and its network in every way of docs/reliability.md
	$(BIN)/python -m tests.faults --jobs $(RUNS_AT_ONCE)

faults-short: $(VENV)/.installed  ## The eight of these runs that money hangs on most
	$(BIN)/python -m tests.faults --short --jobs $(RUNS_AT_ONCE)

SEEDS ?= 200
HOSTS ?=
soak: $(VENV)/.installed  ## The same at random: `make soak SEEDS=200 RUNS_AT_ONCE=8`, or HOSTS=any
	$(BIN)/python -m tests.faults --seeds $(SEEDS) --jobs $(RUNS_AT_ONCE) --hosts '$(HOSTS)'

MEGABYTES ?= 24
fuzz: $(VENV)/.installed  ## Feed every parser damaged input: `make fuzz MEGABYTES=24`
	$(BIN)/python -m tests.fuzz --megabytes $(MEGABYTES)

mutants: $(VENV)/.installed  ## Change protocol, money and nonces in hundreds of ways: each should fail a test
	$(BIN)/mutmut run --max-children $(TEST_JOBS)
	$(BIN)/mutmut results

lint: $(VENV)/.installed  ## Check style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --no-print-directory -j 2 types layers

types: $(VENV)/.installed
	$(BIN)/mypy

layers: $(VENV)/.installed
	$(BIN)/lint-imports
	$(BIN)/python -m tools.structure
	$(BIN)/deptry .

# What waits for a package index leaves a core to what does not; whole nodes and faults have the cores to themselves.
check:  ## Everything that CI checks
	$(MAKE) --no-print-directory -j 2 test-pythons lint-test
	$(MAKE) --no-print-directory test-slow
	$(MAKE) --no-print-directory faults

lint-test: lint
	$(MAKE) --no-print-directory test

bench: $(VENV)/.installed  ## Measure, on a CPU; results and method are in BENCHMARKS.md
	$(BIN)/python -m benchmarks all

# Without a package index, `python3 -m benchmarks gpu` does the same with the packages at hand; it names those it lacks.
bench-gpu: $(VENV)/.installed  ## Measure on an H100 or H200, in under 10 minutes
	$(BIN)/python -m benchmarks gpu

pictures: $(VENV)/.installed  ## Take the pictures of the README again
	$(BIN)/python -m tools.pictures

contracts:  ## Build the contracts again; needs node
	cd contracts && npm ci && npm run build

clean:  ## Delete the virtual environment and every cache
	rm -rf $(VENV) $(VENV)-3.* mutants .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
