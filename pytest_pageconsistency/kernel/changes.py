# SPDX-License-Identifier: GPL-2.0-only
"""What changed since a kernel was built."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

from pytest_pageconsistency.kernel.environment import building_environment
from pytest_pageconsistency.kernel.files import NOTHING, Files, content_hash
from pytest_pageconsistency.kernel.record import Directories, Record
from pytest_pageconsistency.kernel.tree_files import names_in

_RACY = 1_000_000_000
"""Nanoseconds in which a second change may leave the same time stamps."""


@dataclass
class Changes:
    """What is not as it was, in the words of a Record; paths are absolute.

    `named` are new names in directories of the tree, `moved` tells whether any came or went.
    `refreshed`: some files have new time stamps and their old content, as the record now says.
    """

    own: frozenset[str]
    own_names: bool
    dependencies: frozenset[str]
    read: frozenset[str]
    tools: frozenset[str]
    made: frozenset[str]
    named: frozenset[str]
    moved: bool
    environment: frozenset[str]
    refreshed: bool

    @property
    def only_own(self) -> bool:
        """Whether nothing but the content of the shadow's own files changed."""
        others = self.dependencies | self.read | self.tools | self.made | self.environment
        return not (others or self.moved or self.own_names)

    @property
    def any(self) -> bool:
        """Whether there is a change at all."""
        return bool(self.own) or not self.only_own


def find_changes(record: Record, own: Collection[str], now: int) -> Changes:
    """Compare the `record` with the files as they are; `own` are the shadow's real files now.

    `now` is a time stamp of the disk from before this call (nanoseconds). Files that were touched
    and have their old content count as unchanged; the record takes their new signatures.
    """
    refreshed: list[str] = []
    named, moved = _names(record.directories, now, refreshed)
    environment = building_environment(os.environ)
    variables = environment.keys() | record.environment.keys()
    return Changes(
        own=_changed(record.own, now, refreshed),
        own_names=set(own) != set(record.own.paths),
        dependencies=_changed(record.dependencies, now, refreshed),
        read=_changed(record.read, now, refreshed),
        tools=_changed(record.tools, now, refreshed),
        made=_changed(record.made, now, refreshed),
        named=named,
        moved=moved,
        environment=frozenset(
            name for name in variables if environment.get(name) != record.environment.get(name)
        ),
        refreshed=bool(refreshed),
    )


def _changed(files: Files, now: int, refreshed: list[str]) -> frozenset[str]:
    """The files whose content changed; `refreshed` gets, and `files` know, those merely touched."""
    changed = set()
    for index, path, state in list(files.differing()):
        known = files.hashes[index]
        if not known or state == NOTHING or content_hash(path) != known:
            changed.add(path)
        elif state[1] < now - _RACY:
            files.replace(index, state, known)
            refreshed.append(path)
    return frozenset(changed)


def _names(directories: Directories, now: int, refreshed: list[str]) -> tuple[frozenset[str], bool]:
    """Paths of the new names, and whether any name came or went."""
    new: set[str] = set()
    moved = False
    for index, path, state in list(directories.files.differing()):
        names = names_in(path)
        if names != directories.names[index] or not directories.files.hashes[index]:
            moved = True
            before = set(directories.names[index].splitlines())
            new.update(f"{path}/{name}" for name in names.splitlines() if name not in before)
        elif state[1] < now - _RACY:
            directories.files.replace(index, state, directories.files.hashes[index])
            refreshed.append(path)
    return frozenset(new), moved
