# SPDX-License-Identifier: GPL-2.0-only
"""The checker's patch series, as what it changes in a kernel tree.

New files and texts come from kunit/; where they go is found by context, so that the same sources
fit every tree that still has the context.
"""

from __future__ import annotations

from pathlib import Path

from pytest_pageconsistency.kernel.insertion import Insertion, defines, insert
from pytest_pageconsistency.kernel.source_file import read_source
from pytest_pageconsistency.verdict import Kind, TargetError

DUAL_BITMAP = "include/linux/dual_bitmap.h"
HEADER = "include/linux/page_consistency.h"
CHECKER = "mm/page_consistency.c"
DOCUMENT = "Documentation/mm/page_consistency.rst"
KCONFIG_TEXT = "mm/Kconfig.page_consistency"
"""In kunit/: the entries for the tree's mm/Kconfig.debug."""

_INCLUDE = "#include <linux/page_consistency.h>"

_HOOKS = (
    Insertion(
        "mm/page_alloc.c",
        "page_consistency_alloc(page, order);",
        anchors=("page_table_check_alloc(page, order);",),
        functions=("post_alloc_hook",),
    ),
    # A page with a memory failure leaves early: each free passes one of the two.
    Insertion(
        "mm/page_alloc.c",
        "page_consistency_free(page, order);",
        anchors=("page_table_check_free(page, order);",),
        functions=("__free_pages_prepare", "free_pages_prepare"),
        times=2,
    ),
    Insertion("mm/page_alloc.c", _INCLUDE, anchors=("#include <linux/page_owner.h>",), before=True),
)
_INIT_PLACES = (("mm/mm_init.c", "mm_core_init"), ("init/main.c", "mm_init"))
"""Files and the function in them that sets up the allocators; older trees have the second."""

_MAKEFILE = Insertion(
    "mm/Makefile",
    "obj-$(CONFIG_DEBUG_PAGE_CONSISTENCY) += page_consistency.o",
    anchors=("obj-$(CONFIG_PAGE_TABLE_CHECK) += page_table_check.o",),
    before=True,
)
_INDEX = Insertion(
    "Documentation/mm/index.rst", "page_consistency", anchors=("page_migration",), before=True
)
_MAINTAINERS = """\
PAGE CONSISTENCY CHECKER
L:	linux-mm@kvack.org
S:	Odd Fixes
"""

# What shows that a part of a series, ours or another, is in a tree.
_TRACES = {
    "mm/Kconfig.debug": "config DEBUG_PAGE_CONSISTENCY\n",
    CHECKER: "",
    HEADER: "",
    "mm/Makefile": "page_consistency.o",
    "mm/page_alloc.c": "page_consistency_alloc(",
}


def series_files(tree: Path, kunit: Path) -> dict[str, bytes]:
    """What a build of `tree` with the series has other than the tree, by path in it.

    `kunit` is the directory of our kernel side. A tree that has the series applied, ours or
    another, gives {}, and one that has a dual_bitmap.h keeps it. TargetError (CONFIG_ERROR)
    if it is applied in part, or the tree has no place for it.
    """
    if is_applied(tree):
        return {}
    added = {path: (kunit / path).read_bytes() for path in (DUAL_BITMAP, HEADER, CHECKER)}
    if (tree / DUAL_BITMAP).exists():
        del added[DUAL_BITMAP]
    return added | _options(tree, kunit) | _hooks(tree)


def series_steps(tree: Path, kunit: Path) -> list[dict[str, bytes]]:
    """The same, patch by patch and with documents: what each adds to, or changes in, `tree`.

    A later patch's content of a file includes the earlier patches' changes. TargetError
    (CONFIG_ERROR) if some or all of it is in the tree.
    """
    if is_applied(tree) or (tree / DUAL_BITMAP).exists():
        message = "the tree has the checker's series, or its header: give one without"
        raise TargetError(Kind.CONFIG_ERROR, message)
    checker = (DOCUMENT, HEADER, CHECKER)
    new = {path: (kunit / path).read_bytes() for path in (DUAL_BITMAP, *checker)}
    index = insert(_read(tree, _INDEX.path), _INDEX)
    return [
        {"MAINTAINERS": _maintainers(tree, [DUAL_BITMAP]), DUAL_BITMAP: new[DUAL_BITMAP]},
        {
            "MAINTAINERS": _maintainers(tree, [DUAL_BITMAP, *checker]),
            _INDEX.path: _bytes(index),
            **{path: new[path] for path in checker},
            **_options(tree, kunit),
        },
        _hooks(tree),
    ]


def is_applied(tree: Path) -> bool:
    """Whether `tree` has a series of the checker; TargetError (CONFIG_ERROR) for parts of one."""
    found = {path: _has(tree, path, text) for path, text in _TRACES.items()}
    found["mm/mm_init.c"] = any(
        _has(tree, path, "page_consistency_init()") for path, _ in _INIT_PLACES
    )
    if any(found.values()) and not all(found.values()):
        present = next(path for path, is_there in found.items() if is_there)
        absent = next(path for path, is_there in found.items() if not is_there)
        message = (
            f"the page consistency checker is in the tree's {present} and not in its {absent}: "
            "apply the whole series, or none of it"
        )
        raise TargetError(Kind.CONFIG_ERROR, message)
    return all(found.values())


def _options(tree: Path, kunit: Path) -> dict[str, bytes]:
    """Kconfig's and Kbuild's files."""
    entries = (kunit / KCONFIG_TEXT).read_text("utf-8").removesuffix("\n")
    kconfig = Insertion(
        "mm/Kconfig.debug", entries, anchors=("config PAGE_POISONING",), before=True
    )
    return _inserted(tree, kconfig) | _inserted(tree, _MAKEFILE)


def _hooks(tree: Path) -> dict[str, bytes]:
    """The files that call the checker."""
    path, function = next(
        (place for place in _INIT_PLACES if defines(_read(tree, place[0]), place[1])),
        _INIT_PLACES[0],
    )
    init = (
        # Before 6.16 architectures call memblock_free_all() on their own, from mem_init().
        Insertion(
            path,
            "page_consistency_init();",
            anchors=("memblock_free_all();", "mem_init();"),
            before=True,
            functions=(function,),
        ),
        Insertion(path, _INCLUDE, anchors=("#include <linux/page_ext.h>",), before=True),
    )
    return _inserted(tree, *_HOOKS) | _inserted(tree, *init)


def _inserted(tree: Path, *insertions: Insertion) -> dict[str, bytes]:
    """The one file that all of `insertions` are for."""
    path = insertions[0].path
    text = _read(tree, path)
    for insertion in insertions:
        text = insert(text, insertion)
    return {path: _bytes(text)}


def _maintainers(tree: Path, files: list[str]) -> bytes:
    """MAINTAINERS with our section, in the order of the headings."""
    text = _read(tree, "MAINTAINERS")
    section = _MAINTAINERS + "".join(f"F:\t{path}\n" for path in sorted(files))
    heading = section.partition("\n")[0]
    blocks = text.split("\n\n")
    start = next((n for n, block in enumerate(blocks) if block.startswith("3C59X")), 0)
    place = next((n for n in range(start, len(blocks)) if blocks[n].upper() > heading), len(blocks))
    blocks.insert(place, section.removesuffix("\n"))
    return _bytes("\n\n".join(blocks))


def _has(tree: Path, path: str, text: str) -> bool:
    return (tree / path).is_file() and text in _read(tree, path)


def _read(tree: Path, path: str) -> str:
    """A file's text, empty if there is none; bytes that are no UTF-8 survive."""
    content = read_source(tree / path) or b""
    return content.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
