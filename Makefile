# SPDX-License-Identifier: GPL-2.0-only
#
# make run    install what is missing, then the shipped suite on User Mode Linux
# make test   lint, unit and acceptance tests, real kernels, seeded faults
# make lint   ruff and mypy
# make clean  the virtual environment and tool caches (kernels are cached elsewhere)

PYTHON ?= python3
VENV ?= .venv
ARCH ?= um
PYTEST := $(VENV)/bin/pytest

.PHONY: run test fast kernels lint packages clean

run: packages $(VENV)/run.stamp
	$(PYTEST) --pyargs pytest_pageconsistency.conformance --kunit-arch=$(ARCH)

test: packages lint fast kernels

# Unit and acceptance tests, which need no kernel source.
fast: $(VENV)/dev.stamp
	$(PYTEST) -n auto -m "not kernel"

# Real kernels, then the faults seeded into the header.
kernels: packages $(VENV)/dev.stamp
	$(PYTEST) -m kernel

lint: $(VENV)/dev.stamp
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

packages:
	./scripts/install-packages

$(VENV)/run.stamp: pyproject.toml | packages
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/dev.stamp: pyproject.toml | packages
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/run.stamp

clean:
	rm -rf $(VENV) .tox .mypy_cache .ruff_cache .pytest_cache .hypothesis
