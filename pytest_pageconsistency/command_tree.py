# SPDX-License-Identifier: GPL-2.0-only
"""The kernel tree that a subcommand of `pageconsistency` looks at."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import platformdirs

from pytest_pageconsistency.kernel.tree import Tree, find_tree


class _Progress:
    """Tells on stderr what takes long."""

    def phase(self, name: str) -> None:
        print(f"{name} ...", file=sys.stderr)

    def tick(self, text: str) -> None:
        pass

    def note(self, text: str) -> None:
        print(text, file=sys.stderr)


def add_tree_option(parser: argparse.ArgumentParser) -> None:
    """Add --kunit-tree, the same as pytest's."""
    parser.add_argument(
        "--kunit-tree",
        metavar="PATH",
        help="kernel source: a directory or a .tar.xz (default: KUNIT_TREE, or the newest "
        "/usr/src/linux-source-*.tar.xz)",
    )


def named_source(options: argparse.Namespace) -> str | None:
    """The source that the user named, by the option or in the environment."""
    source: str | None = options.kunit_tree or os.environ.get("KUNIT_TREE")
    return source


def open_tree(source: str | None) -> Tree:
    """Find the tree as `find_tree` does, in the cache that pytest's sessions have."""
    given = os.environ.get("PAGECONSISTENCY_CACHE")
    cache = Path(given or platformdirs.user_cache_dir("pytest_pageconsistency")).absolute()
    return find_tree(source, cache, _Progress())
