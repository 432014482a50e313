# SPDX-License-Identifier: GPL-2.0-only
"""The --kunit options: declared, read and checked."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import platformdirs
import pytest

from pytest_pageconsistency.settings import Settings
from pytest_pageconsistency.target import ALL, FAMILIES

DEFAULT_ARCH = "um"
DEFAULT_TIMEOUT = 300.0

_KCONFIG = re.compile(r"CONFIG_\w+=\S.*")
_MAKE_OPTION = re.compile(
    r"(?!(?:O|M|ARCH|CROSS_COMPILE|SRCARCH|SUBARCH|KBUILD_OUTPUT|KBUILD_EXTMOD|MAKEFLAGS)=)\w+=.*"
)
"""Not what the plugin itself decides: where and for which architecture is built."""
_CROSS_COMPILE = re.compile(r"(?:(\w+)=)?([\w./+-]+)")


def add_options(parser: pytest.Parser) -> None:
    """Declare the options and ini keys."""
    group = parser.getgroup("kunit", "kernel primitives on real kernels")
    group.addoption(
        "--kunit-arch",
        action="append",
        metavar="ARCH[,ARCH]",
        help="architectures to run the cases on, `all` that this machine has the tools for, or of "
        f"these {', '.join(FAMILIES)} (repeatable; default: {DEFAULT_ARCH})",
    )
    group.addoption(
        "--kunit-tree",
        metavar="PATH",
        help="kernel source: a directory or a .tar.xz (default: KUNIT_TREE, the ini key "
        "kunit_tree, or the newest /usr/src/linux-source-*.tar.xz)",
    )
    group.addoption(
        "--kunit-header", metavar="FILE", help="put this dual_bitmap.h under test instead"
    )
    group.addoption(
        "--kunit-kconfig",
        action="append",
        default=[],
        metavar="CONFIG_X=y",
        help="add a kernel option (repeatable)",
    )
    group.addoption(
        "--kunit-make-option",
        action="append",
        default=[],
        metavar="X=Y",
        help="pass a variable to make, such as LLVM=1 (repeatable)",
    )
    group.addoption(
        "--kunit-cross-compile",
        action="append",
        default=[],
        metavar="[ARCH=]PREFIX",
        help="toolchain prefix, such as s390=s390x-linux-gnu- (repeatable; default: Debian's)",
    )
    group.addoption(
        "--kunit-qemu-arg",
        action="append",
        default=[],
        metavar="ARG",
        help="one more argument for QEMU (repeatable)",
    )
    group.addoption(
        "--kunit-jobs",
        type=int,
        metavar="N",
        help="compile N files at once, of all architectures together (default: all cores)",
    )
    group.addoption(
        "--kunit-timeout",
        type=float,
        default=DEFAULT_TIMEOUT,
        metavar="SECONDS",
        help=f"stop a boot after this time (default: {DEFAULT_TIMEOUT:g})",
    )
    group.addoption(
        "--kunit-artifacts",
        metavar="DIR",
        help="leave suite, configuration, console and result.json in DIR/<arch>",
    )
    group.addoption(
        "--kunit-export",
        metavar="DIR",
        help="write the cases as a self-contained KUnit suite to DIR/<arch>",
    )
    group.addoption(
        "--kunit-cache",
        metavar="DIR",
        help="unpacked sources and builds (default: PAGECONSISTENCY_CACHE or the user's cache)",
    )
    parser.addini("kunit_tree", "kernel source, relative to the ini file", default="")


def settings(config: pytest.Config) -> Settings:
    """The user's choices; pytest.UsageError, one sentence, for those that make no sense."""
    jobs = config.getoption("kunit_jobs")
    timeout = config.getoption("kunit_timeout")
    if jobs is not None and jobs < 1:
        raise pytest.UsageError(f"--kunit-jobs wants at least 1, not {jobs}")
    if not 0 < timeout < 1e6:
        raise pytest.UsageError(f"--kunit-timeout wants seconds, not {timeout:g}")
    return Settings(
        tree=_tree(config),
        header=_header(config),
        kconfig=_checked(config, "kunit_kconfig", _KCONFIG, "CONFIG_NAME=value"),
        make_options=_checked(
            config, "kunit_make_option", _MAKE_OPTION, "NAME=value (no O, M, ARCH or CROSS_COMPILE)"
        ),
        jobs=jobs or len(os.sched_getaffinity(0)),
        timeout=timeout,
        cache=_cache(config),
        cross_compile=_cross_compile(config),
        qemu_args=tuple(config.getoption("kunit_qemu_arg")),
    )


def architecture_words(config: pytest.Config) -> list[str]:
    """What --kunit-arch asks for, each word once, in the order given."""
    words = config.getoption("kunit_arch") or [DEFAULT_ARCH]
    names = [name.strip() for word in words for name in word.split(",")]
    if not all(names):
        raise pytest.UsageError(f"--kunit-arch wants names, not {','.join(words)!r}")
    return list(dict.fromkeys(names))


def are_names(words: Sequence[str]) -> bool:
    """Whether all words are names of architectures rather than of many."""
    return not any(word in (*FAMILIES, ALL) for word in words)


def directory(config: pytest.Config, option: str) -> Path | None:
    """The absolute path of an option that names a directory, or None."""
    value = config.getoption(option)
    return _absolute(config, value) if value else None


def _tree(config: pytest.Config) -> str | None:
    if given := config.getoption("kunit_tree"):
        path = _absolute(config, given)
        if not path.exists():
            raise pytest.UsageError(f"--kunit-tree: there is no kernel tree at {path}")
        return str(path)
    if given := os.environ.get("KUNIT_TREE"):
        return str(_absolute(config, given))
    if given := config.getini("kunit_tree"):
        base = config.inipath.parent if config.inipath else config.rootpath
        return str(base / _absolute(config, given) if given.startswith("~") else base / given)
    return None


def _header(config: pytest.Config) -> Path | None:
    given = config.getoption("kunit_header")
    if not given:
        return None
    path = _absolute(config, given)
    if not path.is_file():
        raise pytest.UsageError(f"--kunit-header: there is no file {path}")
    return path


def _cache(config: pytest.Config) -> Path:
    given = config.getoption("kunit_cache") or os.environ.get("PAGECONSISTENCY_CACHE")
    if given:
        return _absolute(config, given)
    return Path(platformdirs.user_cache_dir("pytest_pageconsistency"))


def _cross_compile(config: pytest.Config) -> dict[str, str]:
    prefixes = {}
    for value in config.getoption("kunit_cross_compile"):
        match = _CROSS_COMPILE.fullmatch(value)
        if match is None:
            raise pytest.UsageError(f"--kunit-cross-compile wants [ARCH=]PREFIX, not {value!r}")
        # make runs in another directory.
        prefix = str(_absolute(config, match[2])) if "/" in match[2] else match[2]
        prefixes[match[1] or ""] = prefix
    return prefixes


def _checked(
    config: pytest.Config, option: str, pattern: re.Pattern[str], form: str
) -> tuple[str, ...]:
    values = config.getoption(option)
    for value in values:
        if not pattern.fullmatch(value):
            flag = "--" + option.replace("_", "-")
            raise pytest.UsageError(f"{flag} wants {form}, not {value!r}")
    return tuple(values)


def _absolute(config: pytest.Config, path: str) -> Path:
    try:
        return config.invocation_params.dir / Path(path).expanduser()
    except RuntimeError:
        raise pytest.UsageError(f"there is no home directory for {path}") from None
