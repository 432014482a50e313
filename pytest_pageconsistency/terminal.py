# SPDX-License-Identifier: GPL-2.0-only
"""Progress on pytest's terminal, past its capturing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pytest_pageconsistency.progress import LiveProgress, PlainProgress, Progress, SilentProgress


@contextmanager
def open_progress(config: pytest.Config) -> Iterator[Progress]:
    """Show progress as the terminal allows: a live line, lines, or with -q nothing.

    Workers of pytest-xdist have no terminal and stay silent.
    """
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if reporter is None or capture is None or config.get_verbosity() < 0:
        yield SilentProgress()
        return

    def write(text: str) -> None:
        with capture.global_and_fixture_disabled():
            reporter.write(text, flush=True)

    live = reporter.isatty
    display = LiveProgress(write, width=reporter._tw.fullwidth) if live else PlainProgress(write)
    write("\n")
    try:
        yield display
    finally:
        display.close()
