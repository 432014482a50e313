# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
from pathlib import Path

import pytest
from fake_kernel import make_fake_tree

from pytest_pageconsistency.kernel.shadow import HEADER, update_shadow
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.verdict import Kind, TargetError

SUITE = {"Makefile": b"obj-y += suite.o\n", "Kconfig": b"config X\n", "suite.c": b"int a;\n"}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(make_fake_tree(tmp_path / "linux"), "6.12.1")


@pytest.fixture
def shadow(tmp_path: Path) -> Path:
    return tmp_path / "cache/shadow"


def state(directory: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every entry below `directory`: type and mode, time, and a file's or link's content."""
    found = {}
    for parent, directories, files in os.walk(directory):
        for name in directories + files:
            path = Path(parent, name)
            status = path.lstat()
            content = b""
            if path.is_symlink():
                content = os.fsencode(path.readlink())
            elif path.is_file():
                content = path.read_bytes()
            found[str(path)] = (status.st_mode, status.st_mtime_ns, content)
    return found


def test_what_is_added_and_extended(tree: Tree, shadow: Path) -> None:
    update_shadow(tree, shadow, suite=SUITE, header=b"/* ours */\n")

    suite = shadow / "mm/pageconsistency"
    assert {path.name: path.read_bytes() for path in suite.iterdir()} == SUITE
    assert (shadow / "mm/Makefile").read_text() == (
        (tree.path / "mm/Makefile").read_text()
        + "obj-$(CONFIG_PAGECONSISTENCY_KUNIT_TEST) += pageconsistency/\n"
    )
    assert (shadow / "mm/Kconfig.debug").read_text() == (
        (tree.path / "mm/Kconfig.debug").read_text() + 'source "mm/pageconsistency/Kconfig"\n'
    )
    assert (shadow / HEADER).read_bytes() == b"/* ours */\n"


def test_real_directories_only_where_needed(tree: Tree, shadow: Path) -> None:
    update_shadow(tree, shadow, suite=SUITE, header=b"")
    real = {
        path.relative_to(shadow).as_posix()
        for path in shadow.rglob("*")
        if path.is_dir() and not path.is_symlink()
    }
    assert real == {
        "include",
        "include/linux",
        "mm",
        "mm/pageconsistency",
        "tools",
        "tools/testing",
        "tools/testing/kunit",
        "tools/testing/kunit/configs",
    }
    assert (shadow / "scripts").readlink() == tree.path / "scripts"
    assert (shadow / "mm/slab.c").readlink() == tree.path / "mm/slab.c"


def test_files_in_place_of_the_trees(tree: Tree, shadow: Path) -> None:
    changed = {
        "mm/Makefile": b"obj-y := ours.o",
        "mm/slab.c": b"int ours;\n",
        "init/main.c": b"int also;\n",
        HEADER: b"/* the series' */\n",
    }
    own = update_shadow(tree, shadow, suite=SUITE, header=None, changed=changed)
    assert changed.keys() <= set(own)
    assert (shadow / "mm/Makefile").read_text().startswith("obj-y := ours.o\nobj-$(CONFIG_PAGE")
    for path in ("mm/slab.c", "init/main.c", HEADER):
        assert (shadow / path).read_bytes() == changed[path]
    # A header that is put under test is yet another one.
    update_shadow(tree, shadow, suite=SUITE, header=b"/* given */\n", changed=changed)
    assert (shadow / HEADER).read_bytes() == b"/* given */\n"
    update_shadow(tree, shadow, suite=SUITE, header=None)
    assert (shadow / "mm/slab.c").readlink() == tree.path / "mm/slab.c"
    assert not (shadow / HEADER).exists()


def test_kunit_is_a_real_copy(tree: Tree, shadow: Path) -> None:
    update_shadow(tree, shadow, suite=SUITE, header=None)
    kunit = shadow / "tools/testing/kunit/kunit.py"
    assert kunit.resolve() == kunit
    assert kunit.read_bytes() == (tree.path / "tools/testing/kunit/kunit.py").read_bytes()


def test_without_a_header_of_ours_there_is_the_trees(tmp_path: Path, shadow: Path) -> None:
    tree = Tree(make_fake_tree(tmp_path / "linux", header="/* theirs */\n"), "6.12.1")
    update_shadow(tree, shadow, suite=SUITE, header=b"/* ours */\n")
    ours = (shadow / HEADER).stat().st_mtime_ns
    update_shadow(tree, shadow, suite=SUITE, header=None)
    assert (shadow / HEADER).read_text() == "/* theirs */\n"
    # make sees the change though the tree's file is older.
    assert (shadow / HEADER).stat().st_mtime_ns > ours


def test_without_any_header_none_is_left(tree: Tree, shadow: Path) -> None:
    update_shadow(tree, shadow, suite=SUITE, header=b"/* ours */\n")
    update_shadow(tree, shadow, suite=SUITE, header=None)
    assert not (shadow / HEADER).exists()
    assert (shadow / "include").is_symlink()


def test_a_second_refresh_changes_nothing(tree: Tree, shadow: Path) -> None:
    update_shadow(tree, shadow, suite=SUITE, header=b"x")
    before = state(shadow)
    update_shadow(tree, shadow, suite=SUITE, header=b"x")
    assert state(shadow) == before


def test_only_what_differs_is_rewritten(tree: Tree, shadow: Path) -> None:
    update_shadow(tree, shadow, suite=SUITE, header=b"x")
    before = state(shadow)
    update_shadow(tree, shadow, suite=SUITE | {"suite.c": b"int b;\n"}, header=b"x")
    after = state(shadow)
    changed = {Path(path).name for path in after if after[path] != before.get(path)}
    assert changed == {"suite.c", "pageconsistency"}
    assert before.keys() == after.keys()


def test_a_file_that_the_suite_no_longer_has_goes(tree: Tree, shadow: Path) -> None:
    update_shadow(tree, shadow, suite=SUITE | {"old.c": b""}, header=None)
    update_shadow(tree, shadow, suite=SUITE, header=None)
    assert not (shadow / "mm/pageconsistency/old.c").exists()


def test_the_trees_changes_are_followed(tree: Tree, shadow: Path) -> None:
    update_shadow(tree, shadow, suite=SUITE, header=b"x")
    (tree.path / "mm/new.c").write_text("int n;\n")
    (tree.path / "mm/slab.c").unlink()
    (tree.path / "net").mkdir()
    (tree.path / "Kbuild").unlink()
    (tree.path / "mm/Makefile").write_text("obj-y += new.o\n")
    (tree.path / "tools/testing/kunit/configs/default.config").unlink()

    update_shadow(tree, shadow, suite=SUITE, header=b"x")

    assert (shadow / "mm/new.c").read_text() == "int n;\n"
    assert (shadow / "net").is_symlink()
    assert (shadow / "mm/Makefile").read_text().startswith("obj-y += new.o\nobj-$(CONFIG_PAGE")
    for gone in ("mm/slab.c", "Kbuild", "tools/testing/kunit/configs/default.config"):
        assert not os.path.lexists(shadow / gone)  # noqa: PTH - a dangling link counts


def test_a_link_becomes_a_directory_and_back(tree: Tree, shadow: Path) -> None:
    update_shadow(tree, shadow, suite=SUITE, header=None)
    assert (shadow / "arch").is_symlink()
    (tree.path / "arch/um/include/generated").mkdir()
    update_shadow(tree, shadow, suite=SUITE, header=None)
    assert not (shadow / "arch").is_symlink()
    assert not (shadow / "arch/um/include/generated").exists()
    assert (shadow / "arch/um/include/asm/page.h").exists()
    (tree.path / "arch/um/include/generated").rmdir()
    update_shadow(tree, shadow, suite=SUITE, header=None)
    assert (shadow / "arch").is_symlink()
    assert (tree.path / "arch/um/include/asm/page.h").exists()


def test_leftovers_of_a_build_in_the_tree_are_left_out(tree: Tree, shadow: Path) -> None:
    leftovers = [
        ".config",
        ".config.old",
        "vmlinux",
        "vmlinux.o",
        "linux",
        "Module.symvers",
        "System.map",
        ".vmlinux.cmd",
        "include/config/auto.conf",
        "include/generated/autoconf.h",
        "arch/um/include/generated/asm/a.h",
        "arch/x86/include/generated/uapi/asm/b.h",
    ]
    for name in leftovers:
        (tree.path / name).parent.mkdir(parents=True, exist_ok=True)
        (tree.path / name).write_text("left over\n")

    update_shadow(tree, shadow, suite=SUITE, header=b"x")

    assert [name for name in leftovers if (shadow / name).exists()] == []
    assert (shadow / "arch/um/include/asm/page.h").exists()
    assert (shadow / "include/linux/bitmap.h").is_symlink()


def test_a_suite_directory_of_the_trees_own_is_hidden(tree: Tree, shadow: Path) -> None:
    (tree.path / "mm/pageconsistency").mkdir()
    (tree.path / "mm/pageconsistency/theirs.c").write_text("int t;\n")
    update_shadow(tree, shadow, suite=SUITE, header=None)
    assert {path.name for path in (shadow / "mm/pageconsistency").iterdir()} == set(SUITE)


def test_the_tree_is_never_written_to(tmp_path: Path, shadow: Path) -> None:
    tree = Tree(make_fake_tree(tmp_path / "linux", header="theirs"), "6.12.1")
    (tree.path / "include/config").mkdir()
    before = state(tree.path)
    for header in (b"1", None, b"2"):
        update_shadow(tree, shadow, suite=SUITE, header=header)
        update_shadow(tree, shadow, suite={"Makefile": b"", "Kconfig": b""}, header=header)
    assert state(tree.path) == before


def test_links_planted_in_the_shadow_are_not_written_through(tree: Tree, shadow: Path) -> None:
    update_shadow(tree, shadow, suite=SUITE, header=b"x")
    before = state(tree.path)
    for name in ("mm/Makefile", HEADER, "tools/testing/kunit/kunit.py"):
        (shadow / name).unlink()
        (shadow / name).symlink_to(tree.path / "mm/Makefile")
    update_shadow(tree, shadow, suite=SUITE, header=b"y")
    assert state(tree.path) == before
    assert not (shadow / "mm/Makefile").is_symlink()


def test_what_a_killed_refresh_left_goes(tree: Tree, shadow: Path) -> None:
    update_shadow(tree, shadow, suite=SUITE, header=None)
    left = shadow / "mm/pageconsistency/suite.c.pageconsistency-new"
    left.write_text("half")
    update_shadow(tree, shadow, suite=SUITE, header=None)
    assert not left.exists()


def test_a_last_line_without_newline_is_ended(tree: Tree, shadow: Path) -> None:
    (tree.path / "mm/Makefile").write_text("obj-y += slab.o")
    update_shadow(tree, shadow, suite=SUITE, header=None)
    assert (shadow / "mm/Makefile").read_text().splitlines()[0] == "obj-y += slab.o"


def test_an_incomplete_tree_is_a_config_error(tree: Tree, shadow: Path) -> None:
    (tree.path / "mm/Kconfig.debug").unlink()
    with pytest.raises(TargetError, match=r"Kconfig\.debug is missing") as caught:
        update_shadow(tree, shadow, suite=SUITE, header=None)
    assert caught.value.verdict.kind is Kind.CONFIG_ERROR


def test_what_python_compiled_stays_until_a_module_changes(tree: Tree, shadow: Path) -> None:
    update_shadow(tree, shadow, suite=SUITE, header=None)
    compiled = shadow / "tools/testing/kunit/__pycache__"
    compiled.mkdir()
    (compiled / "kunit.pyc").touch()
    update_shadow(tree, shadow, suite=SUITE, header=None)
    assert (compiled / "kunit.pyc").exists()

    kunit = tree.path / "tools/testing/kunit/kunit.py"
    kunit.write_text(kunit.read_text() + "# edited\n")
    update_shadow(tree, shadow, suite=SUITE, header=None)
    assert not compiled.exists()


def test_the_real_files_are_told(tree: Tree, shadow: Path) -> None:
    own = update_shadow(tree, shadow, suite=SUITE, header=b"x")
    assert {*own} == {str(path.relative_to(shadow)) for path in real_files(shadow)}
    assert update_shadow(tree, shadow, suite=SUITE, header=b"x") == own


def real_files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and not path.is_symlink()]
