# SPDX-License-Identifier: GPL-2.0-only
"""Remove from a build directory what make would wrongly take for up to date.

make looks at times alone. It does not see a file that was replaced by an older one, another
compiler of the same name, a new header that hides the one that was included, and an object that a
killed compiler left half-written.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from pytest_pageconsistency.kernel.changes import Changes
from pytest_pageconsistency.kernel.commands import command_file, command_files, dependencies
from pytest_pageconsistency.kernel.environment import is_unseen
from pytest_pageconsistency.kernel.files import changed_at, signature
from pytest_pageconsistency.kernel.paths import Paths
from pytest_pageconsistency.kernel.place import Place
from pytest_pageconsistency.kernel.record import Record, began
from pytest_pageconsistency.kernel.whole import is_whole

_HEADER = ".h"
_ASKS = b"__has_include"


def remove_stale(
    place: Place, paths: Paths, record: Record, changes: Changes, *, unfinished: bool
) -> None:
    """Make it safe to let make go on in the build directory of `place`.

    `record` tells of the last good build, `changes` what changed since. `unfinished`: another one
    began after it, and did not come to its end. What cannot be mended is built from nothing.
    """
    if _is_beyond_mending(place, record, changes, unfinished=unfinished):
        shutil.rmtree(place.build)
        return
    for path in changes.made - {str(place.refused)}:
        Path(path).unlink(missing_ok=True)
    stale = set(_depending(paths, changes, set(record.dependencies.paths)))
    if unfinished:
        stale.update(_doubtful(place, paths))
        stale.update(str(path) for path in place.build.glob("vmlinu*"))
        stale.add(f"{place.build}/linux")
    for target in stale:
        Path(target).unlink(missing_ok=True)


def _is_beyond_mending(place: Place, record: Record, changes: Changes, *, unfinished: bool) -> bool:
    """Whether anything changed that no command names, and that make need not see."""
    if changes.tools or any(is_unseen(name) for name in changes.environment):
        return True
    latest = record.taken
    start = 0
    if unfinished and changes.read:
        targets = (target for target, _ in command_files(place.build))
        latest = max((signature(target)[0] for target in targets), default=latest)
        start = began(place)
    for path in changes.read:
        mtime, ctime, *_ = signature(path)
        # make is told by the time; in a build that did not end it was, unless that came later.
        seen = mtime > latest or (record.taken < mtime and ctime < start)
        if ctime and not seen:
            return True
    return False


def _depending(paths: Paths, changes: Changes, known: Collection[str]) -> Iterator[str]:
    """The targets that were made from what changed, or could now be made from what is new.

    Files that are `known` as dependencies hide nothing that was not hidden before.
    """
    changed = changes.own | changes.dependencies
    new = {name for path in changes.named for name in _files_at(path) if name not in known}
    hidden = {name.rpartition("/")[2] for name in new}
    asked = any(name.endswith(_HEADER) for name in new)
    if not changed and not hidden:
        return
    asking: dict[str, bool] = {}
    for target, content in command_files(Path(paths.build)):
        resolved = {paths.resolve(name) for name in dependencies(content, target)} - {""}
        if (
            not resolved.isdisjoint(changed)
            or any(name.rpartition("/")[2] in hidden for name in resolved)
            or (asked and any(_asks(name, asking) for name in resolved))
        ):
            yield target


def _files_at(path: str) -> Iterator[str]:
    if Path(path).is_dir():
        for directory, _directories, names in os.walk(path):
            yield from (f"{directory}/{name}" for name in names)
    yield path


def _asks(path: str, known: dict[str, bool]) -> bool:
    """Whether the file asks if there is a header: a new one changes the answer."""
    if path not in known:
        try:
            known[path] = _ASKS in Path(path).read_bytes()
        except OSError:
            known[path] = False
    return known[path]


def _doubtful(place: Place, paths: Paths) -> Iterator[str]:
    """The targets that a killed build may have left half-made, or made from other files.

    What changed before it began was found, and removed, when it began.
    """
    start = began(place)
    changed: dict[str, bool] = {}
    for target, content in command_files(Path(paths.build)):
        made = signature(target)[0]
        if made > signature(str(command_file(target)))[0] or not is_whole(Path(target)):
            yield target
            continue
        resolved = {paths.resolve(name) for name in dependencies(content, target)} - {""}
        if any(_changed_since(start, path, paths.tree, changed) for path in resolved):
            yield target


def _changed_since(start: int, path: str, tree: str, known: dict[str, bool]) -> bool:
    """Whether the path leads to another file, or to another content, than before `start`."""
    if path not in known:
        known[path] = changed_at(path) >= start or _is_moved(
            start, path.rpartition("/")[0], tree, known
        )
    return known[path]


def _is_moved(start: int, directory: str, tree: str, known: dict[str, bool]) -> bool:
    """Whether a directory of the tree, or one above it, was given its name since `start`.

    A new name changes the time of the inode alone, a file that comes or goes the other one too.
    """
    if not directory.startswith(tree):
        return False
    if directory not in known:
        mtime, ctime, *_ = signature(directory)
        above = directory.rpartition("/")[0]
        known[directory] = (ctime >= start and ctime != mtime) or _is_moved(
            start, above, tree, known
        )
    return known[directory]
