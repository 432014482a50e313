# SPDX-License-Identifier: GPL-2.0-only
"""Consoles of real boots (tests/consoles/), and headers that make a kernel end badly."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_pageconsistency.resources import kunit_directory

DIRECTORY = Path(__file__).parent / "consoles"

TEST_FILE = "test_recorded.py"
"""What the recorded cases are called where they run: the case ids depend on it."""

BAD_VALIDATE = {
    "panic": 'panic("validate() was told to panic");',
    "hang": "for (;;)\n\t\tcpu_relax();",
    "halt": "kernel_halt();",
}
"""What is put in front of dual_bitmap_validate()'s work, and what the console is called."""


def bad_header(name: str) -> str:
    """Our header with the fault of BAD_VALIDATE[name] in it."""
    text = (kunit_directory() / "include/linux/dual_bitmap.h").read_text()
    statement = "\tunsigned long violations = 0;\n\tunsigned long i;\n"
    assert statement in text
    includes = "#include <linux/panic.h>\n#include <linux/reboot.h>\n"
    text = text.replace("#include <linux/types.h>\n", f"#include <linux/types.h>\n{includes}")
    return text.replace(statement, f"{statement}\n\t{BAD_VALIDATE[name]}\n")


def put_cases(pytester: pytest.Pytester) -> None:
    """Put the recorded cases where a pytest run of `pytester` finds them."""
    text = (DIRECTORY / "recorded_cases.py").read_text(encoding="utf-8")
    (pytester.path / TEST_FILE).write_text(text, encoding="utf-8")


def console(name: str) -> str:
    """A recorded console, with @BUILD@ for the build id."""
    return (DIRECTORY / f"{name}.log").read_text(encoding="utf-8")


def save_console(name: str, text: str) -> None:
    """Keep a console: without what differs from boot to boot and from machine to machine."""
    text = re.sub(r"(end [0-9]+) [0-9a-f]{16}\b", r"\1 @BUILD@", text)
    start = text.index("KTAP version 1")
    head = "[00:00:00] Starting KUnit Kernel (1/1)...\n"
    (DIRECTORY / f"{name}.log").write_text(head + text[start:], encoding="utf-8")
