# SPDX-License-Identifier: GPL-2.0-only
"""What a kernel is built from beside the cases: the sources under test, and the configuration."""

from __future__ import annotations

from pytest_pageconsistency.generate import generator_digest
from pytest_pageconsistency.kernel.place import Configuration
from pytest_pageconsistency.under_test import CheckerUnderTest, UnderTest


def identity_of(
    configuration: Configuration, header: UnderTest, checker: CheckerUnderTest
) -> dict[str, str]:
    """What goes into the build id of a suite beside its files."""
    return {
        "header": header.sha256,
        "checker": checker.sha256,
        "kunitconfig": configuration.required + configuration.wishes,
        "kconfig": "\n".join(configuration.kconfig),
        "make": "\n".join((*configuration.make_options, configuration.cross_compile)),
        "generator": generator_digest(),
    }
