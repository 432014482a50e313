# SPDX-License-Identifier: GPL-2.0-only
"""The --kunit options: declared, read and checked.

They are in every session of pytest: what is slow to import or to compile waits for its use.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_pageconsistency.words import ALL, FAMILIES

if TYPE_CHECKING:
    from pytest_pageconsistency.head_start import HeadStart
    from pytest_pageconsistency.settings import Settings
    from pytest_pageconsistency.shard import Shard

DEFAULT_ARCH = "um"
DEFAULT_TIMEOUT = 300.0

_KCONFIG = r"CONFIG_\w+=\S.*"
_MAKE_OPTION = (
    r"(?!(?:O|M|ARCH|CROSS_COMPILE|SRCARCH|SUBARCH|KBUILD_OUTPUT|KBUILD_EXTMOD|MAKEFLAGS)=)\w+=.*"
)
"""Not what the plugin itself decides: where and for which architecture is built."""
_CROSS_COMPILE = r"(?:(\w+)=)?([\w./+-]+)"


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
        "--kunit-checker", metavar="FILE", help="put this mm/page_consistency.c under test instead"
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
        "--kunit-shard",
        metavar="I/N",
        help="run the I-th of N parts of the selected items, and leave artifacts in "
        "DIR/shard-I-of-N/<arch>",
    )
    group.addoption(
        "--kunit-cache",
        metavar="DIR",
        help="unpacked sources and builds (default: PAGECONSISTENCY_CACHE or the user's cache)",
    )
    group.addoption(
        "--kunit-live",
        action="store_true",
        help="boot kernels with the page consistency checker into a program that uses them, and "
        "run the shipped live tests if no others are named",
    )
    parser.addini("kunit_tree", "kernel source, relative to the ini file", default="")


def check(config: pytest.Config) -> None:
    """Raise pytest.UsageError, one sentence, for choices that make no sense."""
    architecture_words(config)
    shard(config)
    for read in (
        _tree,
        _header,
        _checker,
        _kconfig,
        _make_options,
        _jobs,
        _timeout,
        _cross_compile,
    ):
        read(config)
    for option in ("kunit_artifacts", "kunit_export", "kunit_cache"):
        _directory(config, option)


def settings(config: pytest.Config) -> Settings:
    """The user's choices; pytest.UsageError as `check`."""
    from pytest_pageconsistency.settings import Settings

    return Settings(
        tree=_tree(config),
        header=_header(config),
        checker=_checker(config),
        kconfig=_kconfig(config),
        make_options=_make_options(config),
        jobs=_jobs(config),
        timeout=_timeout(config),
        cache=_cache(config),
        cross_compile=_cross_compile(config),
        qemu_args=tuple(config.getoption("kunit_qemu_arg")),
    )


def head_start(config: pytest.Config) -> HeadStart | None:
    """Work that need not wait for the session's cases, where there was a session before."""
    distributed = hasattr(config, "workerinput") or getattr(config.option, "dist", "no") != "no"
    if distributed or config.option.collectonly or DEFAULT_ARCH not in architecture_words(config):
        return None
    chosen = settings(config)
    if not (chosen.cache / "kernels").is_dir():
        return None
    from pytest_pageconsistency.head_start import HeadStart

    return HeadStart(chosen)


def ask_for_kernels(config: pytest.Config) -> bool:
    """Whether there is something to do for cases before it is known that there are any."""
    names = ("kunit_arch", "kunit_artifacts", "kunit_live")
    return any(config.getoption(name) for name in names)


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


def shard(config: pytest.Config) -> Shard | None:
    """The part of the session's items that is meant, None for all of them."""
    given = config.getoption("kunit_shard")
    if given is None:
        return None
    from pytest_pageconsistency.shard import parse_shard

    try:
        return parse_shard(given)
    except ValueError as error:
        raise pytest.UsageError(f"--kunit-shard: {error}") from None


def artifacts(config: pytest.Config) -> Path | None:
    """The absolute path of the directory for artifacts, None if there are to be none."""
    return _place(config, "kunit_artifacts")


def export(config: pytest.Config) -> Path | None:
    """The absolute path of the directory for exported suites, None if there are to be none."""
    return _place(config, "kunit_export")


def _place(config: pytest.Config, option: str) -> Path | None:
    """Each shard has its own: they may run at the same time."""
    directory, part = _directory(config, option), shard(config)
    return directory / part.directory if directory and part else directory


def _directory(config: pytest.Config, option: str) -> Path | None:
    value = config.getoption(option)
    return _absolute(config, value) if value else None


def _jobs(config: pytest.Config) -> int:
    jobs: int | None = config.getoption("kunit_jobs")
    if jobs is not None and jobs < 1:
        raise pytest.UsageError(f"--kunit-jobs wants at least 1, not {jobs}")
    return jobs or len(os.sched_getaffinity(0))


def _timeout(config: pytest.Config) -> float:
    timeout: float = config.getoption("kunit_timeout")
    if not 0 < timeout < 1e6:
        raise pytest.UsageError(f"--kunit-timeout wants seconds, not {timeout:g}")
    return timeout


def _kconfig(config: pytest.Config) -> tuple[str, ...]:
    return _checked(config, "kunit_kconfig", _KCONFIG, "CONFIG_NAME=value")


def _make_options(config: pytest.Config) -> tuple[str, ...]:
    form = "NAME=value (no O, M, ARCH or CROSS_COMPILE)"
    return _checked(config, "kunit_make_option", _MAKE_OPTION, form)


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
    return _file(config, "kunit_header")


def _checker(config: pytest.Config) -> Path | None:
    return _file(config, "kunit_checker")


def _file(config: pytest.Config, option: str) -> Path | None:
    given = config.getoption(option)
    if given is None:
        return None
    name = f"--{option.replace('_', '-')}"
    if not given:
        raise pytest.UsageError(f"{name} wants the name of a file")
    path = _absolute(config, given)
    if not path.is_file():
        what = "a directory, not a file" if path.is_dir() else "no file"
        raise pytest.UsageError(f"{name}: {path} is {what}")
    return path


def _cache(config: pytest.Config) -> Path:
    if given := config.getoption("kunit_cache") or os.environ.get("PAGECONSISTENCY_CACHE"):
        return _absolute(config, given)
    import platformdirs

    return Path(platformdirs.user_cache_dir("pytest_pageconsistency"))


def _cross_compile(config: pytest.Config) -> dict[str, str]:
    prefixes = {}
    for value in config.getoption("kunit_cross_compile"):
        match = re.fullmatch(_CROSS_COMPILE, value)
        if match is None:
            raise pytest.UsageError(f"--kunit-cross-compile wants [ARCH=]PREFIX, not {value!r}")
        # make runs in another directory.
        prefix = str(_absolute(config, match[2])) if "/" in match[2] else match[2]
        prefixes[match[1] or ""] = prefix
    return prefixes


def _checked(config: pytest.Config, option: str, pattern: str, form: str) -> tuple[str, ...]:
    values = config.getoption(option)
    for value in values:
        if not re.fullmatch(pattern, value):
            flag = "--" + option.replace("_", "-")
            raise pytest.UsageError(f"{flag} wants {form}, not {value!r}")
    return tuple(values)


def _absolute(config: pytest.Config, path: str) -> Path:
    try:
        return config.invocation_params.dir / Path(path).expanduser()
    except RuntimeError:
        raise pytest.UsageError(f"there is no home directory for {path}") from None
