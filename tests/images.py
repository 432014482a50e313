# SPDX-License-Identifier: GPL-2.0-only
"""Images that are linked like a kernel with our suite in it, in some 0.1 s.

    image = build_image(tmp_path)

writes a tree with a header under test, a suite and a runtime of a few lines each to
`tmp_path`/shadow, and compiles it to `tmp_path`/build/vmlinux. Change `HEADER` or `SUITE` by
`str.replace` and pass the result to get an image that is not as it should be.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pytest_pageconsistency.kernel.elf import ElfFacts, Symbol, open_elf

HEADER = """\
enum dual_bitmap_index {
	DUAL_BITMAP_PRIMARY = 0,
	DUAL_BITMAP_SECONDARY = 1,
	DUAL_BITMAP_COUNT = 2,
};

struct dual_bitmap {
	unsigned long *bitmap[DUAL_BITMAP_COUNT];
	unsigned int nbits;
};

static inline int dual_bitmap_test(const struct dual_bitmap *db)
{
	asm volatile(".globl in_header\\nin_header: nop");
	return db->nbits && *db->bitmap[DUAL_BITMAP_PRIMARY];
}
"""
"""Its code has the label in_header."""

SUITE = """\
#include <linux/dual_bitmap.h>

struct kunit_case {
	void (*run_case)(void *test);
	const char *name;
	void *generate_params;
};

struct kunit_suite {
	char name[256];
	void *init;
	struct kunit_case *test_cases;
};

void *pc_begin(struct dual_bitmap *db);

static void pc_one(void *test)
{
	struct dual_bitmap db = { { test, test }, 1 };

	pc_begin(&db);
	asm volatile(".globl after_call\\nafter_call:" ::: "memory");
	*(volatile int *)test = dual_bitmap_test(&db);
}

static void pc_two(void *test)
{
	*(volatile int *)test = 2;
}

static void other(void *test)
{
	*(volatile int *)test = 3;
}

void *volatile keep = other;

static struct kunit_case pc_cases[] = {
	{ pc_one, "pc_one" },
	{ pc_two, "pc_two" },
	{ 0 },
};

static struct kunit_suite pc_suite = { "pageconsistency", 0, pc_cases };

static struct kunit_suite *registered
	__attribute__((used, section(".kunit_test_suites"))) = &pc_suite;
"""
"""In pc_one the label after_call follows a call, the header's code is inlined."""

RUNTIME = """\
struct dual_bitmap;

void *pc_begin(struct dual_bitmap *db)
{
	return *(void *volatile *)db;
}
"""

SECTION = """\
SECTIONS
{
	.kunit_suites : ALIGN(8)
	{
		__kunit_suites_start = .;
		KEEP(*(.kunit_test_suites))
		__kunit_suites_end = .;
	}
}
INSERT AFTER .data;
"""

CASES = frozenset({"pc_one", "pc_two"})

COMPILERS = {
    "aarch64-linux-gnu-gcc": ("EM_AARCH64", 64, "little"),
    "alpha-linux-gnu-gcc": ("36902", 64, "little"),
    "arm-linux-gnueabihf-gcc": ("EM_ARM", 32, "little"),
    "i686-linux-gnu-gcc": ("EM_386", 32, "little"),
    "m68k-linux-gnu-gcc": ("EM_68K", 32, "big"),
    "powerpc64-linux-gnu-gcc": ("EM_PPC64", 64, "big"),
    "riscv64-linux-gnu-gcc": ("EM_RISCV", 64, "little"),
    "s390x-linux-gnu-gcc": ("EM_S390", 64, "big"),
    "sh4-linux-gnu-gcc": ("EM_SH", 32, "little"),
    "sparc64-linux-gnu-gcc": ("EM_SPARCV9", 64, "big"),
    "x86_64-linux-gnu-gcc": ("EM_X86_64", 64, "little"),
}
"""Debian's compilers, those of this machine among them, and the ABI that each builds for."""


def build_image(
    directory: Path,
    *flags: str,
    header: str = HEADER,
    suite: str = SUITE,
    compiler: str = "gcc",
    debug: str = "-gdwarf-4",
    source: str = "suite.c",
) -> Path:
    """Compile and link; `flags` go to both. Skips the test where there is no such compiler."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    tree = directory / "shadow"
    files = {
        "include/linux/dual_bitmap.h": header,
        f"mm/pageconsistency/{source}": suite,
        "mm/pageconsistency/pc_runtime.c": RUNTIME,
        "section.lds": SECTION,
    }
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    build = directory / "build"
    build.mkdir(exist_ok=True)
    sources = [str(tree / name) for name in files if name.endswith(".c")]
    command = [compiler, "-O1", "-ffreestanding", "-nostdlib", "-no-pie", "-static", debug]
    command += [f"-I{tree}/include", f"-Wl,-e,0,-T,{tree}/section.lds", "-o", "vmlinux"]
    subprocess.run([*command, *flags, *sources], cwd=build, check=True, capture_output=True)
    return build / "vmlinux"


def line_of(text: str, part: str) -> int:
    """The number of the only line with `part` in it."""
    (number,) = (number for number, line in enumerate(text.splitlines(), 1) if part in line)
    return number


def symbol(image: Path, name: str) -> Symbol:
    """The image's only symbol of this name."""
    with open_elf(image) as elf:
        (found,) = [item for item in elf.symbols if item.name == name]
        return found


def facts_of(image: Path) -> ElfFacts:
    """What the image says of its ABI."""
    with open_elf(image) as elf:
        return elf.facts
