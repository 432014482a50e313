# SPDX-License-Identifier: GPL-2.0-only
"""The shadow tree: what is built, without a write to the tree under test.

Real directories only where something is added, changed or left out; links elsewhere. A
refresh touches only what differs, so that make rebuilds only what changed.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from pytest_pageconsistency.kernel.source_file import read_source
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.verdict import Kind, TargetError

SUITE_DIRECTORY = "mm/pageconsistency"
HEADER = "include/linux/dual_bitmap.h"
CHECKER = "mm/page_consistency.c"
CHECKER_HEADER = "include/linux/page_consistency.h"
UNDER_TEST = (HEADER, CHECKER, CHECKER_HEADER)
"""Files of the tree that may be replaced, and are compiled with the suite."""

KCONFIG_SYMBOL = "PAGECONSISTENCY_KUNIT_TEST"

_MAKEFILE_LINE = f"obj-$(CONFIG_{KCONFIG_SYMBOL}) += pageconsistency/\n"
_KCONFIG_LINE = f'source "{SUITE_DIRECTORY}/Kconfig"\n'
# What a build inside the tree leaves at its top. make would take some of it for up to
# date through VPATH, and refuses the tree for the sake of .config.
_LEFTOVERS = (
    *(".config", ".config.old", ".tmp_*", ".version", ".*.cmd", "*.a", "*.o", "*.order"),
    *("*.symvers", "compile_commands.json", "linux", "modules.builtin*", "System.map"),
    *("vmlinux*", ".vmlinux*"),
)
_TEMPORARY = ".pageconsistency-new"
_COMPILED = "__pycache__"
"""Where Python keeps what it compiled, to start faster."""


@dataclass(frozen=True)
class _LeftOut:
    """An entry of the tree that the shadow must not have."""


@dataclass
class _Directory:
    """A real directory: the tree's entries (unless `ours`), with `entries` in their place."""

    entries: dict[str, _Node] = field(default_factory=dict)
    ours: bool = False


_Node: TypeAlias = "_Directory | _LeftOut | bytes"


def update_shadow(
    tree: Tree,
    shadow: Path,
    *,
    suite: Mapping[str, bytes],
    header: bytes | None,
    changed: Mapping[str, bytes] = MappingProxyType({}),
) -> list[str]:
    """Make or refresh the shadow of `tree` in `shadow`; returns the paths in it of its real files.

    `suite` maps file names, Makefile and Kconfig among them, to the whole content of
    mm/pageconsistency. `header` replaces include/linux/dual_bitmap.h; None leaves the
    tree's own. `changed` maps relative paths to contents that take the place of the tree's files.
    Files whose content stays keep their time stamps. TargetError
    (CONFIG_ERROR) if the tree lacks what is extended; OSError as the disk has it.
    """
    plan = _Directory()
    _leave_out_leftovers(tree.path, plan)
    for path, content in changed.items():
        _put(plan, path, content)
    for path, line in (("mm/Makefile", _MAKEFILE_LINE), ("mm/Kconfig.debug", _KCONFIG_LINE)):
        _put(plan, path, _extended(tree.path / path, changed.get(path), line))
    _put(plan, SUITE_DIRECTORY, _Directory(dict(suite), ours=True))
    # kunit.py finds the root of the kernel through the real path of its own file.
    _put(plan, "tools/testing/kunit", _copy(tree.path / "tools/testing/kunit"))
    text = header if header is not None else changed.get(HEADER, read_source(tree.path / HEADER))
    if text is not None:
        # The tree's own is copied too: a link back to an older file is no news to make.
        _put(plan, HEADER, text)
    shadow.mkdir(parents=True, exist_ok=True)
    own: list[str] = []
    _synchronise(tree.path.resolve(), shadow, plan, "", own)
    return sorted(own)


def _leave_out_leftovers(tree: Path, plan: _Directory) -> None:
    for entry in os.scandir(tree):
        is_leftover = any(fnmatch.fnmatchcase(entry.name, name) for name in _LEFTOVERS)
        if is_leftover and not entry.is_dir():
            plan.entries[entry.name] = _LeftOut()
    generated = [tree / "include/config", tree / "include/generated"]
    generated += tree.glob("arch/*/include/generated")
    for directory in generated:
        if directory.exists():
            _put(plan, directory.relative_to(tree).as_posix(), _LeftOut())


def _put(plan: _Directory, path: str, node: _Node) -> None:
    """Place `node` at the relative `path`; the directories above it become real."""
    *parents, name = path.split("/")
    directory = plan
    for parent in parents:
        child = directory.entries.setdefault(parent, _Directory())
        assert isinstance(child, _Directory)
        directory = child
    directory.entries[name] = node


def _extended(path: Path, content: bytes | None, line: str) -> bytes:
    """The content of the tree's file at `path`, or the one given instead, and the line."""
    content = read_source(path) if content is None else content
    if content is None:
        message = f"{path} is missing: give a complete kernel tree"
        raise TargetError(Kind.CONFIG_ERROR, message)
    end = b"" if content.endswith(b"\n") else b"\n"
    return content + end + line.encode()


def _copy(directory: Path) -> _Directory:
    copied = _Directory(ours=True)
    for entry in os.scandir(directory):
        if entry.name == _COMPILED:
            continue
        path = Path(entry.path)
        copied.entries[entry.name] = _copy(path) if entry.is_dir() else path.read_bytes()
    return copied


def _synchronise(source: Path, target: Path, plan: _Directory, prefix: str, own: list[str]) -> None:
    """Make the real directory `target` hold what `plan` and the tree's `source` ask for.

    `own` gets the names of the real files in it, from the shadow's top: `prefix` is `target`'s.
    """
    _make_directory(target)
    present = {entry.name: entry for entry in os.scandir(target)}
    wanted = set(_wanted(source, plan))
    written = False
    for name in wanted:
        node = plan.entries.get(name)
        if isinstance(node, bytes):
            own.append(prefix + name)
            written |= _write(target / name, node, present.get(name))
        elif isinstance(node, _Directory):
            _synchronise(source / name, target / name, node, f"{prefix}{name}/", own)
        else:
            _link(f"{source}/{name}", f"{target}/{name}", present.get(name))
    for name in present.keys() - wanted:
        # Python finds by a time in seconds whether what it compiled is still right.
        if name != _COMPILED or not plan.ours or written:
            _remove(target / name)


def _wanted(source: Path, plan: _Directory) -> Iterator[str]:
    if not plan.ours and source.is_dir():
        yield from (e.name for e in os.scandir(source) if e.name not in plan.entries)
    yield from (name for name, node in plan.entries.items() if not isinstance(node, _LeftOut))


def _make_directory(path: Path) -> None:
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        path.unlink()
    path.mkdir(exist_ok=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)  # does not follow the links in it
    else:
        path.unlink()


def _write(path: Path, content: bytes, present: os.DirEntry[str] | None) -> bool:
    """Give the real file `path` this content; whether it had another."""
    if present is not None and not present.is_symlink():
        if present.is_dir():
            shutil.rmtree(path)
        elif present.stat().st_size == len(content) and path.read_bytes() == content:
            return False
    temporary = path.with_name(path.name + _TEMPORARY)
    temporary.write_bytes(content)
    temporary.replace(path)  # takes the place of a link, does not write through it
    return True


def _link(source: str, target: str, present: os.DirEntry[str] | None) -> None:
    # Thousands of these are looked at every time: no objects for the paths of those that stay.
    if present is not None:
        if present.is_symlink():
            if os.readlink(target) == source:
                return
        elif present.is_dir():
            shutil.rmtree(target)
    temporary = Path(target + _TEMPORARY)
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(source)
    temporary.replace(target)
