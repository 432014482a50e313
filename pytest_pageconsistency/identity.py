# SPDX-License-Identifier: GPL-2.0-only
"""What a kernel is built from beside the cases: the header under test, and the configuration."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pytest_pageconsistency.generate import generator_digest
from pytest_pageconsistency.kernel.place import Configuration
from pytest_pageconsistency.kernel.shadow import HEADER
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.resources import kunit_directory
from pytest_pageconsistency.verdict import Kind, TargetError


@dataclass(frozen=True)
class HeaderUnderTest:
    """The text of the header, and where it came from: "given", "tree" or "ours"."""

    origin: str
    path: Path
    content: bytes

    @property
    def sha256(self) -> str:
        """Identifies the content."""
        return hashlib.sha256(self.content).hexdigest()


def find_header(tree: Tree, given: Path | None) -> HeaderUnderTest:
    """The header under test: the one that was given, else the tree's, else ours."""
    if given is not None:
        try:
            return HeaderUnderTest("given", given, given.read_bytes())
        except OSError as error:
            message = f"cannot read the header {given}: {error.strerror}"
            raise TargetError(Kind.CONFIG_ERROR, message) from error
    path = tree.path / HEADER
    if path.is_file():
        return HeaderUnderTest("tree", path, path.read_bytes())
    path = kunit_directory() / HEADER
    return HeaderUnderTest("ours", path, path.read_bytes())


def identity_of(configuration: Configuration, header: HeaderUnderTest) -> dict[str, str]:
    """What goes into the build id of a suite beside its files."""
    return {
        "header": header.sha256,
        "kunitconfig": configuration.required + configuration.wishes,
        "kconfig": "\n".join(configuration.kconfig),
        "make": "\n".join((*configuration.make_options, configuration.cross_compile)),
        "generator": generator_digest(),
    }
