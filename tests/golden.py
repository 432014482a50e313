# SPDX-License-Identifier: GPL-2.0-only
"""Expected outputs kept in tests/golden/, compared whole, rewritten with --rewrite-golden."""

from __future__ import annotations

from pathlib import Path

import pytest

DIRECTORY = Path(__file__).parent / "golden"


def check_golden(request: pytest.FixtureRequest, name: str, text: str) -> None:
    """Compare `text` with the golden file, or write it there if --rewrite-golden was given."""
    path = DIRECTORY / name
    if request.config.getoption("rewrite_golden"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
