# SPDX-License-Identifier: GPL-2.0-only
"""Make one directory like another, touching only what differs, so that make sees just that."""

from __future__ import annotations

import shutil
from pathlib import Path

_THEIR_OWN = "__pycache__"
"""Python's, which belongs to whoever runs the files."""


def mirror(source: Path, target: Path) -> list[str]:
    """Make `target` like `source`; the relative paths of what was written or removed.

    Links are copied as links. What is written has the time of now.
    """
    changed: list[str] = []
    _mirror(source, target, "", changed)
    return changed


def _mirror(source: Path, target: Path, path: str, changed: list[str]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    wanted = {entry.name: entry for entry in source.iterdir() if entry.name != _THEIR_OWN}
    for entry in target.iterdir():
        if entry.name not in wanted and entry.name != _THEIR_OWN:
            _remove(entry)
            changed.append(path + entry.name)
    for name, entry in wanted.items():
        copy = target / name
        if entry.is_dir() and not entry.is_symlink():
            if copy.is_symlink() or copy.is_file():
                copy.unlink()
            _mirror(entry, copy, f"{path}{name}/", changed)
        elif not _alike(entry, copy):
            if copy.is_symlink() or copy.exists():
                _remove(copy)
            shutil.copy(entry, copy, follow_symlinks=False)
            changed.append(path + name)


def _alike(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    return other.is_file() and one.read_bytes() == other.read_bytes()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
