# SPDX-License-Identifier: GPL-2.0-only
"""What the checker's series needs of a kernel tree, in a few lines, and trees with it applied."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pytest_pageconsistency.kernel.series import series_files
from pytest_pageconsistency.resources import kunit_directory

KUNIT = kunit_directory()
TREE = {
    "mm/page_alloc.c": """\
#include <linux/mm.h>
#include <linux/page_owner.h>

void post_alloc_hook(struct page *page, unsigned int order);

static __always_inline bool free_pages_prepare(struct page *page,
			unsigned int order)
{
	if (unlikely(PageHWPoison(page))) {
		page_table_check_free(page, order);
		return false;
	}
	page_table_check_free(page, order);
	return true;
}

inline void post_alloc_hook(struct page *page, unsigned int order)
{
	page_table_check_alloc(page, order);
}

static void other(void)
{
	page_table_check_alloc(page, order);
	page_table_check_free(page, order);
}
""",
    "mm/mm_init.c": """\
#include <linux/page_ext.h>

void __init mm_core_init(void)
{
	report_meminit();
	mem_init();
}
""",
    "mm/Makefile": "obj-$(CONFIG_PAGE_TABLE_CHECK) += page_table_check.o\n",
    "mm/Kconfig.debug": "config PAGE_OWNER\n\tbool\n\nconfig PAGE_POISONING\n\tbool\n",
    "Documentation/mm/index.rst": ".. toctree::\n\n   numa\n   page_migration\n",
    "MAINTAINERS": "How to\n\n3C59X NETWORK DRIVER\nM:\tone\n\nZD1211RW\nM:\tanother\n",
}


def put(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write `files` below `path`; returns it."""
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def apply(tree: Path) -> None:
    """Apply the series to `tree` in place."""
    put(tree, series_files(tree, KUNIT))


def linked_tree(tree: Path, place: Path, files: Mapping[str, bytes]) -> Path:
    """Make `place` a tree of links to `tree`, with `files` in place of some; returns it."""
    real = {str(parent) for name in files for parent in Path(name).parents}
    for directory in sorted(real):
        (place / directory).mkdir(parents=True)
        for entry in os.scandir(tree / directory):
            if str(Path(directory, entry.name)) not in real | files.keys():
                (place / directory / entry.name).symlink_to(entry.path)
    return put(place, files)


def git(directory: Path, *arguments: str | Path) -> str:
    """What git prints; CalledProcessError if it fails."""
    command = ["git", "-C", str(directory), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def apply_mails(repository: Path, mails: Path) -> None:
    """Make a git repository of what is in `repository`, and apply all mails to it."""
    git(repository, "init", "--quiet")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message=base")
    git(repository, "am", "--quiet", *sorted(mails.glob("*.patch")))
