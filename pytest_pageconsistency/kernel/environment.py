# SPDX-License-Identifier: GPL-2.0-only
"""The environment that kunit.py, make and compilers are given."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import blake2b

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


# What differs from terminal to terminal, from run to run, and says nothing to a build. HOME
# is here because what lies in it is not looked at either.
_HARMLESS = frozenset(
    (
        *("_", "COLUMNS", "DISPLAY", "EDITOR", "HOME", "HISTFILE", "HOSTNAME", "LINES", "LOGNAME"),
        *("LS_COLORS", "MAIL", "OLDPWD", "PAGER", "PAGECONSISTENCY_BUILD", "PS1", "PWD", "SHLVL"),
        *("TEMP", "TERM", "TERMCAP", "TMP", "TMPDIR", "TMUX", "TMUX_PANE", "USER", "USERPROFILE"),
        *("VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "VISUAL", "WINDOWID", "PY_COLORS", "NO_COLOR"),
        *("FORCE_COLOR", "COLORTERM", "WAYLAND_DISPLAY", "CI", "BUILD_NUMBER", "JOB_NAME"),
    )
)
_HARMLESS_PREFIXES = (
    *("PYTEST_", "TOX_", "GITHUB_", "GITLAB_", "CI_", "RUNNER_", "SSH_", "XDG_", "DBUS_", "LESS"),
    *("TERM_", "VTE_", "KONSOLE_", "SYSTEMD_", "INVOCATION_ID", "JOURNAL_STREAM", "SUDO_"),
    *("HYPOTHESIS_", "COV_", "COVERAGE_", "KUNIT_TREE", "PAGECONSISTENCY_TEST_"),
    "DEBIAN_FRONTEND",
)
# GCC's manual ("Environment Variables Affecting GCC"), ld.so's and ld's: no command shows them.
_UNSEEN = frozenset(
    (
        *("COMPILER_PATH", "CPATH", "CPLUS_INCLUDE_PATH", "C_INCLUDE_PATH", "GCC_COMPARE_DEBUG"),
        *("DEPENDENCIES_OUTPUT", "GCC_EXEC_PREFIX", "LDEMULATION", "LIBRARY_PATH", "LPATH"),
        *("OBJC_INCLUDE_PATH", "SOURCE_DATE_EPOCH", "SUNPRO_DEPENDENCIES", "GNUTARGET"),
    )
)
_UNSEEN_PREFIXES = ("LD_", "GCC_", "COLLECT_", "CCC_")


def building_environment(environment: Mapping[str, str]) -> dict[str, bytes]:
    """What of `environment` a build may depend on: a hash of each value, for it may be secret."""
    return {
        name: blake2b(os.fsencode(value), digest_size=8).digest()
        for name, value in clean_environment(environment).items()
        if name not in _HARMLESS and not name.startswith(_HARMLESS_PREFIXES)
    }


def is_unseen(name: str) -> bool:
    """Whether the variable changes what compilers make without make seeing another command."""
    return name in _UNSEEN or name.startswith(_UNSEEN_PREFIXES)
