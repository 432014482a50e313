# SPDX-License-Identifier: GPL-2.0-only
"""A session begins with the last one's kernel before it knows its cases, and relies on nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_plugin import _tools, fake, kernel_steps, run, tree

from pytest_pageconsistency.head_start import HeadStart, read_settings, write_settings
from pytest_pageconsistency.settings import Settings

__all__ = ["_tools", "tree"]


def settings(cache: Path, header: Path | None = None) -> Settings:
    return Settings(
        tree="/linux",
        header=header,
        kconfig=("CONFIG_X=y",),
        make_options=("CC=gcc",),
        jobs=3,
        timeout=1.5,
        cache=cache,
        cross_compile={"": "x-"},
        qemu_args=("-smp 2",),
    )


@pytest.mark.parametrize("header", [None, Path("/x/a header.h")])
def test_the_process_gets_the_settings(tmp_path: Path, header: Path | None) -> None:
    given = settings(tmp_path, header)
    assert read_settings(write_settings(given)) == given


def test_what_cannot_be_done_is_not_told(tmp_path: Path) -> None:
    """There is no such tree: the session will say so."""
    ahead = HeadStart(settings(tmp_path))
    ahead.wait(lambda: None)
    ahead.close()


def test_sessions_with_a_head_start(pytester: pytest.Pytester, tree: Path) -> None:
    run(pytester, "--kunit-arch=um").assert_outcomes(passed=4)
    steps = kernel_steps(pytester)
    result = run(pytester, "--kunit-arch=um")
    result.assert_outcomes(passed=4)
    result.stdout.no_fnmatch_line("*waiting for another session*")
    assert kernel_steps(pytester) == [*steps, "exec"]


def test_a_session_that_ends_at_once_ends_it(pytester: pytest.Pytester, tree: Path) -> None:
    run(pytester, "--kunit-arch=um").assert_outcomes(passed=4)
    fake(pytester)
    assert (
        run(pytester, "--kunit-arch=um", "-k", "nothing").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    )
