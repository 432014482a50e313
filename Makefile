# SPDX-License-Identifier: GPL-2.0-only
#
# make run     install what is missing, then the shipped suites on User Mode Linux (or ARCH=s390)
# make test    lint, unit and acceptance tests, real kernels of four ABIs, seeded faults
# make matrix  the shipped suites on every architecture of ARCHITECTURES, and on an older kernel
# make bench   our times beside kunit.py's, and the goals (BENCH="edited parser": only these)
# make series the checker's patches in kunit/series, from its sources in kunit
# make lint    ruff and mypy
# make clean   the virtual environment, tool caches and results (kernels are cached elsewhere)

PYTHON ?= python3
VENV ?= .venv
ARCH ?= um
# One of each ABI: 64-bit and 32-bit, little-endian and big-endian.
ABIS := um,i386,s390,m68k
ARCHITECTURES ?= um,x86_64,i386,arm64,arm,riscv,powerpc,s390,m68k
OLDER := linux-source-6.1
SERIES := 6.12 6.1
RESULTS ?= results
BENCH ?=
PYTEST := $(VENV)/bin/pytest
SUITE := --pyargs pytest_pageconsistency.conformance pytest_pageconsistency.checker_conformance

.PHONY: run test fast kernels matrix bench series lint packages abis clean

run: packages $(VENV)/run.stamp
	$(PYTEST) $(SUITE) --kunit-arch=$(ARCH)

test: lint abis fast kernels

# Unit and acceptance tests, which need no kernel source.
fast: $(VENV)/dev.stamp
	$(PYTEST) -n auto -m "not kernel"

# Real kernels, then the faults seeded into the header.
kernels: $(VENV)/dev.stamp abis
	$(PYTEST) -m "kernel and not matrix"

# All are tried whatever fails (1); the summary says what it comes to. Other errors end it.
matrix: $(VENV)/run.stamp
	./scripts/install-packages $(ARCHITECTURES) $(OLDER)
	rm -rf $(RESULTS)
	$(PYTEST) $(SUITE) --kunit-arch=$(ARCHITECTURES) \
		--kunit-artifacts=$(RESULTS)/newest --junit-xml=$(RESULTS)/newest.xml || test $$? -eq 1
	$(PYTEST) $(SUITE) --kunit-arch=um,x86_64 --kunit-tree=/usr/src/$(OLDER).tar.xz \
		--kunit-artifacts=$(RESULTS)/$(OLDER) --junit-xml=$(RESULTS)/$(OLDER).xml || test $$? -eq 1
	$(VENV)/bin/pageconsistency summary $(RESULTS) --html $(RESULTS)/summary.html

# User Mode Linux on the newest kernel source, or on KUNIT_TREE.
bench: $(VENV)/run.stamp
	./scripts/install-packages um
	$(VENV)/bin/python -m benchmarks --json=$(RESULTS)/bench.json $(BENCH)

# From Debian's sources, because the numbers of lines in the patches are a tree's.
series: $(VENV)/run.stamp
	./scripts/install-packages $(addprefix linux-source-,$(SERIES))
	for version in $(SERIES); do \
		rm -rf kunit/series/$$version; \
		$(VENV)/bin/pageconsistency series kunit/series/$$version \
			--kunit-tree=/usr/src/linux-source-$$version.tar.xz || exit; \
	done

lint: $(VENV)/dev.stamp
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

abis:
	./scripts/install-packages $(ABIS) $(OLDER)

packages:
	./scripts/install-packages $(ARCH)

$(VENV)/run.stamp: pyproject.toml | packages
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/dev.stamp: pyproject.toml | packages
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/run.stamp

clean:
	rm -rf $(VENV) $(RESULTS) .tox .mypy_cache .ruff_cache .pytest_cache .hypothesis
