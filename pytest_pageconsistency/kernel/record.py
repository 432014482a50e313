# SPDX-License-Identifier: GPL-2.0-only
"""The record of what a kernel was built from, and the file that keeps it.

While make writes there is no record, only the one of the last good build under another name: who
finds that alone knows that a build did not come to its end.
"""

from __future__ import annotations

import marshal
import os
from array import array
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pytest_pageconsistency.kernel.files import Files
from pytest_pageconsistency.kernel.place import Place

_MAGIC = b"pageconsistency record 2\n"
_DIGEST_SIZE = 16


@dataclass
class Directories:
    """Directories of the tree: as files, and the names in each (tree_files.Listing)."""

    files: Files = field(default_factory=Files)
    names: list[str] = field(default_factory=list)


@dataclass
class Record:
    """What a kernel was built from, all by absolute paths.

    `own` are the real files of the shadow, and `shared` those of them that other objects than the
    suite's are made from; `dependencies` are the other files that commands name, `read` those that
    make and scripts may have read, `tools` what compiles, `made` what the build and our
    configuration left for the next steps. `environment` has hashes, for values may be secret.
    `taken` is a time stamp of the disk (nanoseconds): every object is older.
    """

    taken: int
    environment: dict[str, bytes]
    own: Files
    shared: list[str]
    dependencies: Files
    read: Files
    tools: Files
    made: Files
    directories: Directories
    targets: Files
    """Everything that has a command: only their signatures, for a link without make."""


def read_record(place: Place) -> tuple[Record | None, bool]:
    """The record of the last good build, and whether no other one has begun since."""
    if (record := _load(place.record)) is not None:
        return record, True
    return _load(place.unfinished), False


def begin(place: Place, now: int) -> None:
    """Note that a build begins: what is recorded holds no longer.

    `now` is a time stamp of the disk from before the last look at the files (nanoseconds).
    """
    if place.record.exists():
        place.record.replace(place.unfinished)
    if place.unfinished.exists():
        os.utime(place.unfinished, ns=(now, now))


def began(place: Place) -> int:
    """When the build began that did not come to its end (a time stamp of the disk)."""
    return place.unfinished.stat().st_mtime_ns


def write_record(place: Place, record: Record) -> None:
    """Note that a build came to its end."""
    _save(place.record, record)
    place.unfinished.unlink(missing_ok=True)


def write_unfinished(place: Place, record: Record, now: int) -> None:
    """Note what a build that is about to begin, in an empty directory, starts from."""
    _save(place.unfinished, record)
    begin(place, now)


def _save(path: Path, record: Record) -> None:
    fields = {
        "taken": record.taken,
        "environment": record.environment,
        "shared": record.shared,
        "names": record.directories.names,
        "directories": _plain(record.directories.files),
    }
    for name in ("own", "dependencies", "read", "tools", "made", "targets"):
        fields[name] = _plain(getattr(record, name))
    content = marshal.dumps(fields, 4)
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_bytes(_MAGIC + _digest(content) + content)
    temporary.replace(path)


def _load(path: Path) -> Record | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    start = len(_MAGIC) + _DIGEST_SIZE
    # Only what we wrote ourselves reaches marshal.
    if content[:start] != _MAGIC + _digest(content[start:]):
        return None
    fields = marshal.loads(memoryview(content)[start:])  # noqa: S302  # ours, see above
    try:
        directories = Directories(_files(fields.pop("directories")), fields.pop("names"))
        groups = {name: _files(value) for name, value in fields.items() if isinstance(value, tuple)}
        return Record(**{**fields, **groups, "directories": directories})
    except (KeyError, TypeError):
        return None  # another version's


def _digest(content: bytes | memoryview) -> bytes:
    return blake2b(content, digest_size=_DIGEST_SIZE).digest()


def _plain(files: Files) -> tuple[Any, ...]:
    return files.paths, files.signatures.tobytes(), files.hashes


def _files(plain: tuple[Any, ...]) -> Files:
    paths, signatures, hashes = plain
    return Files(paths, array("q", signatures), hashes)
