# Everything a newcomer needs: `make book` and `make test`. `make` alone lists the rest.
.DEFAULT_GOAL := help
VENV ?= .venv
export VENV PYTHON
export PATH := $(abspath $(VENV))/bin:$(PATH)
PY := $(VENV)/bin/python

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup:  ## the virtual environment, the packages, the dot program
	@./bootstrap.sh book

book: setup  ## run every chapter and build the HTML into _build/html
	@$(PY) book/build.py

lab: setup  ## open the chapters in JupyterLab
	@$(PY) -m jupyter lab --notebook-dir=.

test:  ## every test: library, chapters, homeworks, grading loop, pages in a browser
	@./bootstrap.sh test
	@$(PY) -m pytest

bench: setup  ## our figures beside their rivals, measured in one run
	@$(PY) -m benchmarks

format: setup  ## format code and clean the notebooks
	@$(PY) -m byhand.notebooks clean book/*.ipynb solutions/*/*.ipynb
	@$(PY) -m ruff format . && $(PY) -m ruff check --fix .

clean:  ## remove what was built (not the virtual environment, nor the course folder)
	rm -rf _build book/node_modules

.PHONY: help setup book lab test bench format clean
