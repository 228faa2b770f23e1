# The study as a graph: data -> training -> generation -> verdicts. `make help` tells what there is.
# Every notebook of a profile is one file target under results/<profile>/artifacts/done; its prerequisites are the
# notebook, the tst modules it imports (tst/io/closure.py), the profile and the notebooks whose output it reads.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := help
PROFILE ?= laptop
PYTHON3 ?= python3
export PYTHONPATH := $(CURDIR)
export PYTHONUNBUFFERED := 1
export PYTHONDONTWRITEBYTECODE := 1

# The active conda environment made from environment.yml, or else .venv made from the lock.
ifeq ($(CONDA_DEFAULT_ENV),tst)
PYTHON := python
ENV :=
else
PYTHON := .venv/bin/python
ENV := .venv/.made-from-lock
endif

# $(shell) does not see a variable given to make before make 4.4, hence by hand.
ASK := $(if $(TST_DATA),TST_DATA='$(TST_DATA)') $(PYTHON3)
RESULTS := $(shell $(ASK) -c 'from tst.io import paths; print(paths.results_dir("$(PROFILE)").relative_to(paths.ROOT))')
RAW := $(shell $(ASK) -c 'from tst.io import paths; print(paths.data_dir())')
DONE := $(RESULTS)/artifacts/done
# Every notebook has one core, and as many run side by side as there are cores: the same bits whatever -j is, for sums over
# threads depend on their number.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
THREADS := 1

.PHONY: help
help: ## this list
	@echo "make TARGET [PROFILE=smoke|laptop|paper] [TST_DATA=folder of the raw data]"
	@sed -n 's/^\([a-z<>-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 22
	@echo "  one notebook        $(NAMES)"

.PHONY: reproduce smoke
reproduce: $(DONE)/13-claims ## the whole study: data, training, generation, verdicts (laptop: 2 cores, no GPU)
	@echo "The $(PROFILE) study is complete: $(RESULTS)/13-claims.ipynb"
smoke: ## all notebooks in miniature, on simulated data
	@$(MAKE) --no-print-directory PROFILE=smoke reproduce

ABLATIONS := $(patsubst notebooks/ablations/%.yml,%,$(wildcard notebooks/ablations/*.yml))
DATA_OF = $(DONE)/01-data-$(shell sed -n 's/^dataset: //p' notebooks/ablations/$(1).yml)
.PHONY: ablations $(ABLATIONS:%=ablation-%)
ablations: $(ABLATIONS:%=ablation-%) ## one change at a time: all files of notebooks/ablations (laptop: about 25 minutes on 2 cores)
	@$(MAKE) --no-print-directory $(DONE)/13-claims
ablation-<name>: ## one of them alone
$(ABLATIONS:%=ablation-%): ablation-%: $(DONE)/08-ablation-%

# ---- environment
.PHONY: env lock
env: $(ENV) ## only make the environment
.venv/.made-from-lock: requirements.lock.txt
	@$(PYTHON3) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON3) is $$($(PYTHON3) --version). Name another: make PYTHON3=python3.11 ..."; exit 1; }
	@echo "Making .venv from requirements.lock.txt: a few minutes, about 2 GB; only once."
	@$(PYTHON3) -c 'import venv, ensurepip' 2>/dev/null || { echo "python3 lacks venv; on Debian: apt-get install python3-venv"; exit 1; }
	@test -x .venv/bin/python || $(PYTHON3) -m venv .venv
	@index=""; if ! command -v nvidia-smi >/dev/null; then \
	  if $(PYTHON3) -c 'import urllib.request as u; u.urlopen("https://download.pytorch.org/whl/cpu/torch/", timeout=5)' 2>/dev/null; then \
	    index="--extra-index-url https://download.pytorch.org/whl/cpu"; echo "No GPU: taking the CPU build of torch."; \
	  else echo "No GPU, and PyTorch's own index is out of reach: taking the torch build that pip finds (from PyPI that is the CUDA build, several GB)."; fi; fi; \
	.venv/bin/python -m pip install --quiet --disable-pip-version-check $$index -r requirements.lock.txt 2>&1 | { grep -v '^WARNING: Location' || true; }; exit $${PIPESTATUS[0]}
	@echo "$(CURDIR)" > "$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/tst.pth"
	@.venv/bin/python -c 'import torch; print("torch", torch.__version__, "on", "GPU" if torch.cuda.is_available() else "CPU")'
	@touch $@
lock: ## freeze environment.yml into requirements.lock.txt (after a change of the list)
	rm -rf .venv && $(PYTHON3) -m venv .venv
	.venv/bin/python -m pip install -q $$(sed -n 's/^ *- \([a-z].*==.*\)/\1/p' environment.yml)
	.venv/bin/python -m pip freeze | sed 's/+[a-z0-9]*$$//' > requirements.lock.txt

# ---- notebooks
.deps.mk: $(wildcard notebooks/*.ipynb) $(shell find tst -name '*.py')
	@$(PYTHON3) -m tst.io.closure > $@.part && mv $@.part $@
-include .deps.mk

# $(call NOTEBOOK,name,dataset or nothing,what it reads)
define NOTEBOOK
NAMES += $(1)$(if $(2),-$(2))
.PHONY: $(1)$(if $(2),-$(2))
$(1)$(if $(2),-$(2)): $$(DONE)/$(1)$(if $(2),-$(2))
$$(DONE)/$(1)$(if $(2),-$(2)): $$(deps_$(1)) notebooks/profiles/$$(PROFILE).yml $(3) | $$(ENV)
	@echo "== $(1)$(if $(2), on $(2)) ($$(PROFILE))"
	@mkdir -p $$(DONE) && OMP_NUM_THREADS=$$(THREADS) $$(PYTHON) -m tst.study.run_notebook $(1) --profile $$(PROFILE) $(if $(2),$(if $(filter 08-ablation,$(1)),--ablation,--dataset) $(2))
	@touch $$@
endef
DATASETS := gcut wwt borg2019
RAW_gcut := $(wildcard $(RAW)/gcut/meta.json)
RAW_wwt := $(wildcard $(RAW)/train_1.csv $(RAW)/wwt_pages.parquet)
RAW_borg2019 := $(wildcard $(RAW)/borg2019_usage.parquet)
RAWS = $(if $(filter smoke,$(PROFILE)),,$(RAW_$(1)))
$(foreach d,$(DATASETS),$(eval $(call NOTEBOOK,01-data,$d,$(call RAWS,$d))))
$(foreach d,$(DATASETS),$(eval $(call NOTEBOOK,02-train-tst,$d,$(DONE)/01-data-$d)))
$(foreach d,$(DATASETS),$(eval $(call NOTEBOOK,03-train-baselines,$d,$(DONE)/01-data-$d)))
$(foreach d,$(DATASETS),$(eval $(DONE)/03-train-baselines-$d: | $(DONE)/02-train-tst-$d)) # whose speed it states, too
$(foreach d,$(DATASETS),$(eval $(call NOTEBOOK,04-generate,$d,$(DONE)/02-train-tst-$d)))
$(foreach d,$(DATASETS),$(eval $(call NOTEBOOK,10-seedless,$d,$(DONE)/03-train-baselines-$d $(DONE)/04-generate-$d)))
$(foreach d,$(DATASETS),$(eval $(call NOTEBOOK,05-fidelity,$d,$(DONE)/10-seedless-$d)))
$(foreach d,gcut borg2019,$(eval $(call NOTEBOOK,06-classification,$d,$(DONE)/10-seedless-$d)))
$(eval $(call NOTEBOOK,07-regression,wwt,$(DONE)/10-seedless-wwt))
$(eval $(call NOTEBOOK,09-lengths,gcut,$(DONE)/05-fidelity-gcut))
LONG := tests/bench/long.py tests/bench/common.py tests/reference.py
$(eval $(call NOTEBOOK,11-long-sequences,borg2019,$(call RAWS,borg2019) $(LONG)))
# Timings want the machine for themselves: 12 waits for all others, on all cores.
BENCHES := $(wildcard tests/bench/*.py tests/reference*.py)
OTHERS := $(patsubst %,$(DONE)/%,$(filter-out 08-ablation-%,$(NAMES)) 08-ablation-head)
$(foreach a,$(ABLATIONS),$(eval $(call NOTEBOOK,08-ablation,$a,notebooks/ablations/$a.yml $(call DATA_OF,$a))))
$(eval $(call NOTEBOOK,12-cost,,$(BENCHES)))
$(DONE)/12-cost: private THREADS = $$(nproc)
$(DONE)/12-cost: | $(OTHERS) $(if $(filter smoke,$(PROFILE)),,.bench/.made)
$(eval $(call NOTEBOOK,13-claims,,$(DONE)/12-cost $(DATASETS:%=$(DONE)/05-fidelity-%) $(DONE)/06-classification-gcut $(DONE)/06-classification-borg2019 $(DONE)/07-regression-wwt $(DONE)/08-ablation-head $(DONE)/09-lengths-gcut $(DONE)/11-long-sequences-borg2019))
$(foreach d,$(DATASETS),$(eval $(call NOTEBOOK,14-tuning,$d,$(DONE)/02-train-tst-$d $(DONE)/03-train-baselines-$d)))
.PHONY: tune
tune: $(DATASETS:%=$(DONE)/14-tuning-%) ## the same trials of the learning rate for TST and DG; no part of reproduce

# ---- benchmarks
.PHONY: bench
bench: .bench/.made ## install what the benchmarks compare with (transformers), outside the environment
.bench/.made: | $(ENV)
	@mkdir -p .bench && $(PYTHON) -m pip install -q --disable-pip-version-check --target .bench --upgrade --no-deps \
	  transformers==5.23.0 huggingface_hub==2.4.0 tokenizers==0.23.3 regex==2026.11.15 2>/dev/null \
	  || echo "transformers cannot be installed now: notebook 12 leaves the comparison with GPT-2 out (later: rm -r .bench; make bench)."
	@touch $@
# ---- own data
DATA ?= notebooks/example.csv
.PHONY: own example
own: $(ENV) ## a synthetic copy of your table, with its report: make own DATA=series.csv [CONFIG= N= NAME= MINUTES=]
	@$(PYTHON) -m tst own "$(DATA)" --config "$(CONFIG)" --name "$(or $(NAME),own)" --number $(or $(N),0) --minutes $(or $(MINUTES),5)
example: $(ENV) ## simulate the example table of `make own` anew: notebooks/example.csv
	@$(PYTHON) -m tst.data.simulated.example notebooks/example.csv

# ---- the rest
.PHONY: data test nightly audit coverage lab readme report clean
data: $(ENV) ## download and build GCUT from the original trace: make data PARTS=0-9 (of 0-499)
	@$(PYTHON) -m tst.data $(if $(PARTS),--parts $(PARTS),--build)
test: $(ENV) ## all tests: laws, a smoke run of every notebook, a replay of the executed copies
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check . && $(PYTHON) -m mypy --no-error-summary
	@$(MAKE) --no-print-directory smoke
	@OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n 2 --dist loadfile tests
	@OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n 2 --dist loadfile --nbval-lax --nbval-current-env results/smoke
nightly: $(ENV) ## long tests: 10,000 hostile inputs, 60 kills of a running study, the same bits with -j1 and -j4 (an hour or so)
	@mkdir -p results/nightly
	@$(PYTHON) -m pytest tests/fuzz/test_fuzz.py --hypothesis-profile=nightly --fuzz-report results/nightly/fuzz.csv
	@night=$$(mktemp -d) && $(PYTHON) tests/nightly/reruns.py $$night && $(PYTHON) tests/nightly/kills.py $$night; code=$$?; rm -rf $$night; exit $$code
audit: ## ask PyPI which locked packages have known vulnerabilities (needs the network)
	@test -x .audit/bin/pip-audit || { $(PYTHON3) -m venv .audit && .audit/bin/pip install -q --disable-pip-version-check pip-audit==2.10.1; }
	@.audit/bin/pip-audit -r requirements.lock.txt --no-deps --disable-pip --strict --progress-spinner off \
	  || { echo "Something is vulnerable, or could not be looked up: the lines above say which."; exit 1; }
coverage: $(ENV) ## which lines of tst the tests reach (the tests alone, one after another)
	@OMP_NUM_THREADS=1 $(PYTHON) -m coverage run -m pytest tests; $(PYTHON) -m coverage report
report: $(ENV) ## a site to read, from what PROFILE left: results/PROFILE/site/index.html, and cards of data and models
	@$(PYTHON) -m tst report $(if $(wildcard $(RESULTS)/*.ipynb),$(RESULTS),results/$(PROFILE))
lab: $(ENV) ## JupyterLab on the project's kernel
	@$(PYTHON) -m jupyterlab --notebook-dir=notebooks
readme: $(ENV) ## copy the numbers of results/laptop into README.md
	@$(PYTHON) -m tst.study.report.readme
clean: ## remove what a run made and git does not keep (not .venv, not the data)
	rm -rf results/smoke results/*-simulated results/*/artifacts results/*/site .deps.mk .pytest_cache .ruff_cache .mypy_cache .coverage
