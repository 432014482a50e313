# SPDX-License-Identifier: GPL-2.0-only
"""Which files of a kernel tree a build may read beside the sources that its commands name.

Makefiles, Kconfig files, scripts, tables, linker scripts: all but what make and the scripts of a
kernel build have no use for. Of sources and headers the compiler tells which ones it read, see
commands.py; of the others, only where they are counts: a new header may hide another one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_SOURCES = (".c", ".h", ".S", ".dts", ".dtsi", ".dtso")
_DOCUMENTS = (".rst", ".yaml", ".json", ".svg")
# What editors, and builds in the tree itself, leave; the shadow keeps it from make.
_LEFT = (".o", ".a", ".ko", ".mod", ".cmd", ".d", ".order", ".symvers", "~", ".swp", ".swo", ".swx")
_LEFT_BEFORE = (".#", "#", ".nfs", "4913")
_USELESS = ("Documentation", ".git", "tools/testing", "LICENSES")
_ARCHITECTURES = "arch"
# Half of all directories: make reads what is in them only where it goes to build something.
_SUBSYSTEMS = ("block", "crypto", "drivers", "fs", "net", "samples", "security", "sound", "tools")
# Nor does it in most of tools/, which has its own Makefiles. These are what they share.
_SHARED = ("arch", "bpf", "build", "include", "lib", "objtool", "scripts")
_KCONFIG = "Kconfig"


@dataclass
class Listing:
    """Directories, the names in each (sorted, a newline after each), and the files that count."""

    directories: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Use:
    """What a build has used of a tree, all by absolute paths.

    `architectures` are the directories in arch/ that matter, `directories` those that were built in
    or that hold a dependency or are searched for headers, and `kconfig` are the Kconfig files.
    """

    architectures: frozenset[str]
    directories: frozenset[str]
    kconfig: frozenset[str]


def list_tree(tree: str, use: Use | None) -> Listing:
    """List the files of `tree` that count for a build that made `use` of it; None: nobody knows."""
    listing = Listing()
    waiting = [tree]
    while waiting:
        directory = waiting.pop()
        entries = _entries(directory)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if _is_used(tree, entry.path, use):
                    waiting.append(entry.path)
            elif _is_read(tree, entry, use):
                listing.files.append(entry.path)
        listing.directories.append(directory)
        listing.names.append(_joined(entries))
    if use is not None:
        listing.files += use.kconfig
    return listing


def ancestors(directory: str, tree: str) -> Iterator[str]:
    """The `directory`, if it is one of the tree's, and all above it."""
    while directory.startswith(f"{tree}/"):
        yield directory
        directory = directory.rpartition("/")[0]


def _is_used(tree: str, directory: str, use: Use | None) -> bool:
    name = directory.removeprefix(f"{tree}/")
    if name in _USELESS:
        return False
    if use is None:
        return True
    top, _, below = name.partition("/")
    if top == _ARCHITECTURES and below and "/" not in below:
        return directory in use.architectures
    if top == "tools" and below.partition("/")[0] in _SHARED:
        return True
    return top not in _SUBSYSTEMS or not below or directory in use.directories


def _is_read(tree: str, entry: os.DirEntry[str], use: Use | None) -> bool:
    if use is not None and use.kconfig and entry.name.startswith(_KCONFIG):
        return False  # those that are, are known
    if entry.path.startswith(f"{tree}/tools/"):
        # Commands of objtool and its like name their sources from where those are.
        return not entry.name.endswith(_DOCUMENTS)
    return not entry.name.endswith(_SOURCES + _DOCUMENTS)


def names_in(directory: str) -> str:
    """The names in one directory as `list_tree` has them."""
    return _joined(_entries(directory))


def _entries(directory: str) -> list[os.DirEntry[str]]:
    """What counts in a directory; nothing in one that cannot be read: make cannot either."""
    try:
        with os.scandir(directory) as entries:
            return [entry for entry in entries if _counts(entry.name)]
    except OSError:
        return []


def _joined(entries: Iterable[os.DirEntry[str]]) -> str:
    return "".join(sorted(f"{entry.name}\n" for entry in entries))


def architecture_of(path: str, tree: str) -> str:
    """The directory in arch/ to which a `path` in `tree` belongs; empty if to none."""
    top, _, below = path.removeprefix(f"{tree}/").partition("/")
    return f"{tree}/{top}/{below.partition('/')[0]}" if top == _ARCHITECTURES and below else ""


def _counts(name: str) -> bool:
    return not name.endswith(_LEFT) and not name.startswith(_LEFT_BEFORE)
