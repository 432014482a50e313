# SPDX-License-Identifier: GPL-2.0-only
"""Reading one file of a kernel tree, which may be anything."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_pageconsistency.verdict import Kind, TargetError

SIZE_LIMIT = 16 << 20
"""In bytes; the largest source of a kernel has a tenth of that."""


def read_source(path: Path) -> bytes | None:
    """The content of a file, which may be a link to one; None if there is nothing at `path`.

    TargetError (CONFIG_ERROR) for a directory, a device or a link to nowhere, and for a file that
    is too large or cannot be read.
    """
    if not path.is_file():
        if not os.path.lexists(path):
            return None
        raise TargetError(Kind.CONFIG_ERROR, f"{path} is no file: give a complete kernel tree")
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise TargetError(Kind.CONFIG_ERROR, message) from error
    if len(content) > SIZE_LIMIT:
        message = f"{path} is too large for a kernel source: give another one"
        raise TargetError(Kind.CONFIG_ERROR, message)
    return content
