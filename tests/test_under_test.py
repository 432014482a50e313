# SPDX-License-Identifier: GPL-2.0-only
"""Which sources are under test, and trees that have something else in their place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_pageconsistency.kernel import source_file
from pytest_pageconsistency.kernel.shadow import CHECKER, CHECKER_HEADER, HEADER
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.resources import kunit_directory
from pytest_pageconsistency.under_test import find_checker, find_header
from pytest_pageconsistency.verdict import Kind, TargetError


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    for name in (CHECKER, HEADER):
        (tmp_path / "linux" / name).parent.mkdir(parents=True)
    return Tree(tmp_path / "linux", "6.12.1")


def put(tree: Tree, *names: str) -> None:
    for name in names:
        (tree.path / name).write_text(f"their {name}")


def test_ours_where_the_tree_has_none(tree: Tree) -> None:
    assert find_header(tree, None).origin == "ours"
    checker = find_checker(tree, None)
    assert (checker.source.origin, checker.header.origin) == ("ours", "ours")
    assert checker.files[CHECKER] == (kunit_directory() / CHECKER).read_bytes()


def test_the_trees_own_before_ours(tree: Tree) -> None:
    put(tree, HEADER, CHECKER, CHECKER_HEADER)
    assert find_header(tree, None).origin == "tree"
    checker = find_checker(tree, None)
    assert (checker.source.origin, checker.header.origin) == ("tree", "tree")
    assert checker.files[CHECKER_HEADER] == f"their {CHECKER_HEADER}".encode()


def test_what_was_given_before_all(tree: Tree, tmp_path: Path) -> None:
    put(tree, CHECKER, CHECKER_HEADER)
    (tmp_path / "my.c").write_text("mine")
    checker = find_checker(tree, tmp_path / "my.c")
    assert (checker.source.origin, checker.header.origin) == ("given", "tree")
    assert checker.files[CHECKER] == b"mine"
    assert checker.sha256 != find_checker(tree, None).sha256


@pytest.mark.parametrize(
    ("present", "absent"), [(CHECKER, CHECKER_HEADER), (CHECKER_HEADER, CHECKER)]
)
def test_half_a_checker(tree: Tree, present: str, absent: str) -> None:
    put(tree, present)
    assert_refused(tree, f"has {present} and no {absent}: give a tree with both or none")


def test_what_is_no_file(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tree, CHECKER_HEADER)
    place = tree.path / CHECKER
    for make in (
        lambda: place.symlink_to("nowhere"),
        lambda: place.symlink_to("/dev/zero"),
        lambda: os.mkfifo(place),
    ):
        make()
        assert_refused(tree, f"{place} is no file")
        place.unlink()
    place.mkdir()
    assert_refused(tree, f"{place} is no file")
    place.rmdir()
    monkeypatch.setattr(source_file, "SIZE_LIMIT", 10)
    put(tree, CHECKER)
    assert_refused(tree, "is too large for a kernel source")


def test_what_was_given_and_is_gone(tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="is not there any more"):
        find_checker(tree, tmp_path / "gone.c")


def assert_refused(tree: Tree, sentence: str) -> None:
    with pytest.raises(TargetError) as caught:
        find_checker(tree, None)
    assert caught.value.verdict.kind is Kind.CONFIG_ERROR
    assert sentence in caught.value.verdict.message
