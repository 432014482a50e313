# SPDX-License-Identifier: GPL-2.0-only
"""The `pageconsistency` command: what a person or a CI wants beside pytest."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pytest_pageconsistency import doctor, series, summary
from pytest_pageconsistency.verdict import TargetError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit status (2 for a usage error, as argparse does)."""
    parser = argparse.ArgumentParser(
        prog="pageconsistency",
        description="Look at this machine, and at the results of pytest_pageconsistency.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    doctor.add_command(commands)
    summary.add_command(commands)
    series.add_command(commands)
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
    except TargetError as error:
        print(f"pageconsistency: {error}", file=sys.stderr)
        return 2
    return status
