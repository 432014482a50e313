# SPDX-License-Identifier: GPL-2.0-only
"""`pageconsistency summary DIR`: the results of many environments in one matrix."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path

from pytest_pageconsistency.matrix.cells import make_matrix
from pytest_pageconsistency.matrix.fields import Unreadable, one_line
from pytest_pageconsistency.matrix.reading import DEPTH, read_environments
from pytest_pageconsistency.matrix.text import summary_text

ALL_GREEN = 0
NOT_GREEN = 1
UNUSABLE = 2


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `summary`; its exit status is one of the three above."""
    parser = commands.add_parser(
        "summary",
        help="print the matrix of cases and architectures",
        description=f"Print what became of each case in each environment: all result.json in DIR "
        f"and up to {DEPTH} levels below. The status is 0 if every cell is green, 1 if not, 2 if "
        "something cannot be read.",
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="what --kunit-artifacts named")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write one HTML page, too")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="list green cases, and what was shortened"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the summary, and write the page if one was asked for; returns the exit status."""
    try:
        matrix = make_matrix(read_environments(options.directory))
        if options.html is not None:
            # Templates take a while to load.
            from pytest_pageconsistency.matrix.page import summary_page

            _write(options.html, summary_page(matrix))
    except Unreadable as error:
        print(f"pageconsistency summary: {one_line(str(error))}", file=sys.stderr)
        return UNUSABLE
    _print(summary_text(matrix, verbose=options.verbose))
    if not matrix.readable:
        return UNUSABLE
    return ALL_GREEN if matrix.green else NOT_GREEN


def _write(path: Path, text: str) -> None:
    """Whole, or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise Unreadable(f"cannot write {path}: {error.strerror}") from error


def _print(text: str) -> None:
    """Print names as far as the terminal's encoding has them, and as far as somebody reads."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        # "| head" has seen enough; what is left must not be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
