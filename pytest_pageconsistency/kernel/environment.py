# SPDX-License-Identifier: GPL-2.0-only
"""The environment that kunit.py, make and compilers are given."""

from __future__ import annotations

from collections.abc import Mapping

_LEAKING = frozenset(
    (
        "ARCH",
        "C",
        "CC",
        "CROSS_COMPILE",
        "GNUMAKEFLAGS",
        "HOSTCC",
        "LD",
        "LLVM",
        "LLVM_IAS",
        "M",
        "MAKEFILES",
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
        "O",
        "SRCARCH",
        "SUBARCH",
        "V",
        "W",
    )
)
_LEAKING_PREFIXES = (
    "KBUILD_",
    "KCONFIG_",
    "KCFLAGS",
    "KCPPFLAGS",
    "KAFLAGS",
    "LANG",
    "LC_",
    "PYTHON",
)


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without what would change a kernel build or kunit.py behind our back."""
    kept = {
        name: value
        for name, value in environment.items()
        if name not in _LEAKING and not name.startswith(_LEAKING_PREFIXES)
    }
    fixed = {
        "LC_ALL": "C",
        # The kernel's Makefile drops LC_ALL, and compilers would speak the user's language.
        "LANG": "C",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        # kunit.py's directory is refreshed by content: caches in it would come and go.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return kept | fixed
