# Every command of the book. `make` alone lists them.
# Written for any make from 3.81 (macOS's) on and for /bin/sh.

PYTHON ?= python3
PORT ?= 8000
PY := .venv/bin/python

# Finds the recordings once for everything that follows in the same recipe, so that nothing asks the
# network again. If they cannot be used (a damaged ECGKIT_DATA), the command says so, and make stops.
FIND_DATA = found=$$($(PY) -m ecgkit data --fetch --json) && \
	ECGKIT_SOURCE=$$($(PY) -c 'import json, sys; print(json.loads(sys.argv[1])["source"])' "$$found") && \
	export ECGKIT_SOURCE || exit 2

SAY_DATA = case $$ECGKIT_SOURCE in \
	mitdb) echo "Data used: MIT-BIH, real recordings ($${ECGKIT_DATA:-per-user cache}).";; \
	*) echo "Data used: SYNTHETIC records, not MIT-BIH. For the real ones connect to the network," \
	        "or set ECGKIT_DATA to the folder that holds them.";; \
	esac

.PHONY: help install book html pdf zip site serve test check notebooks student slides lab address lock
.NOTPARALLEL:

help:
	@echo 'Commands:'
	@sed -n 's/^\([a-z]*\):.*## /  make \1|/p' Makefile | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

install: .venv/.installed  ## make .venv and install what the lock file lists

book: .venv/.installed  ## run every notebook here, render the book, print its path
	@$(FIND_DATA); failed=0; \
	$(PY) book/tools/run_notebooks.py --quick || failed=1; \
	$(PY) book/tools/render.py || failed=1; \
	$(SAY_DATA); exit $$failed

html: .venv/.installed  ## render the book without running a notebook
	@$(PY) book/tools/render.py

pdf: .venv/.installed  ## render and print the whole book into one PDF (needs Chromium)
	@$(PY) book/tools/render.py && $(PY) book/tools/pdf.py

zip: .venv/.installed  ## render the book and pack it to be read without a network
	@$(PY) book/tools/render.py && $(PY) book/tools/offline.py

site: .venv/.installed  ## render the book with the PDF and the zip to download, as on the web
	@$(PY) book/tools/render.py && $(PY) book/tools/pdf.py && $(PY) book/tools/offline.py --site

serve: .venv/.installed  ## show the rendered book on localhost (PORT=8000)
	@test -f book/_build/html/index.html || $(PY) book/tools/render.py
	@echo 'The book is at http://localhost:$(PORT)/ until you press Ctrl-C.'
	@$(PY) -m http.server $(PORT) --bind 127.0.0.1 --directory book/_build/html

# Measuring which lines the tests run adds a fifth to their time: COVERAGE='--cov --cov-report='.
COVERAGE ?=

test: .venv/.installed  ## linters, types, tests; about 4 minutes
	@$(FIND_DATA); set -e; \
	$(PY) -m ruff check .; \
	$(PY) -m ruff format --check .; \
	$(PY) -m mypy; \
	$(PY) -m pytest --numprocesses auto --dist loadfile -m 'not slow' $(COVERAGE) --junitxml=.check/test.xml; \
	$(if $(COVERAGE),echo "The tests run $$($(PY) -m coverage report --format=total) % of the lines.";) \
	$(SAY_DATA); echo "All passed. Report: $(CURDIR)/.check/test.xml"

check: .venv/.installed  ## the slow tests: installed wheel, headless browser, links, MIT-BIH
	@$(FIND_DATA); set -e; \
	$(PY) book/tools/render.py; \
	$(PY) -m pytest -m slow --junitxml=.check/check.xml; \
	$(SAY_DATA); echo "All passed. Report: $(CURDIR)/.check/check.xml"

notebooks: .venv/.installed  ## run at full scale and store the outputs (PAGE=07: one page)
	@$(FIND_DATA); $(PY) book/tools/run_notebooks.py --store $(if $(PAGE),--page $(PAGE))

student: .venv/.installed  ## pack the notebooks without their solutions, for a class
	@$(PY) book/tools/classroom.py

slides: .venv/.installed  ## make slides of one lesson (PAGE=07), to be shown without a network
	@$(PY) book/tools/classroom.py --slides $(PAGE)

lab: .venv/.installed  ## open the notebooks in JupyterLab
	@$(PY) -m jupyterlab notebooks

address: .venv/.installed  ## show the project's address; URL=https://... rewrites it everywhere
	@$(PY) book/tools/address.py '$(URL)'

# A broken virtual environment (half made, its Python gone) is made anew. The first installation
# shows pip's progress, because it takes minutes; later ones are quiet.
.venv/.installed: requirements.lock pyproject.toml
	@$(PY) -m pip --version >/dev/null 2>&1 || { \
		rm -f $@; \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
			echo "The book needs Python 3.11 or newer; '$(PYTHON) --version' says:" \
			     "$$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12" >&2; exit 2; }; \
		$(PYTHON) -m venv --clear .venv; }
	@echo 'Installing into .venv; the first time this takes some minutes.'
	@$(PY) -m pip install $(if $(wildcard $@),--quiet) --requirement requirements.lock
	@$(PY) -m pip install --quiet --no-deps --editable .
	@touch $@

# The lock file is for every platform and for every Python that the book supports, so:
# - make it with the oldest one (make lock PYTHON=/path/to/python3.11);
# - it leaves out what only PyTorch for Linux needs (NVIDIA's libraries, triton), which pip adds
#   there by itself, and writes torch's version without "+cpu", which PyPI does not have.
# Versions already in the file are kept where pyproject.toml allows; UPGRADE=1 takes the newest.
lock:  ## renew requirements.lock after a change of pyproject.toml (UPGRADE=1)
	@set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools/venv"; \
	"$$tools/venv/bin/python" -m pip install --quiet pip-tools; \
	cp requirements.lock "$$tools/new"; \
	"$$tools/venv/bin/python" -m piptools compile --quiet $(if $(UPGRADE),--upgrade) \
		--extra book --extra dev --strip-extras --allow-unsafe --annotation-style line \
		--no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--output-file "$$tools/new" pyproject.toml; \
	{ echo '# Exact versions that make installs. Made by: make lock (see Makefile). Do not edit.'; \
	  sed -E -e '/^(nvidia-|cuda-|triton)/d' -e '/^ *(#.*)?$$/d' -e 's/\+cpu//' "$$tools/new"; \
	} > requirements.lock
	@echo "requirements.lock holds $$(grep -c == requirements.lock) packages."
