# SPDX-License-Identifier: GPL-2.0-only
"""What was found out about an image, kept beside it for as long as it stays the same file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pytest_pageconsistency.kernel.layout import Layout, Member
from pytest_pageconsistency.oracle import Abi


@dataclass(frozen=True)
class ImageFacts:
    """What an image says of itself, found to agree with the oracle.

    `sizeof_long` is in bytes, `layout` is that of `struct dual_bitmap`, `enumerators` are those of
    `enum dual_bitmap_index` with their values, `cases` is how many the registered suite has.
    """

    machine: str
    bits_per_long: int
    byteorder: str
    sizeof_long: int
    layout: Layout
    enumerators: Mapping[str, int]
    cases: int

    def document(self) -> dict[str, Any]:
        """The facts as result.json holds them."""
        return asdict(self)


@dataclass(frozen=True)
class ImageRecord:
    """The file that keeps the facts of one image that was checked for one set of cases."""

    path: Path
    key: str

    def read(self) -> ImageFacts | None:
        """The facts, None where they are of another image or were asked for other cases."""
        try:
            document = json.loads(self.path.read_bytes())
            if document.pop("key") != self.key:
                return None
            layout = document.pop("layout")
            members = tuple(Member(**member) for member in layout["members"])
            return ImageFacts(layout=Layout(layout["size"], members), **document)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, facts: ImageFacts) -> None:
        """Keep the facts."""
        self.path.write_text(json.dumps({"key": self.key, **asdict(facts)}), "utf-8")


def image_record(
    path: Path, image: Path, abi: Abi, machine: str | None, functions: Iterable[str]
) -> ImageRecord:
    """The record in `path` of `image` as it is now, checked for these; OSError without image."""
    status = image.stat()
    identity = [status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino]
    key = json.dumps([identity, asdict(abi), machine, sorted(functions)])
    return ImageRecord(path, hashlib.sha256(key.encode()).hexdigest())
