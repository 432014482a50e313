# SPDX-License-Identifier: GPL-2.0-only
"""One real kernel: built, booted, and its console read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pageconsistency.kernel.kunit import KernelRequest, run_kernel
from pytest_pageconsistency.kernel.tree import find_tree
from pytest_pageconsistency.progress import SilentProgress
from pytest_pageconsistency.resources import kunit_directory

pytestmark = pytest.mark.kernel

KCONFIG = b"""# SPDX-License-Identifier: GPL-2.0-only
config PAGECONSISTENCY_KUNIT_TEST
	bool "One hand-written case"
	depends on KUNIT=y
"""
HEADER = b"/* SPDX-License-Identifier: GPL-2.0-only */\n#define PC_ONE 1\n"
SUITE = b"""// SPDX-License-Identifier: GPL-2.0-only
#include <kunit/test.h>
#include <linux/dual_bitmap.h>

static void pc_case_one(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, PC_ONE, 1);
}

static struct kunit_case pc_cases[] = { KUNIT_CASE(pc_case_one), {} };
static struct kunit_suite pc_suite = { .name = "pageconsistency", .test_cases = pc_cases };
kunit_test_suite(pc_suite);
"""


def test_a_hand_written_case_runs_on_user_mode_linux(kernel_cache: Path) -> None:
    tree = find_tree(None, kernel_cache, SilentProgress())
    request = KernelRequest(
        tree=tree,
        arch="um",
        suite={"Makefile": b"obj-y += suite.o\n", "Kconfig": KCONFIG, "suite.c": SUITE},
        header=HEADER,
        kunitconfig=(kunit_directory() / "kunitconfig/um.config").read_text("utf-8"),
        kconfig=(),
        make_options=(),
        jobs=2,
        timeout=60,
        cache=kernel_cache,
        filter_glob="pageconsistency",
        image_must_define=frozenset({"pc_case_one", "kunit_run_tests"}),
    )

    run = run_kernel(request, SilentProgress())

    assert "ok 1 pageconsistency" in run.console.splitlines()
    assert not run.timed_out
    assert "CONFIG_PAGECONSISTENCY_KUNIT_TEST=y" in run.dot_config
