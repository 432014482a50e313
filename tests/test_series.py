# SPDX-License-Identifier: GPL-2.0-only
"""Where the checker's series goes in a kernel tree, on a tree of a few lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from series_tree import KUNIT, TREE, apply, put

from pytest_pageconsistency.kernel.series import is_applied, series_files, series_steps
from pytest_pageconsistency.verdict import Kind, TargetError

MAIN = """\
#include <linux/page_ext.h>
static void __init mm_init(void)
{
	mem_init();
	mem_init_print_info();
}
"""
NEWER = """\
#include <linux/page_ext.h>

void __init mm_core_init(void)
{
	kho_memory_init();

	memblock_free_all();
	mem_init();
}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return put(tmp_path / "linux", TREE)


def added(tree: Path, path: str) -> list[tuple[int, str]]:
    """Line numbers from 0 and lines that are in the series' file and not in the tree's."""
    new = series_files(tree, KUNIT)[path].decode().splitlines()
    old = iter((tree / path).read_text().splitlines())
    waiting = next(old, None)
    found = []
    for number, line in enumerate(new):
        if line == waiting:
            waiting = next(old, None)
        else:
            found.append((number, line))
    assert waiting is None, "a line of the tree is gone"
    return found


def failure(tree: Path) -> str:
    with pytest.raises(TargetError) as caught:
        series_files(tree, KUNIT)
    assert caught.value.verdict.kind is Kind.CONFIG_ERROR
    assert not caught.value.verdict.details
    return caught.value.verdict.message


def test_the_new_files_are_ours(tree: Path) -> None:
    files = series_files(tree, KUNIT)
    new = {path for path in files if not (tree / path).exists()}
    assert new == {
        "include/linux/dual_bitmap.h",
        "include/linux/page_consistency.h",
        "mm/page_consistency.c",
    }
    assert all(files[path] == (KUNIT / path).read_bytes() for path in new)


def test_only_the_hooks_functions_are_changed(tree: Path) -> None:
    assert added(tree, "mm/page_alloc.c") == [
        (1, "#include <linux/page_consistency.h>"),
        (11, "\t\tpage_consistency_free(page, order);"),
        (15, "\tpage_consistency_free(page, order);"),
        (22, "\tpage_consistency_alloc(page, order);"),
    ]
    assert added(tree, "mm/mm_init.c") == [
        (0, "#include <linux/page_consistency.h>"),
        (6, "\tpage_consistency_init();"),
    ]


def test_older_trees_set_up_in_main(tree: Path) -> None:
    put(tree, {"mm/mm_init.c": "int mminit_loglevel;\n", "init/main.c": MAIN})
    assert added(tree, "init/main.c")[1] == (4, "\tpage_consistency_init();")
    assert "mm/mm_init.c" not in series_files(tree, KUNIT)


def test_newer_trees_free_memory_themselves(tree: Path) -> None:
    put(tree, {"mm/mm_init.c": NEWER})
    assert added(tree, "mm/mm_init.c")[1] == (7, "\tpage_consistency_init();")


def test_newer_trees_prepare_in_an_inner_function(tree: Path) -> None:
    text = TREE["mm/page_alloc.c"].replace(" free_pages_prepare(", " __free_pages_prepare(")
    text += "\nbool free_pages_prepare(struct page *page, unsigned int order)\n{\n\treturn 1;\n}\n"
    put(tree, {"mm/page_alloc.c": text})
    assert len(added(tree, "mm/page_alloc.c")) == 4


def test_options(tree: Path) -> None:
    kconfig = series_files(tree, KUNIT)["mm/Kconfig.debug"].decode()
    entries = (KUNIT / "mm/Kconfig.page_consistency").read_text()
    assert kconfig == TREE["mm/Kconfig.debug"].replace(
        "config PAGE_POISONING", entries + "config PAGE_POISONING"
    )
    makefile = series_files(tree, KUNIT)["mm/Makefile"].decode()
    assert "obj-$(CONFIG_DEBUG_PAGE_CONSISTENCY) += page_consistency.o\n" in makefile


def test_a_trees_own_dual_bitmap_stays(tree: Path) -> None:
    put(tree, {"include/linux/dual_bitmap.h": "/* theirs */\n"})
    assert "include/linux/dual_bitmap.h" not in series_files(tree, KUNIT)


def test_a_tree_with_the_series_needs_nothing(tree: Path) -> None:
    apply(tree)
    assert is_applied(tree)
    assert series_files(tree, KUNIT) == {}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("mm/page_consistency.c", None),
        ("include/linux/page_consistency.h", None),
        ("mm/Kconfig.debug", TREE["mm/Kconfig.debug"]),
        ("mm/Makefile", TREE["mm/Makefile"]),
        ("mm/page_alloc.c", TREE["mm/page_alloc.c"]),
        ("mm/mm_init.c", TREE["mm/mm_init.c"]),
    ],
)
def test_a_half_applied_series(tree: Path, path: str, text: str | None) -> None:
    apply(tree)
    if text is None:
        (tree / path).unlink()
    else:
        (tree / path).write_text(text)
    assert failure(tree) == (
        "the page consistency checker is in the tree's "
        f"{'mm/page_consistency.c' if path == 'mm/Kconfig.debug' else 'mm/Kconfig.debug'} "
        f"and not in its {path}: apply the whole series, or none of it"
    )


@pytest.mark.parametrize(
    ("path", "line", "looked"),
    [
        (
            "mm/page_alloc.c",
            "#include <linux/page_owner.h>",
            "the file for 1 of '#include <linux/page_owner.h>' and found 0",
        ),
        (
            "mm/page_alloc.c",
            "inline void post_alloc_hook(",
            "post_alloc_hook() for 1 of 'page_table_check_alloc(page, order);' and found 0",
        ),
        (
            "mm/page_alloc.c",
            "\t\tpage_table_check_free(page, order);",
            "__free_pages_prepare() or free_pages_prepare() for 2 of "
            "'page_table_check_free(page, order);' and found 1",
        ),
        (
            "mm/mm_init.c",
            "mem_init();",
            "mm_core_init() for 1 of 'memblock_free_all();' or 'mem_init();' and found 0",
        ),
        (
            "mm/mm_init.c",
            "void __init mm_core_init(",
            "mm_core_init() for 1 of 'memblock_free_all();' or 'mem_init();' and found 0",
        ),
        (
            "mm/Makefile",
            "obj-$(CONFIG_PAGE_TABLE_CHECK) += page_table_check.o",
            "the file for 1 of 'obj-$(CONFIG_PAGE_TABLE_CHECK) += page_table_check.o' and found 0",
        ),
        (
            "mm/Kconfig.debug",
            "config PAGE_POISONING",
            "the file for 1 of 'config PAGE_POISONING' and found 0",
        ),
    ],
)
def test_a_context_that_is_gone(tree: Path, path: str, line: str, looked: str) -> None:
    text = TREE[path]
    assert line in text
    put(tree, {path: text.replace(line, f"{'changed(' if line.endswith('(') else 'changed'}", 1)})
    assert failure(tree) == (
        f"the checker's series does not fit {path}: looked in {looked}, "
        "give a tree that has the series applied"
    )


def test_a_file_that_is_gone(tree: Path) -> None:
    (tree / "mm/mm_init.c").unlink()
    assert "does not fit mm/mm_init.c: looked in mm_core_init() for 1" in failure(tree)


def test_an_enormous_file_is_not_read(tree: Path) -> None:
    with (tree / "mm/page_alloc.c").open("wb") as file:
        file.truncate(1 << 34)
    assert failure(tree).endswith("is too large for a kernel source: give another one")


def test_the_steps_end_with_the_files(tree: Path) -> None:
    steps = series_steps(tree, KUNIT)
    last: dict[str, bytes] = {}
    for step in steps:
        last |= step
    documents = {path for path in last if path.startswith("Documentation/")} | {"MAINTAINERS"}
    assert {path: last[path] for path in last.keys() - documents} == series_files(tree, KUNIT)
    assert documents - {"MAINTAINERS"} == {
        "Documentation/mm/index.rst",
        "Documentation/mm/page_consistency.rst",
    }


def test_documents(tree: Path) -> None:
    _, checker, _ = series_steps(tree, KUNIT)
    assert (
        b"   numa\n   page_consistency\n   page_migration\n"
        in checker["Documentation/mm/index.rst"]
    )
    text = checker["MAINTAINERS"].decode()
    section = text.partition("PAGE CONSISTENCY CHECKER\n")[2].partition("\n\n")[0]
    assert section.splitlines()[2:] == [
        "F:\tDocumentation/mm/page_consistency.rst",
        "F:\tinclude/linux/dual_bitmap.h",
        "F:\tinclude/linux/page_consistency.h",
        "F:\tmm/page_consistency.c",
    ]
    assert text.startswith("How to\n\n3C59X")
    assert text.endswith("page_consistency.c\n\nZD1211RW\nM:\tanother\n")


def test_no_steps_for_a_tree_that_has_some(tree: Path) -> None:
    put(tree, {"include/linux/dual_bitmap.h": "/* theirs */\n"})
    with pytest.raises(TargetError, match="give one without"):
        series_steps(tree, KUNIT)
