# SPDX-License-Identifier: GPL-2.0-only
"""Progress on pytest's terminal, past its capturing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pytest_pageconsistency.progress import Board, LiveDisplay, PlainDisplay


@contextmanager
def open_display(config: pytest.Config, board: Board) -> Iterator[Callable[[], None]]:
    """Show the board as the terminal allows: a live line, lines, or with -q nothing.

    Gives what to call now and then, on the main thread. Workers of pytest-xdist have no terminal
    and stay silent.
    """
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.get_verbosity() < 0:
        yield board.lines.clear
        return
    capture = config.pluginmanager.get_plugin("capturemanager")

    def write(text: str) -> None:
        if capture is None:
            reporter.write(text, flush=True)
            return
        with capture.global_and_fixture_disabled():
            reporter.write(text, flush=True)

    width = reporter._tw.fullwidth
    display = LiveDisplay(board, write, width) if reporter.isatty else PlainDisplay(board, write)
    write("\n")
    try:
        yield display.show
    finally:
        display.close()
