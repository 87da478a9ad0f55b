# Everything runs from .venv, which `make venv` builds; see `make help`.
# PYTHON=/path/to/python3.12 chooses the interpreter.

VENV := .venv
RUN := $(VENV)/bin/python
SOURCES := wagtail_mailarchive example_project tests benchmarks
# Where Python is told to write no bytecode, each process of the tests would compile it all again.
unexport PYTHONDONTWRITEBYTECODE
# More than there are processors: tests wait for servers and browsers half of their time.
WORKERS := $(shell echo $$(( $$(nproc) * 2 )))
# Tests in which the database has a say, and of these the ones that have most of it.
ON_POSTGRESQL := tests/archive tests/models tests/faults/test_identity.py \
	$(patsubst %,tests/fetching/test_%.py,afterwards anomalies durability faults maildrop \
	pop3_removal reconciliation run schedule tokens unreadable unwanted upkeep wanted) \
	$(patsubst %,tests/reading/test_%.py,folder_page folder_views narrowed_threads many_hidden \
	thread_page search_page feeds api) tests/admin/test_explorer.py tests/admin/test_trash.py \
	tests/collaboration
FIRST_ON_POSTGRESQL := tests/models tests/faults/test_identity.py tests/reading/test_folder_page.py \
	tests/reading/test_narrowed_threads.py tests/admin/test_explorer.py \
	$(patsubst %,tests/archive/test_%.py,chain facets month_counts originals search search_building \
	search_operators thread_decisions threads trash tree verify writer) \
	$(patsubst %,tests/fetching/test_%.py,anomalies durability faults reconciliation run schedule \
	tokens upkeep)

.DEFAULT_GOAL := help
.PHONY: help venv demo test postgresql browser faults hostile soak lint messages bench matrix package clean

help: ## Show this
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -e 's/:.*## /	/' | expand -t 12

venv: $(VENV)/.ready-dev ## Install all that development needs into .venv

# Installing again is needed only where the requirements changed.
$(VENV)/.ready-dev: setup.cfg
	@scripts/venv.sh $(VENV) dev

$(VENV)/.ready-demo: setup.cfg
	@scripts/venv.sh $(VENV) demo

demo: $(VENV)/.ready-demo ## Run a small intranet with mail at http://localhost:8000
	@$(RUN) -m example_project.demo

test: $(VENV)/.ready-dev ## Run the tests, but not the soak; installs Dovecot, Chromium and PostgreSQL if it may
	@scripts/servers.sh
	@scripts/axe.sh
	@scripts/tests.sh $(RUN) $(WORKERS) $(FIRST_ON_POSTGRESQL) -- $(PYTEST_ARGS)

postgresql: $(VENV)/.ready-dev ## Run all tests in which the database has a say on PostgreSQL
	@scripts/servers.sh
	@$(RUN) -m tests.postgresql_lane -n $(WORKERS) --dist worksteal $(ON_POSTGRESQL)

browser: $(VENV)/.ready-dev ## Go through all screens in windows wide and narrow, light and dark
	@scripts/servers.sh
	@scripts/axe.sh
	@BROWSER=all $(RUN) -m pytest -n $(WORKERS) --dist worksteal -m browser $(PYTEST_ARGS)

faults: $(VENV)/.ready-dev ## Stop the fetch at every step there is, in every way (takes long)
	@scripts/servers.sh
	@$(RUN) -m tests.faults -q -n auto $(FAULTS_ARGS)

hostile: $(VENV)/.ready-dev ## Throw all hostile mail and HTML at the archive (takes long)
	@scripts/servers.sh
	@echo "Hostile mail, on PostgreSQL:"
	@HOSTILE=all $(RUN) -m tests.postgresql_lane -q -n auto tests/hostile/test_mail.py
	@HYPOTHESIS=random $(RUN) -m tests.hostile -q -n auto $(HOSTILE_ARGS)

soak: $(VENV)/.ready-dev ## Kill workers for ten minutes while mail comes and goes, and count
	@scripts/servers.sh
	@$(RUN) -m pytest -q tests/soak
	@$(RUN) -m tests.soak $(SOAK_ARGS)

lint: $(VENV)/.ready-dev ## Check style, types, the contract between rooms, and migrations
	@$(RUN) -m ruff check $(SOURCES)
	@$(RUN) -m ruff format --check $(SOURCES)
	@$(RUN) -m mypy
	@$(VENV)/bin/lint-imports
	@DJANGO_SETTINGS_MODULE=tests.settings $(RUN) -m django makemigrations --check --dry-run

messages: $(VENV)/.ready-dev ## Bring the catalogues of translations up to date (takes gettext)
	@$(RUN) scripts/messages.py

bench: $(VENV)/.ready-dev ## Measure fetching beside other programs (takes long)
	@scripts/servers.sh
	@$(RUN) -m benchmarks.fetch $(BENCH_ARGS)

matrix: ## Run the tests on each supported pair of Python and Django
	@scripts/matrix.sh

package: $(VENV)/.ready-dev ## Build sdist and wheel into dist/
	@$(RUN) -m build

clean: ## Remove what was built and installed here
	rm -rf build dist .venv .venv-3.* *.egg-info .mypy_cache .ruff_cache .pytest_cache
