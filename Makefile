# Two commands are enough: `make run` (the dashboard) and `make test`. `make help` lists the rest.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8050
NAMES ?=
PROCESSES ?= 2

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
PYTEST = $(PY) -m pytest --numprocesses $(PROCESSES) --dist loadscope --no-loadscope-reorder

# Each step of the set-up writes its stamp last: one that was interrupted is done again.
CREATED := $(VENV)/.created
INSTALLED := $(VENV)/.installed
COMPILED := $(VENV)/.compiled
DEV_INSTALLED := $(VENV)/.dev-installed
BUSY := $(VENV)/.pip-at-work
PEER := .venv-peer
PEER_INSTALLED := $(PEER)/.installed

# What pip warns of is kept: a test looks whether a pin has been yanked.
# Left behind only by a pip that was stopped, perhaps half-way through a package: the environment is then made anew.
define install
touch $(BUSY); $(PIP) install --requirement $(1) 2>$(VENV)/.warnings-$(1); status=$$?; cat $(VENV)/.warnings-$(1) >&2; \
rm -f $(BUSY); exit $$status
endef

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run test check bench docs zoo clean anew

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' Makefile | awk -F '|' '{ printf "make %-8s%s\n", $$1, $$2 }'

run: $(COMPILED) ## the dashboard and its worker at http://127.0.0.1:8050 (HOST=, PORT=)
	@exec $(PY) -m core serve --host $(HOST) --port $(PORT)

# Style and types are checked beside the tests; what they find is shown at the end.
test: $(DEV_INSTALLED) ## style, types and the tests, those in a real browser included (PROCESSES=)
	@sh tools/chromium.sh
	@mkdir -p build
	@{ $(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy && sh tools/front_end.sh; } \
		>build/style.txt 2>&1 & style=$$!; \
	$(PYTEST) -m "not long"; tests=$$?; \
	wait $$style || { cat build/style.txt; exit 1; }; \
	grep "not checked" build/style.txt; \
	exit $$tests

check: $(DEV_INSTALLED) ## what takes long by nature: packages, examples, Redis, torchrun, processes that are killed
	@sh tools/chromium.sh
	@sh tools/redis.sh
	@$(PYTEST) -m long

bench: $(DEV_INSTALLED) $(PEER_INSTALLED) ## the benchmarks, a table at the end
	@sh tools/chromium.sh
	@exec $(PY) -m benchmarks

docs: $(DEV_INSTALLED) ## the Python API as pages in build/docs
	@$(PY) -m pdoc --docformat google --output-directory build/docs loptscope core
	@echo "build/docs/index.html"

zoo: $(COMPILED) ## train the shipped optimizers again (NAMES="one another" for some of them)
	@names='$(NAMES)'; \
	exec $(PY) -m core reproduce --into zoo $${names:-$$($(PY) -c 'from core.runs import zoo; print(*(r.name for r in zoo.recipes()))')}

clean: ## remove the environment and everything that can be made again (runs stay)
	rm -rf $(VENV) $(PEER) build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find app benchmarks core loptscope tests tools -type d -name __pycache__ -prune -exec rm -rf {} +

# Anew if the environment's Python is gone, or if a pip was stopped while at work.
$(CREATED): $(if $(shell test ! -e $(BUSY) && $(PY) -c 'print("works")' 2>/dev/null),,anew)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	found=$$($(PYTHON) -c 'import platform; print(platform.python_version())' 2>/dev/null || echo missing); \
	echo "Loptscope needs Python 3.11 or newer, and $(PYTHON) is $$found: name another with PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(INSTALLED): $(CREATED) requirements.txt pyproject.toml setup.py
	@case "$$(uname -s)$$PIP_INDEX_URL$$PIP_EXTRA_INDEX_URL$$PIP_FIND_LINKS" in \
	Linux) echo "If this downloads gigabytes of CUDA: CONTRIBUTING.md says how to get the small CPU build of torch." ;; esac
	@$(call install,requirements.txt)
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(COMPILED): $(INSTALLED) $(wildcard core/outer/kernels/*.py)
	@echo "Compiling the steps of outer training (once on this machine)."
	@$(PY) -m core.outer.kernels
	@touch $@

# Tests compare the steps in double precision, too: those are compiled while the rest is installed.
$(DEV_INSTALLED): $(COMPILED) requirements-dev.txt
	@$(PY) -m core.outer.kernels --double & compiling=$$!; \
	( $(call install,requirements-dev.txt) ) && wait $$compiling
	@touch $@

# renn, the peer of the outer-step benchmark, beside a JAX of today.
$(PEER_INSTALLED): benchmarks/peer-requirements.txt
	$(PYTHON) -m venv --clear $(PEER)
	$(PEER)/bin/python -m pip --disable-pip-version-check install --quiet --requirement benchmarks/peer-requirements.txt
	$(PEER)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps renn==0.1.0
	@touch $@
