# SPDX-License-Identifier: GPL-2.0-only
"""The shipped suite of the page consistency checker: every specified behaviour, without booting it.

    pytest --pyargs pytest_pageconsistency.checker_conformance --kunit-arch=um

The cases state what a correct mm/page_consistency.c does, in counters and messages; the oracle and
a real kernel both have to agree.

Left out: a span of which bitmap_size() wraps, where as specified nothing is initialised and
tracking begins all the same; and what check_page() and validate_all() do while tracking is off.
"""
