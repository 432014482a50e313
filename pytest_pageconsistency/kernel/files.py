# SPDX-License-Identifier: GPL-2.0-only
"""What tells that a file is another one than before, or has other content."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeAlias

Signature: TypeAlias = tuple[int, int, int, int]
"""Times of the last change of the content and of the inode (nanoseconds), size and inode number."""

NOTHING: Signature = (0, 0, 0, 0)
"""The signature of a file that is not there."""

UNKNOWN: Signature = (-1, -1, -1, -1)
"""What a record has for a file that may have changed while it was read: no file is like this."""

_WIDTH = len(NOTHING)


def signature(path: str) -> Signature:
    """Look at one file or directory; links are followed."""
    try:
        state = os.stat(path)
    except OSError:
        return NOTHING
    return state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino


def changed_at(path: str) -> int:
    """When the path came to be this file with this content (nanoseconds).

    A link may be put there later than what it leads to was written.
    """
    try:
        return max(os.lstat(path).st_ctime_ns, signature(path)[1])
    except OSError:
        return 0


def signatures(paths: Iterable[str]) -> array[int]:
    """Look at many files: four numbers for each, as in `signature`."""
    flat = array("q")
    for path in paths:
        flat.extend(signature(path))
    return flat


def content_hash(path: str) -> bytes:
    """16 bytes that tell the file's content; of what is no readable file, none."""
    try:
        with open(path, "rb") as file:
            return blake2b(file.read(), digest_size=16).digest()
    except OSError:
        return b""


@dataclass
class Files:
    """Files as they were found: four numbers for each path, and what its content was.

    An empty hash is a content that nobody knows: it equals no other.
    """

    paths: list[str] = field(default_factory=list)
    signatures: array[int] = field(default_factory=lambda: array("q"))
    hashes: list[bytes] = field(default_factory=list)

    def add(self, path: str, state: Signature, content: bytes) -> None:
        """Enter one more."""
        self.paths.append(path)
        self.signatures.extend(state)
        self.hashes.append(content)

    def replace(self, index: int, state: Signature, content: bytes) -> None:
        """Enter what became of the file at `index`."""
        self.signatures[index * _WIDTH : (index + 1) * _WIDTH] = array("q", state)
        self.hashes[index] = content

    def known(self) -> dict[str, tuple[Signature, bytes]]:
        """Signature and hash by path."""
        return {
            path: (_at(self.signatures, index), self.hashes[index])
            for index, path in enumerate(self.paths)
        }

    def differing(self) -> Iterator[tuple[int, str, Signature]]:
        """Which files are not as they were: their indices, paths and signatures of now."""
        now = signatures(self.paths)
        if now == self.signatures:
            return
        for index, path in enumerate(self.paths):
            found = _at(now, index)
            if found != _at(self.signatures, index):
                yield index, path, found


def _at(flat: Sequence[int], index: int) -> Signature:
    mtime, ctime, size, inode = flat[index * _WIDTH : (index + 1) * _WIDTH]
    return mtime, ctime, size, inode
