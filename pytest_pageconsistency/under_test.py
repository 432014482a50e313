# SPDX-License-Identifier: GPL-2.0-only
"""The sources under test: given by the user, the tree's, or else ours."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_pageconsistency.kernel.shadow import CHECKER, CHECKER_HEADER, HEADER
from pytest_pageconsistency.kernel.source_file import read_source
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.resources import kunit_directory
from pytest_pageconsistency.verdict import Kind, TargetError


@dataclass(frozen=True)
class UnderTest:
    """The text of a source file, and where it came from: "given", "tree" or "ours"."""

    origin: str
    path: Path
    content: bytes

    @property
    def sha256(self) -> str:
        """Identifies the content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class CheckerUnderTest:
    """The page consistency checker: its C file, and the header that goes with it."""

    source: UnderTest
    header: UnderTest

    @property
    def files(self) -> Mapping[str, bytes]:
        """By their paths in a kernel tree."""
        return {CHECKER: self.source.content, CHECKER_HEADER: self.header.content}

    @property
    def sha256(self) -> str:
        """Identifies both."""
        return hashlib.sha256((self.source.sha256 + self.header.sha256).encode()).hexdigest()


def find_header(tree: Tree, given: Path | None) -> UnderTest:
    """The dual_bitmap.h under test: the one that was given, else the tree's, else ours."""
    if given is not None:
        return _given(given, "header")
    return _in_tree(tree, HEADER) or _ours(HEADER)


def find_checker(tree: Tree, given: Path | None) -> CheckerUnderTest:
    """The checker under test: the C file that was given, else the tree's, else ours.

    Its header is the tree's where that has a checker, else ours. TargetError (CONFIG_ERROR) for a
    tree that has one of both files: ours must not pass for a checker that we did not find.
    """
    theirs, header = _in_tree(tree, CHECKER), _in_tree(tree, CHECKER_HEADER)
    if (theirs is None) is not (header is None):
        present, absent = (CHECKER, CHECKER_HEADER) if theirs else (CHECKER_HEADER, CHECKER)
        message = f"{tree.path} has {present} and no {absent}: give a tree with both or none"
        raise TargetError(Kind.CONFIG_ERROR, message)
    theirs, header = theirs or _ours(CHECKER), header or _ours(CHECKER_HEADER)
    return CheckerUnderTest(_given(given, "checker") if given else theirs, header)


def _given(path: Path, what: str) -> UnderTest:
    content = read_source(path)
    if content is None:
        message = f"the {what} {path} is not there any more: give it again"
        raise TargetError(Kind.CONFIG_ERROR, message)
    return UnderTest("given", path, content)


def _in_tree(tree: Tree, name: str) -> UnderTest | None:
    path = tree.path / name
    content = read_source(path)
    return UnderTest("tree", path, content) if content is not None else None


def _ours(name: str) -> UnderTest:
    path = kunit_directory() / name
    return UnderTest("ours", path, path.read_bytes())
