# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pageconsistency.kernel.failures import boot_failure, build_failure, config_failure
from pytest_pageconsistency.kernel.shadow import HEADER
from pytest_pageconsistency.verdict import Kind, TargetError

SHADOW = Path("/cache/shadow")


@pytest.mark.parametrize(
    ("stderr", "message", "detail"),
    [
        (
            "In file included from /cache/shadow/mm/pageconsistency/suite.c:5:\n"
            "/cache/shadow/include/linux/dual_bitmap.h:33:2: error: expected ';'\n   33 | x\n"
            "make[3]: *** [scripts/Makefile.build:1: mm/pageconsistency/suite.o] Error 1",
            f"the header under test does not compile: correct it ({HEADER} below)",
            "suite.c:5:",
        ),
        (
            "/cache/shadow/mm/pageconsistency/suite.c: In function 'pc_one':\n"
            "/cache/shadow/mm/pageconsistency/suite.c:7:1: error: implicit declaration of 'db_set'",
            "the generated suite does not compile or link: the header may lack what it calls",
            "implicit declaration",
        ),
        (
            "../mm/pageconsistency/suite.c:7:1: fatal error: linux/none.h: No such file",
            "the generated suite does not compile or link: the header may lack what it calls",
            "none.h",
        ),
        (
            "/usr/bin/ld: mm/pageconsistency/suite.o: in function `pc_one':\n"
            "suite.c:(.text+0x5): undefined reference to `db_gone'\n",
            "the generated suite does not compile or link: the header may lack what it calls",
            "db_gone",
        ),
        (
            "/cache/shadow/mm/slab.c:3:1: warning: unused\n"
            "/cache/shadow/fs/fcntl.c:1:1: error: call to '__compiletime_assert_1'\n",
            "the kernel tree itself does not build, see fs/fcntl.c: build it without this suite",
            "__compiletime_assert_1",
        ),
        (
            "make[2]: *** No rule to make target 'mm/gone.o', needed by 'mm/built-in.a'.  Stop.",
            "the kernel does not build (make[2]: *** No rule to make target 'mm/gone.o', "
            "needed by 'mm/built-in.a'.  Stop.): correct what is named",
            "gone.o",
        ),
        (
            "ld.lld: error: undefined symbol: db_gone\n>>> referenced by suite.c\n"
            ">>>               mm/pageconsistency/suite.o:(pc_one) in archive vmlinux.a\n",
            "the generated suite does not compile or link: the header may lack what it calls",
            "undefined symbol: db_gone",
        ),
        (
            "/usr/bin/s390x-linux-gnu-ld: vmlinux.o: in function `pc_one':\n"
            "suite.c:(.text+0x5): undefined reference to `db_gone'\n",
            "the generated suite does not compile or link: the header may lack what it calls",
            "db_gone",
        ),
        (
            "/usr/bin/ld: mm/built-in.a(slab.o): in function `kfree':\n"
            "slab.c:(.text+0x5): undefined reference to `gone'\n",
            "the kernel tree itself does not build, see mm/built-in.a(slab.o): "
            "build it without this suite",
            "gone",
        ),
    ],
    ids=["header", "suite", "relative", "link", "tree", "make", "lld", "vmlinux.o", "archive"],
)
def test_a_build_that_fails(stderr: str, message: str, detail: str) -> None:
    verdict = build_failure(f"ERROR:root:{stderr}", SHADOW, "").verdict
    assert verdict.kind is Kind.BUILD_ERROR
    assert verdict.message == message
    assert detail in verdict.details
    assert "/cache/shadow" not in verdict.details


def test_the_details_of_a_failed_build_are_bounded() -> None:
    output = "".join(f"/cache/shadow/mm/slab.c:{n}:1: error: no {n}\n" for n in range(1, 500))
    lines = build_failure(output, SHADOW, "").verdict.details.splitlines()
    assert len(lines) == 40
    assert lines[0] == "mm/slab.c:1:1: error: no 1"


@pytest.mark.parametrize("explain", [config_failure, build_failure])
def test_options_that_kconfig_dropped_are_named(explain: Callable[..., TargetError]) -> None:
    output = (
        "ERROR:root:Not all Kconfig options selected in kunitconfig were in .config.\n"
        "This is probably due to unsatisfied dependencies.\n"
        'Missing: CONFIG_PCI=y, # CONFIG_X is not set, CONFIG_NAME="a, b", '
        "# CONFIG_ON is not set\n"
        "Note: many Kconfig options aren't available on UML."
    )
    # Of options that are to be off, only the one that .config has on was dropped.
    verdict = explain(output, SHADOW, "CONFIG_ON=y\nCONFIG_XY=y\n").verdict
    assert verdict.kind is Kind.CONFIG_ERROR
    assert verdict.message == (
        'Kconfig dropped # CONFIG_ON is not set, CONFIG_NAME="a, b", CONFIG_PCI=y: '
        "see what each depends on"
    )
    assert "Note: many" in verdict.details


@pytest.mark.parametrize(
    ("dot_config", "reason"),
    [
        (
            "CONFIG_MEMORY_HOTPLUG=y\n",
            "the checker depends on CONFIG_MEMORY_HOTPLUG being off, and it is on: switch it off",
        ),
        ("# CONFIG_MEMORY_HOTPLUG is not set\n", "see what each depends on"),
        ("CONFIG_MEMORY_HOTPLUG_X=y\n", "see what each depends on"),
    ],
)
def test_what_takes_the_checker_away(dot_config: str, reason: str) -> None:
    output = "ERROR:root:Not all.\nMissing: CONFIG_DEBUG_PAGE_CONSISTENCY=y\n"
    message = config_failure(output, SHADOW, f"CONFIG_A=y\n{dot_config}").verdict.message
    assert message == f"Kconfig dropped CONFIG_DEBUG_PAGE_CONSISTENCY=y: {reason}"


@pytest.mark.parametrize("explain", [config_failure, build_failure])
def test_a_kconfig_file_that_is_wrong(explain: Callable[..., TargetError]) -> None:
    # The build step updates .config first, so that it meets this too.
    output = "make[1]: *** [x] Error 1\nERROR:root:mm/pageconsistency/Kconfig:9: syntax error\n"
    verdict = explain(output, SHADOW, "").verdict
    assert verdict.kind is Kind.CONFIG_ERROR
    assert verdict.message == (
        "the kernel could not be configured (mm/pageconsistency/Kconfig:9: syntax error): "
        "correct what is named"
    )


def test_an_architecture_that_the_tree_does_not_have() -> None:
    output = "Traceback (most recent call last):\nkunit_kernel.ConfigError: foo is not a valid arch"
    assert "(foo is not a valid arch)" in config_failure(output, SHADOW, "").verdict.message


def test_a_path_that_make_cannot_use() -> None:
    output = "ERROR:root:Makefile:263: *** source directory cannot contain spaces or colons.  Stop."
    message = config_failure(output, SHADOW, "").verdict.message
    assert "source directory cannot contain spaces or colons" in message


def test_a_boot_that_cannot_start() -> None:
    verdict = boot_failure("Traceback:\nFileNotFoundError: No such file: 'qemu-system-x'").verdict
    assert verdict.kind is Kind.CONFIG_ERROR
    assert verdict.message.endswith("No such file: 'qemu-system-x'")


@pytest.mark.parametrize("output", ["", "\n", "make: *** [x] Error 2"])
def test_silence_is_told_as_such(output: str) -> None:
    for failure in (config_failure(output, SHADOW, ""), build_failure(output, SHADOW, "")):
        assert "see its output" in failure.verdict.message
