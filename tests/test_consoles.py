# SPDX-License-Identifier: GPL-2.0-only
"""Consoles of real kernels, old and new, as the parser sees them."""

from __future__ import annotations

import re

import pytest
import recorded

from pytest_pageconsistency.generate.names import case_names
from pytest_pageconsistency.kunit_parser import TestStatus, parse_console
from pytest_pageconsistency.observations import read_observations

KERNELS = ["um-6.1", "x86_64-6.1", "um-6.12", "x86_64-6.12"]
CASES = ["test_set[{}]", "TestFlips::test_is_seen[{}-0]", "TestFlips::test_is_seen[{}-99]"]
CASES += [r"test_many_steps[{}-gr\xf6\xdfe]"]


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_case_is_seen_with_all_it_observed(kernel: str) -> None:
    lines = recorded.console(f"passed.{kernel}").replace("@BUILD@", "0" * 16).splitlines(True)
    (suite,) = parse_console(lines).subtests
    assert suite.name == "pageconsistency"
    assert [test.status for test in suite.subtests] == [TestStatus.SUCCESS] * 4
    # The damage that test_set does on purpose makes the kernel warn, in its own words.
    assert any("WARNING: CPU: " in line for line in suite.subtests[0].log)

    arch = kernel.rpartition("-")[0]
    names = case_names(f"{recorded.TEST_FILE}::{case.format(arch)}" for case in CASES)
    assert [name.function for name in names.values()] == [test.name for test in suite.subtests]
    counts = [int(count) for count in re.findall(r" end (\d+) ", "".join(lines))]
    found = read_observations(
        lines,
        [
            (name.function, name.digest, count)
            for name, count in zip(names.values(), counts, strict=True)
        ],
    )
    for observations in found.values():
        assert observations.ended
        assert not observations.faults
        assert len(observations.values) == observations.limit
