# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest

from pytest_pageconsistency.progress import (
    LiveProgress,
    PlainProgress,
    Progress,
    SilentProgress,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_plain_writes_phases_and_a_line_every_30_seconds(clock: Clock) -> None:
    written: list[str] = []
    progress = PlainProgress(written.append, clock)

    progress.phase("building")
    for _ in range(70):
        clock.now += 1
        progress.tick("120 objects")

    assert written == [
        "building ...\n",
        "building: 120 objects, 30 s\n",
        "building: 120 objects, 1 min 0 s\n",
    ]


def test_plain_starts_over_with_each_phase(clock: Clock) -> None:
    written: list[str] = []
    progress = PlainProgress(written.append, clock)

    progress.phase("building")
    clock.now += 29
    progress.phase("booting")
    clock.now += 29
    progress.tick("")
    clock.now += 1
    progress.tick("")

    assert written == ["building ...\n", "booting ...\n", "booting: 30 s\n"]


def test_plain_writes_notes_at_once(clock: Clock) -> None:
    written: list[str] = []
    PlainProgress(written.append, clock).note("waiting")
    assert written == ["waiting\n"]


def screen(text: str) -> list[str]:
    """The lines that a terminal shows after `text`; only a carriage return moves back."""
    lines = [""]
    column = 0
    for character in text:
        if character == "\n":
            lines.append("")
            column = 0
        elif character == "\r":
            column = 0
        else:
            lines[-1] = lines[-1][:column] + character + lines[-1][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


def test_live_rewrites_one_line(clock: Clock) -> None:
    written: list[str] = []
    progress = LiveProgress(written.append, clock)

    progress.phase("building the kernel")
    clock.now += 61
    progress.tick("120 objects")
    assert screen("".join(written)) == ["building the kernel: 120 objects, 1 min 1 s"]

    progress.phase("boot")
    assert screen("".join(written)) == ["boot ..."]

    progress.close()
    assert screen("".join(written)) == [""]


def test_live_keeps_notes_above_the_line(clock: Clock) -> None:
    written: list[str] = []
    progress = LiveProgress(written.append, clock)

    progress.phase("building")
    progress.note("waiting for another session")
    progress.tick("")

    assert screen("".join(written)) == ["waiting for another session", "building: 0 s"]


def test_live_never_reaches_the_last_column(clock: Clock) -> None:
    written: list[str] = []
    progress = LiveProgress(written.append, clock, width=10)

    progress.phase("a step with a very long name")
    progress.tick("x" * 100)

    assert max(len(line) for line in screen("".join(written))) == 9


def test_silent_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    progress: Progress = SilentProgress()
    progress.phase("building")
    progress.tick("1")
    progress.note("waiting")
    assert capsys.readouterr() == ("", "")
