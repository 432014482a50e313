# SPDX-License-Identifier: GPL-2.0-only
"""What the user of `make bench` chose."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

PAIRS = 5


@dataclass(frozen=True)
class Options:
    """What to measure (`names`), in how many `pairs`; where to work, where the results go.

    `tree` is a kernel source as --kunit-tree takes it, None for the plugin's default.
    """

    names: tuple[str, ...]
    pairs: int
    work: Path
    json: Path | None
    tree: str | None


def parse(arguments: Sequence[str], known: Collection[str]) -> Options:
    """Read the command line; SystemExit, with a sentence, for one that makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(known)} (default: all)"
    )
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"(default: {PAIRS})")
    parser.add_argument("--work", type=Path, default=_default_work(), help="builds are kept here")
    parser.add_argument("--json", type=Path, help="write every sample to this file")
    parser.add_argument("--tree", help="kernel source, a directory or a .tar.xz")
    given = parser.parse_args(arguments)
    for name in given.names:
        if name not in known:
            parser.error(f"{name} is none of {', '.join(known)}")
    if given.pairs < 1:
        parser.error(f"--pairs wants at least 1, not {given.pairs}")
    # In our order, whatever the user's: what is built cold serves those that come later.
    names = tuple(name for name in known if not given.names or name in given.names)
    return Options(names, given.pairs, given.work.absolute(), given.json, given.tree)


def _default_work() -> Path:
    return platformdirs.user_cache_path("pytest_pageconsistency") / "benchmarks"
