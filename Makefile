# fixfast needs Python 3.11 or newer, a C compiler and make. Everything else is fetched into .venv.
#
#   make demo    watch an exchange and a bot trade over FIX, lose their connection and recover
#   make test    run the tests
#
# Another interpreter: make distclean && PYTHON=python3.13 make test

SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
DEMO_ARGS ?=
PYTEST_ARGS ?=
# The tests run in one process for each core; PYTEST_WORKERS= runs them in one.
PYTEST_WORKERS ?= -n auto --dist worksteal
EXTRAS ?= test,cli
BENCH_ARGS ?=
SEEDS ?= 2000
BASE ?= $(shell git rev-parse --short=7 HEAD 2>/dev/null || echo 1)
GATE_ARGS ?=
FUZZ_ARGS ?= --seconds 30
CRASH_ARGS ?= --rounds 200
SOAK_ARGS ?= --minutes 10
NEON_ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
# What the compiled modules and the generated ones are made of. (Names starting with _ are made by the build, and so is
# the .c beside a .pyx.)
PYX := $(shell find fixfast -name '*.pyx')
SOURCES := $(PYX) $(filter-out $(PYX:.pyx=.c), $(shell find fixfast -name '*.c')) \
	$(shell find fixfast/codec fixfast/dictionary -name '*.pxd' -o -name '*.h' -o -name '*.xml' -o -name '*.toml' \
	-o -path '*dictionary/*.py' | grep -v '/_data_pairs')

.DEFAULT_GOAL := help
.PHONY: help demo test simulate simulate-long conformance test-neon lint bench bench-check bench-gate bench-report bench-stores bench-sessions bench-storms bench-round-trip bench-matching bench-exchange exchange-days order-days soak docs pages sanitize coverage fuzz crash interop install clean distclean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed -n 1,6p
	@echo 'also: simulate simulate-long conformance test-neon lint bench bench-check bench-gate bench-report bench-stores bench-sessions bench-storms bench-round-trip bench-matching bench-exchange exchange-days order-days soak docs pages sanitize coverage fuzz crash interop install clean distclean'

# --- the environment -------------------------------------------------------------------------------------

$(PY):
	@test -n "$(PYTHON)" || { echo 'fixfast needs Python 3.11 or newer: PYTHON=/path/to/python make ...' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo '$(PYTHON) is not Python 3.11 or newer: PYTHON=/path/to/python make ...' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Installed once, and again when something that is compiled or generated has changed, or the build files have.
$(VENV)/.installed: pyproject.toml setup.py $(SOURCES) | $(PY)
	$(PY) -m pip install -qq --editable '.[$(EXTRAS)]'
	@touch $@

$(VENV)/.bench: pyproject.toml | $(VENV)/.installed
	$(PY) -m pip install -qq --editable '.[bench]'
	@touch $@ $(VENV)/.installed

$(VENV)/.docs: pyproject.toml | $(VENV)/.installed
	$(PY) -m pip install -qq --editable '.[docs]'
	@touch $@ $(VENV)/.installed

# atheris guides the fuzzer where it can be had; where it cannot, a seeded mutator does the work.
$(VENV)/.fuzz: | $(VENV)/.installed
	-$(PY) -m pip install -qq --only-binary :all: 'atheris>=2.3'
	@touch $@

install: $(VENV)/.installed

# --- the two commands ------------------------------------------------------------------------------------

demo: install
	@$(PY) -m fixfast demo $(DEMO_ARGS)

test: install
	$(PY) -m pytest $(PYTEST_WORKERS) $(PYTEST_ARGS)

# docs/conformance.md: every required behaviour, the tests that carry its id, and what they say now.
conformance: install
	@mkdir -p build
	$(PY) -m pytest -q $(PYTEST_WORKERS) --conformance=build/conformance.json $(PYTEST_ARGS)
	$(PY) -m tests.conformance build/conformance.json

# Two sessions on two journals against everything that fails (docs/simulation.md): SEEDS runs from seed BASE on, which
# a commit makes new ones of. simulate-long: each fault at each place of a short conversation, all mutants, and 200,000 runs.
simulate: install
	$(PY) -m tests.simulation --runs $(SEEDS) --seed $(BASE) --processes 2

simulate-long: install
	$(PY) -m tests.simulation --scope --processes 2
	$(PY) -m tests.simulation --mutants --runs 5000 --seed $(BASE) --processes 2
	$(PY) -m tests.simulation --runs 200000 --seed $(BASE) --processes 2

# Random days of the matching engine beside its model (docs/matching.md).
DAYS ?= 10000
exchange-days: install
	$(PY) -m tests.exchange.days --days $(DAYS) --seed $(or $(SEED),1) --processes 2

# Random days of orders and faults: the OrderManager's invariants, alone and with the exchange.
order-days: install
	for kind in plain faults good bad; do $(PY) -m tests.trading.days $$kind --days $(DAYS) --seed $(or $(SEED),1) || exit 1; done

# The kernel for 64-bit ARM against the scalar one, under qemu where this is another processor.
test-neon:
	sh tests/kernels/neon.sh $(NEON_ARGS)

# --- checks ----------------------------------------------------------------------------------------------

lint: install
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" cython-lint fixfast
	$(PY) -m mypy fixfast
	# In tests, narrowing takes what a call changes for granted: no complaints about that.
	$(PY) -m mypy --explicit-package-bases --no-warn-unreachable --no-strict-equality \
		benchmarks docs examples tests

# The codec's tests under AddressSanitizer and UndefinedBehaviourSanitizer, in a copy of the tree.
sanitize: install
	PY="$(CURDIR)/$(PY)" sh .ci/sanitize.sh $(PYTEST_ARGS)

# Lines of Python and of Cython that the tests reach, in a copy of the tree built with line tracing.
coverage: install
	PY="$(CURDIR)/$(PY)" sh .ci/coverage.sh $(PYTEST_ARGS)

fuzz: install $(VENV)/.fuzz
	$(PY) -m tests.fuzz.run $(FUZZ_ARGS)

# kill -9 at random moments of two processes that trade, and an audit of what they have in the end.
crash: install
	$(PY) -m tests.crash $(CRASH_ARGS)

# An exchange and its clients trade while they are cut and killed; in the end all books agree to the share and the cent.
soak: install
	$(PY) -m tests.soak $(SOAK_ARGS)

# Both roles against QuickFIX, which comes with the benchmarks' rivals.
interop: install $(VENV)/.bench
	$(PY) -m pytest -q tests/interop $(PYTEST_ARGS)

bench: install $(VENV)/.bench
	$(PY) -m benchmarks $(BENCH_ARGS)

# The same as Markdown and plots in build/bench.
bench-report: install $(VENV)/.bench
	$(PY) -m benchmarks --report build/bench $(BENCH_ARGS)

# Messages per second of each store under each sync policy, beside QuickFIX's stores.
bench-stores: install $(VENV)/.bench
	$(PY) -m benchmarks.store_rates $(BENCH_ARGS)

# 2,000 live sessions on one event loop, each with a store: does any get lost, and how late is the loop?
bench-sessions: install
	$(PY) -m benchmarks.many_sessions $(BENCH_ARGS)

# Orders per second of the matching engine alone.
bench-matching: install $(VENV)/.bench
	$(PY) -m benchmarks.matching $(BENCH_ARGS)

# Orders per second through the simulated exchange, over one session.
bench-exchange: install $(VENV)/.bench
	$(PY) -m benchmarks.exchange_orders $(BENCH_ARGS)

# An acceptor when everybody comes at once, and when some do not read.
bench-storms: install
	$(PY) -m benchmarks.storms $(BENCH_ARGS)

# An order and its report over loopback for every front end, beside raw sockets and rivals; on one core, and on two.
bench-round-trip: install $(VENV)/.bench
	$(PY) -m benchmarks.round_trip $(BENCH_ARGS)

# Every workload and probe once, untimed: that rivals agree, and that what is reported can be measured.
bench-check: install $(VENV)/.bench
	$(PY) -m pytest -q benchmarks --benchmark-disable

# Instructions per message, counted by valgrind and compared with benchmarks/gate.json. GATE_ARGS=--renew keeps them.
bench-gate: install
	$(PY) -m benchmarks.gate $(GATE_ARGS)

# The tables in docs/ that are made of the code: keys of configuration files, settings of QuickFIX's.
pages: install
	$(PY) -m docs.keys
	$(PY) -m docs.settings
	$(PY) -m docs.messages

docs: install $(VENV)/.docs
	$(PY) -m docs.build build/docs

# --- tidying ---------------------------------------------------------------------------------------------

# What builds and tools leave behind; the environment stays (the next command builds again).
clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks .coverage* htmlcov
	rm -rf fixfast/fix[0-9]* fixfast/fixt[0-9]*
	rm -rf fixfast/codec/_data_pairs.* fixfast/dictionary/blobs
	rm -f $(PYX:.pyx=.c)
	find fixfast -name '*.so' -o -name '*.pyd' | xargs rm -f
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
	rm -f $(VENV)/.installed

distclean: clean
	rm -rf $(VENV)
