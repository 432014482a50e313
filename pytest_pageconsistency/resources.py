# SPDX-License-Identifier: GPL-2.0-only
"""Where the C and the templates that ship with the package are."""

from __future__ import annotations

from pathlib import Path


def templates_directory() -> Path:
    """Find the directory of the Jinja2 templates; FileNotFoundError in a broken installation."""
    return _directory("templates")


def kunit_directory() -> Path:
    """Find the directory of the kernel side; FileNotFoundError in a broken installation."""
    return _directory("kunit")


def _directory(name: str) -> Path:
    package = Path(__file__).resolve().parent
    # A wheel carries the directories inside the package, a checkout beside it.
    for candidate in (package / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    message = f"{name}/ is neither in nor beside {package}: install the package again"
    raise FileNotFoundError(message)
