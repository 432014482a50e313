# SPDX-License-Identifier: GPL-2.0-only
"""Our C as a program of this machine, with the kernel around it replaced by a few lines."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

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
#define BIT_WORD(nr) ((nr) / BITS_PER_LONG)
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
static bool test_bit(unsigned long nr, const unsigned long *addr)
{
	return addr[nr / BITS_PER_LONG] >> nr % BITS_PER_LONG & 1;
}
/* As riscv has them: the number of the bit is an int. */
static bool test_and_set_bit(int nr, unsigned long *addr)
{
	unsigned long *word = addr + BIT_WORD(nr);
	unsigned long old = *word;

	*word = old | 1UL << nr % BITS_PER_LONG;
	return old >> nr % BITS_PER_LONG & 1;
}
static bool test_and_clear_bit(int nr, unsigned long *addr)
{
	unsigned long *word = addr + BIT_WORD(nr);
	unsigned long old = *word;

	*word = old & ~(1UL << nr % BITS_PER_LONG);
	return old >> nr % BITS_PER_LONG & 1;
}
static void bitmap_zero(unsigned long *bitmap, unsigned int nbits) { }
static void bitmap_fill(unsigned long *bitmap, unsigned int nbits) { }
"""


def compiled(place: Path, main: str, *, conforming: bool = False) -> Path:
    """A program of `main`, in the directory `place`, and of what it includes of our C."""
    sources = {name: (KUNIT / name).read_text() for name in (CHECKER, DUAL_BITMAP, HEADER)}
    for header in re.findall(r"#include <(.*)>", "".join(sources.values())):
        (place / header).parent.mkdir(exist_ok=True, parents=True)
        (place / header).write_text(sources.get(f"include/{header}", ""))
    (place / "page_consistency.c").write_text(sources[CHECKER])
    (place / "kernel.h").write_text(KERNEL)
    (place / "main.c").write_text(main)
    options = {"": 1, "_PANIC": 0, "_CONFORMING": int(conforming)}
    defines = [f"-DCONFIG_DEBUG_PAGE_CONSISTENCY{name}={on}" for name, on in options.items()]
    # Before the C library's, some of which have the same names.
    command = ["gcc", *defines, "-I", place, "-o", place / "checker"]
    subprocess.run([*command, place / "main.c"], check=True)
    return place / "checker"
