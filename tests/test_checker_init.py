# SPDX-License-Identifier: GPL-2.0-only
"""Which spans mm/page_consistency.c tracks, with a page for each number that no machine has.

The file itself is compiled, for this machine, with the kernel around it replaced by a few lines.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from series_tree import KUNIT

from pytest_pageconsistency.kernel.series import CHECKER, DUAL_BITMAP, HEADER

KERNEL = """\
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#define IS_ENABLED(option) option
#define SMP_CACHE_BYTES 64
#define SZ_1K 1024
#define EIO 5
#define BITS_PER_LONG 64
#define UINT_MAX (~0U)
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define BITS_TO_LONGS(nr) DIV_ROUND_UP(nr, 8 * sizeof(long))
#define round_down(x, y) ((x) & ~((y) - 1))
#define PHYS_PFN(x) ((unsigned long)((x) >> 12))
#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WARN_ON_ONCE(condition) (condition)
#define WARN(condition, ...) printf(__VA_ARGS__)
#define panic printf
#define pr_info(...) printf(__VA_ARGS__)
#define pr_warn(...) printf(__VA_ARGS__)
#define pr_err(...) printf(__VA_ARGS__)
#define __printf(a, b)
#define __init
#define __ro_after_init
#define __user
#define DECLARE_STATIC_KEY_FALSE(name) extern bool name
#define DEFINE_STATIC_KEY_FALSE(name) bool name
#define static_branch_unlikely(key) (*(key))
#define static_branch_enable(key) (*(key) = true)
#define DEFINE_SHOW_ATTRIBUTE(name) \\
	static const struct file_operations name##_fops = { .show = name##_show }
#define late_initcall(function) int (*initcall)(void) = function
#define noop_llseek NULL
#define cpu_relax()
#define smp_rmb()
#define atomic64_read(v) ((v)->counter)
#define atomic64_add(n, v) ((v)->counter += (n))
#define atomic64_sub(n, v) ((v)->counter -= (n))
#define atomic64_inc(v) ((v)->counter++)
#define ATOMIC64_INIT(n) { n }
#define seq_printf(m, ...) printf(__VA_ARGS__)

typedef struct { long long counter; } atomic64_t;
struct page { int none; };
struct file;
struct dentry;
struct seq_file;
struct va_format { const char *fmt; va_list *va; };
struct file_operations {
	int (*show)(struct seq_file *m, void *unused);
	ssize_t (*write)(struct file *file, const char *buffer, size_t count, loff_t *ppos);
	void *llseek;
};
enum { SYSTEM_BOOTING, SYSTEM_RUNNING } system_state;

static struct page *pages;
static uint64_t start, end;

static unsigned long page_to_pfn(struct page *page) { return page - pages; }
static uint64_t memblock_start_of_DRAM(void) { return start << 12; }
static uint64_t memblock_end_of_DRAM(void) { return end << 12; }
static void memblock_free(void *memory, size_t size) { printf("free %zu\\n", size); }
static void *memblock_alloc(size_t size, size_t align)
{
	printf("allocate %zu\\n", size);
	return NULL;
}
static struct dentry *debugfs_create_dir(const char *name, struct dentry *parent) { return NULL; }
static void debugfs_create_file(const char *name, int mode, struct dentry *parent, void *data,
				const struct file_operations *fops) { }
static bool test_bit(unsigned long nr, const unsigned long *addr) { return false; }
static bool test_and_set_bit(unsigned long nr, unsigned long *addr) { return false; }
static bool test_and_clear_bit(unsigned long nr, unsigned long *addr) { return false; }
static void bitmap_zero(unsigned long *bitmap, unsigned int nbits) { }
static void bitmap_fill(unsigned long *bitmap, unsigned int nbits) { }
"""
MAIN = """\
#include "kernel.h"
#include "page_consistency.c"

int main(int argc, char **argv)
{
	start = strtoull(argv[1], NULL, 0);
	end = strtoull(argv[2], NULL, 0);
	page_consistency_init();
	return page_consistency_enabled || page_consistency_check_page(pages + start) !=
		PAGE_CONSISTENCY_NOT_TRACKED;
}
"""
WORDS = 1 << 26
REFUSED = "Cannot track PFN range [{}-{}), disabled"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("ours"), conforming=False)


@pytest.fixture(scope="module")
def conforming(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the original's behaviour."""
    return compiled(tmp_path_factory.mktemp("conforming"), conforming=True)


def compiled(place: Path, *, conforming: bool) -> Path:
    """The program, in the directory `place`."""
    sources = {name: (KUNIT / name).read_text() for name in (CHECKER, DUAL_BITMAP, HEADER)}
    for header in re.findall(r"#include <(.*)>", "".join(sources.values())):
        (place / header).parent.mkdir(exist_ok=True, parents=True)
        (place / header).write_text(sources.get(f"include/{header}", ""))
    (place / "page_consistency.c").write_text(sources[CHECKER])
    (place / "kernel.h").write_text(KERNEL)
    (place / "main.c").write_text(MAIN)
    options = {"": 1, "_PANIC": 0, "_CONFORMING": int(conforming)}
    defines = [f"-DCONFIG_DEBUG_PAGE_CONSISTENCY{name}={on}" for name, on in options.items()]
    # Before the C library's, some of which have the same names.
    command = ["gcc", *defines, "-I", place, "-o", place / "checker"]
    subprocess.run([*command, place / "main.c"], check=True)
    return place / "checker"


def init(checker: Path, start: int, span: int) -> str:
    """What it says when a system with this span boots, and memblock has no memory."""
    command = [str(checker), str(start), str(start + span)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.replace("page_consistency: ", "").partition("\n")[0]


def outcome(start: int, span: int, words: int) -> str:
    """Memory for a first bitmap of so many words is asked for, or none is."""
    return f"allocate {8 * words}" if words else REFUSED.format(start, start + span)


@pytest.mark.parametrize("start", [0, 256])
@pytest.mark.parametrize(
    ("span", "words"),
    [(0, 0), (1, 1), (64, 1), (65, 2), (0xFFFFFFC0, WORDS - 1), (1 << 32, 0), (5 + (1 << 32), 0)],
)
def test_spans(ours: Path, conforming: Path, start: int, span: int, words: int) -> None:
    assert init(ours, start, span) == outcome(start, span, words)
    assert init(conforming, start, span) == outcome(start, span, words)


@pytest.mark.parametrize("span", [0xFFFFFFC1, 0xFFFFFFFF])
def test_a_span_whose_size_wraps(ours: Path, conforming: Path, span: int) -> None:
    """bitmap_zero() and bitmap_fill() would write nothing."""
    assert init(ours, 0, span) == outcome(0, span, 0)
    assert init(conforming, 0, span) == outcome(0, span, WORDS)
