# SPDX-License-Identifier: GPL-2.0-only
"""What all measurements share: the tree, our side, the peer's, and a project of test files."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.mirror import mirror
from benchmarks.options import Options
from benchmarks.process import BenchError, Timed, timed
from benchmarks.project import Project
from pytest_pageconsistency.kernel.tree import Tree, find_tree
from pytest_pageconsistency.progress import SilentProgress

PYTEST = str(Path(sys.executable).with_name("pytest"))


def say(text: str) -> None:
    """Tell a waiting user what is being done."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Peer:
    """A copy of our tree with the suite in it, which kunit.py builds in a directory of its own."""

    root: Path

    @property
    def shadow(self) -> Path:
        """The tree."""
        return self.root / "shadow"

    def command(self, step: str) -> list[str]:
        """The command line of kunit.py, with all cores as is its default."""
        return [
            sys.executable,
            str(self.shadow / "tools/testing/kunit/kunit.py"),
            step,
            "--arch=um",
            f"--build_dir={self.root / 'build'}",
            f"--kunitconfig={self.root / 'kunitconfig'}",
        ]

    def run(self, step: str = "run") -> Timed:
        """Let kunit.py configure and build, and with "run" boot and judge, too."""
        return timed(self.command(step), self.shadow)


class Bench:
    """Where is measured, and the two sides."""

    def __init__(self, options: Options) -> None:
        self.pairs = options.pairs
        self.home = Path(__file__).parent.parent
        self.project = Project(options.work / "project")
        self._cache = options.work / "cache"
        self._peers = options.work / "peers"
        self._given = options.tree or os.environ.get("KUNIT_TREE")

    @cached_property
    def tree(self) -> Tree:
        """The kernel source; an archive is unpacked first, into the work directory."""
        return find_tree(self._given, self._cache.parent, SilentProgress())

    @property
    def kernel_version(self) -> str:
        """The version of the kernel source; empty where nothing was measured with it."""
        return self.tree.version if "tree" in vars(self) else ""

    def ours(
        self,
        target: str,
        *arguments: str,
        good: Collection[int] = (0,),
        extra: Mapping[str, str] | None = None,
    ) -> Timed:
        """Run the cases of `target`, a file or directory of the project, on User Mode Linux.

        `good` and `extra` as `timed` takes them.
        """
        self.project.prepare()
        command = [
            PYTEST,
            "-q",
            target,
            "--kunit-arch=um",
            f"--kunit-tree={self.tree.path}",
            f"--kunit-cache={self._cache}",
            *arguments,
        ]
        environment = self.project.environment | dict(extra or {})
        return timed(command, self.project.root, good=good, extra=environment)

    def peer(self) -> tuple[Peer, list[str]]:
        """The peer, with all in its tree that our side's last run had; and what changed in it.

        BenchError where our side has built nothing yet.
        """
        # Of several configurations, the one that was built last.
        images = self._cache.glob("kernels/um-*/build/vmlinux")
        image = max(images, key=lambda path: path.stat().st_mtime, default=None)
        if image is None:
            raise BenchError("our side has built nothing that can be copied")
        place = image.parent.parent
        peer = Peer(self._peers / place.name)
        peer.root.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(place / "kunitconfig", peer.root / "kunitconfig")
        return peer, mirror(place / "shadow", peer.shadow)

    def remove_builds(self) -> None:
        """Forget what both sides have built, for a cold start."""
        for directory in (self._cache, self._peers):
            shutil.rmtree(directory, ignore_errors=True)
