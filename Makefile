# The study as a graph: data -> training -> generation -> verdicts. `make help` tells what there is.
# A run of a notebook is a file target, results/<profile>/artifacts/done/NAME; its rule stands in .deps.mk, which
# tst/study/dependencies.py writes from notebooks/pipeline.yml and from what the modules import.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := help
.PHONY: help reproduce study smoke ablations tune budget peers peers-longer peers-own env lock bench data own example report lab readme lint check test test-all nightly audit coverage clean clean-artifacts
PROFILE ?= laptop
PYTHON3 ?= python3
export PYTHONPATH := $(CURDIR)
export PYTHONUNBUFFERED := 1
CORES := $(shell env -u OMP_NUM_THREADS nproc 2>/dev/null || echo 2)

# The active conda environment made from environment.yml, or else .venv made from the lock.
PYTHON := $(if $(filter tst,$(CONDA_DEFAULT_ENV)),python,.venv/bin/python)
ENV := $(if $(filter tst,$(CONDA_DEFAULT_ENV)),,.venv/.made-from-lock)
export PYTHON PYTHON3

# As many jobs as there are cores, unless the user says -j: which make shows in MAKEFLAGS only later, hence the look at
# its own command line. One thread each: the same bits whatever -j is, for sums over threads depend on their number.
ifeq ($(MAKELEVEL),0)
SAYS_J := { tr '\0' '\n' </proc/$$PPID/cmdline 2>/dev/null || ps -o args= -p $$PPID | tr ' ' '\n'; printf '%s\n' $$MAKEFLAGS; }
MAKEFLAGS += $(if $(filter 0,$(shell $(SAYS_J) | grep -cE -- '^(-[A-Za-z]*j|--jobs)')),-j$(CORES))
endif
THREADS := 1
# Of a notebook that measures times.
MEASURING := $(if $(filter smoke,$(PROFILE)),1,$(CORES))

# As in tst/io/paths.py: a run that finds no real data writes to results/<profile>-simulated.
REAL := train_1.csv wwt_pages.parquet borg2019_usage.parquet
MORE := gcut/meta.json iot_sentinel.parquet fcc_mba/data_train.npz gcut_attempts.parquet
RAW := $(abspath $(or $(TST_DATA),data))
PRESENT := $(if $(filter smoke,$(PROFILE)),,$(shell cd '$(RAW)' 2>/dev/null && ls -d $(REAL) $(MORE) 2>/dev/null))
RESULTS := results/$(PROFILE)$(if $(filter smoke,$(PROFILE))$(filter $(REAL),$(PRESENT)),,-simulated)
DONE := $(RESULTS)/artifacts/done
BENCH := $(if $(filter smoke,$(PROFILE)),,.bench/.made)
define RUN
@echo "== $(@F) ($(PROFILE))"
@mkdir -p $(@D) && OMP_NUM_THREADS=$(THREADS) $(if $(filter-out 1,$(THREADS)),TST_WARM=) \
  $(PYTHON) -m tst.study.start_notebook $(1) --profile $(PROFILE) $(2)
@touch $@
endef
# The parent of all notebooks of a run, which they are forks of; its libraries have one thread, too. None with make -n.
WARM := $(if $(findstring n,$(firstword -$(MAKEFLAGS))),,OMP_NUM_THREADS=1 $(PYTHON) -m tst.study.warm_parent)
.deps.mk: notebooks/pipeline.yml $(wildcard notebooks/*.ipynb notebooks/ablations/*.yml) $(shell find tst -name '*.py' -o -type d ! -name __pycache__)
	@$(PYTHON3) -m tst.study.dependencies > $@.part && mv $@.part $@ || { echo "Python 3.11 or newer? $$($(PYTHON3) --version). Name another: make PYTHON3=python3.11 ..."; exit 1; }
-include .deps.mk
# Notebooks 15, 19 and 21 compare with what stands in .peers/env, an environment of its own; in miniature with what is there.
PEER_SETS := $(if $(filter smoke,$(PROFILE)),sines-24,%)
PEER_RUNS := $(addprefix $(DONE)/,$(filter 15-peers-$(PEER_SETS),$(NAMES)))
LONGER_RUNS := $(addprefix $(DONE)/,$(filter 21-own-budgets-$(PEER_SETS),$(NAMES)))
$(PEER_RUNS) $(LONGER_RUNS) $(DONE)/19-peers-own: | $(if $(filter smoke,$(PROFILE)),,.peers/.made)

help: ## this list
	@echo "make TARGET [PROFILE=smoke|laptop|full|paper] [TST_DATA=folder of the raw data]"
	@sed -n 's/^\([a-z<>-]*\):.*## /  \1\t/p' Makefile | expand -t 22
	@echo "  one notebook        $(NAMES)"
reproduce: $(ENV) ## the whole study: data, training, generation, verdicts (laptop: 2 cores, no GPU)
	@+$(WARM) $(MAKE) --no-print-directory study
study: $(DONE)/13-claims ## the same, each notebook in a fresh process
	@echo "The $(PROFILE) study is complete: $(RESULTS)/13-claims.ipynb"
	@$(if $(strip $(ABSENT)),echo "Nothing stands in for $(strip $(ABSENT)): not run; $(if $(PRESENT),their files are not in $(RAW),no real data is used here).",:)
smoke: ## all notebooks in miniature, on simulated data
	@$(MAKE) --no-print-directory PROFILE=smoke reproduce
ablations: $(ABLATIONS) ## one change at a time: all files of notebooks/ablations (laptop: about 25 minutes on 2 cores)
	@$(MAKE) --no-print-directory $(DONE)/13-claims
ablation-<name>: ## a single ablation
peers: $(PEER_RUNS) ## compare with other projects' models on public benchmarks, notebook 15; not part of reproduce
peers-longer: $(LONGER_RUNS) ## the same at budgets of their own, notebook 21 (an hour and more a set); not part of reproduce
peers-own: $(DONE)/19-peers-own ## compare `make own` with other projects' models on five tables, notebook 19 (an hour); not part of reproduce
budget: $(addprefix $(DONE)/,$(filter 18-budget-%,$(NAMES))) ## scores against optimiser steps and sizes, notebook 18; not part of reproduce, resumes where it was stopped
tune: $(addprefix $(DONE)/,$(filter 14-tuning-% 22-tuned-rates-%,$(NAMES))) ## the same learning-rate trials for TST and DG, and C3 at the rates found, notebooks 14 and 22; not part of reproduce

env: $(ENV) ## create the environment only
.venv/.made-from-lock: requirements.lock.txt
	@bash .ci/environment && touch $@
lock: ## freeze environment.yml into requirements.lock.txt, with hashes (after a change of the list)
	@bash .ci/lock
bench: .bench/.made ## install what the benchmarks compare with (transformers), outside the environment
.bench/.made: | $(ENV)
	@bash .ci/bench
.peers/.made: tst/study/peers/requirements.txt
	@bash .ci/peers
data: $(ENV) ## build a data set from the published files: make data PARTS=0-9 | EVENTS=0-13 | SET=iot, mba (notebooks/README.md, Data)
	@$(PYTHON) -m tst.data $(if $(SET),--set $(SET),$(if $(EVENTS),--events $(EVENTS),$(if $(PARTS),--parts $(PARTS),--build)))
own: $(ENV) ## a synthetic copy of your table, with its report: make own DATA=series.csv [ID= TIME= CONFIG= N= MINUTES=] | EPSILON=3 PUBLIC=known.yml
	@$(PYTHON) -m tst own "$(or $(DATA),notebooks/example.csv)" --config "$(CONFIG)" \
	  $(if $(ID),--id "$(ID)") $(if $(TIME),--time "$(TIME)") $(if $(ATTRIBUTES),--attributes "$(ATTRIBUTES)") \
	  $(if $(MEASUREMENTS),--measurements "$(MEASUREMENTS)") $(if $(SHAPE),--shape $(SHAPE)) \
	  $(if $(EPSILON),--epsilon $(EPSILON)) $(if $(DELTA),--delta $(DELTA)) $(if $(PUBLIC),--public "$(PUBLIC)") \
	  --name "$(or $(NAME),own)" --number $(or $(N),0) --minutes $(or $(MINUTES),5)
example: $(ENV) ## simulate the example table of `make own` again: notebooks/example.csv
	@$(PYTHON) -m tst.data.simulated.example notebooks/example.csv
report: $(ENV) ## build the website from the results of PROFILE: results/PROFILE/site/index.html, with data and model cards
	@$(PYTHON) -m tst report $(if $(wildcard $(RESULTS)/*.ipynb),$(RESULTS),results/$(PROFILE))
lab: $(ENV) ## JupyterLab on the project's kernel
	@$(PYTHON) -m jupyterlab --notebook-dir=notebooks
readme: $(ENV) ## copy the committed results' numbers into README.md
	@$(PYTHON) -m tst.study.report.readme

PYTEST := OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n $(CORES) --dist loadfile
TESTS := $(PYTEST) -p no:nbval
lint: $(ENV) ## check style, types, import directions, notebooks without outputs
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check . && $(PYTHON) -m mypy --no-error-summary
	@$(PYTHON:python=lint-imports) >.lint-imports.log || { cat .lint-imports.log; exit 1; }
	@$(PYTHON) -m nbstripout --verify --keep-id notebooks/*.ipynb
check: lint ## lint and the quick tests, a minute
	@$(TESTS) -m "not slow and not long" tests --ignore tests/house --ignore tests/fuzz
test: lint ## the study in miniature and all tests but the long ones, six minutes
	@$(MAKE) --no-print-directory smoke
	@$(TESTS) -m "not long" tests
test-all: test ## all tests: also the long ones, and a replay of the executed copies; as continuous integration does
	@$(TESTS:loadfile=worksteal) -m long tests
	@$(PYTEST) --nbval-lax --nbval-current-env results/smoke
nightly: $(ENV) ## long tests (hours): hostile inputs, installation, mutations, runs killed at random moments, identical results with -j1 and -j4
	@bash .ci/nightly
audit: ## ask PyPI which locked packages have known vulnerabilities (needs the network)
	@bash .ci/audit
coverage: $(ENV) ## line coverage of the tests, run one after another
	@OMP_NUM_THREADS=1 $(PYTHON) -m coverage run -m pytest tests; $(PYTHON) -m coverage report
clean: ## remove caches, the smoke run and sites; trained models, series and the environment stay
	rm -rf results/smoke results/*/site .deps.mk .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .lint-imports.log .coverage
clean-artifacts: ## delete the trained models and series of PROFILE after a confirmation; a run recreates them
	@du -sh $(RESULTS)/artifacts && read -rp "Delete $(RESULTS)/artifacts? yes or no: " answer && [ "$$answer" = yes ] && rm -rf $(RESULTS)/artifacts
