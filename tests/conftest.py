# SPDX-License-Identifier: GPL-2.0-only
"""What every test gets: no git settings of the machine, and a cache for real kernels."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

pytest_plugins = ("pytester",)


@pytest.fixture(autouse=True)
def _isolated_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's git configuration, and a git hook's environment, out of the tests."""
    for name in list(os.environ):
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.org")


@pytest.fixture(scope="session")
def kernel_cache() -> Path:
    """Where real kernels are built; kept between runs, because a cold build takes minutes."""
    configured = os.environ.get("PAGECONSISTENCY_TEST_CACHE")
    if configured:
        return Path(configured)
    return platformdirs.user_cache_path("pytest_pageconsistency")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the expected outputs be rewritten."""
    parser.addoption(
        "--rewrite-golden",
        action="store_true",
        help="write tests/golden/ and tests/consoles/ anew instead of comparing with them",
    )
