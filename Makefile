# Everything a newcomer needs: `make book` and `make test`. `make` alone lists the rest.
.DEFAULT_GOAL := help
VENV ?= .venv
export VENV PYTHON
export PATH := $(abspath $(VENV))/bin:$(PATH)
PY := $(VENV)/bin/python
NOTEBOOKS = $(wildcard book/*.ipynb solutions/*/*.ipynb)

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup:  ## the virtual environment, the packages, the dot program
	@./bootstrap.sh book

book: setup  ## run every chapter and build the HTML into _build/html
	@$(PY) book/build.py

lab: setup  ## open the chapters in JupyterLab
	@$(PY) -m jupyter lab --notebook-dir=.

check:  ## before each commit: formatting, lint, types, unit tests, in a minute
	@./bootstrap.sh test
	@$(PY) -m ruff format --check --quiet . || { echo "Run: make format" >&2; exit 1; }
	@$(PY) -m ruff check --quiet .
	@$(PY) -m byhand.notebooks check $(NOTEBOOKS)
	@$(PY) -m mypy
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 -m "not slow"

# tests that keep one processor busy and watch no clock: two at a time
SINGLE := $(wildcard tests/test_homeworks.py tests/test_pages.py)

test:  ## every test: library, chapters, homeworks, grading loop, pages in a browser
	@./bootstrap.sh test
	@status=0; \
	$(PY) -m pytest $(patsubst %,--ignore=%,$(SINGLE) tests/figures) || status=1; \
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 $(SINGLE) || status=1; \
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 tests/figures || status=1; \
	exit $$status

# -- instructors only
# Homeworks: HW=hw1 FROM=folder, and where wanted COURSE=folder JOBS=4 FORCE=1
GRADER := $(PY) -m grader $(if $(COURSE),--course "$(COURSE)")
need_hw = $(if $(HW),,$(error Say which homework: make $@ HW=hw1))

release: setup  ## write assignments/ from solutions/ (all, or HW=hw1)
	@$(GRADER) release $(HW)

collect: setup  ## take in submissions: HW=hw1 FROM=folder
	$(need_hw)@$(GRADER) collect $(HW) "$(FROM)"

grade: setup  ## grade, with feedback and grades.csv: HW=hw1, with FROM=folder collect first
	$(need_hw)@$(GRADER) grade $(HW) $(if $(FROM),--from "$(FROM)") \
	  $(if $(JOBS),--jobs $(JOBS)) $(if $(FORCE),--force)

report: setup  ## a page about how the class has done: HW=hw1
	$(need_hw)@$(GRADER) report $(HW)

export: setup  ## write the marks to course/grades.csv again
	@$(GRADER) export

addresses: setup  ## write the addresses of _config.yml wherever else they stand
	@$(PY) book/addresses.py
	@$(GRADER) release

publish: setup  ## write what students and readers may have: TO=folder
	@$(PY) -m publish "$(if $(TO),$(TO),$(error Say where: make publish TO=folder))" \
	  $(WITHOUT:%=--without %)

bench: setup  ## our figures beside their rivals, measured in one run
	@$(PY) -m benchmarks

upgrade:  ## pin the newest versions that fit pyproject.toml, in constraints.txt
	python3 -m venv _build/upgrade
	_build/upgrade/bin/pip install --editable '.[book,cluster,grader,hub,test]'
	{ sed -n '/^#/p' constraints.txt; _build/upgrade/bin/pip freeze --exclude-editable \
	  | tr 'A-Z_' 'a-z-' | sort; } > _build/constraints.txt
	mv _build/constraints.txt constraints.txt

# -- for all

format: setup  ## format code and clean the notebooks
	@$(PY) -m byhand.notebooks clean $(NOTEBOOKS)
	@$(PY) -m ruff format . && $(PY) -m ruff check --fix .

clean:  ## remove what was built (not the virtual environment, nor the course folder)
	rm -rf _build book/node_modules

.PHONY: help setup book lab check test release collect grade report export addresses publish bench upgrade format clean
