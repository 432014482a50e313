# SPDX-License-Identifier: GPL-2.0-only
"""Programs become C: a suite that reports to us, or one that stands on its own."""

from pytest_pageconsistency.generate.export import export_suite
from pytest_pageconsistency.generate.suite import (
    SUITE_NAME,
    Suite,
    SuiteCase,
    build_id_of,
    generator_digest,
    make_suite,
    name_cases,
)

__all__ = [
    "SUITE_NAME",
    "Suite",
    "SuiteCase",
    "build_id_of",
    "export_suite",
    "generator_digest",
    "make_suite",
    "name_cases",
]
