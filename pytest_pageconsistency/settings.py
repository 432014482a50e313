# SPDX-License-Identifier: GPL-2.0-only
"""What the user chose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """The user's choices; paths are absolute, `timeout` is a boot's in seconds.

    `tree` is a directory or an archive, None for the newest Debian source; `header` and `checker`
    replace the dual_bitmap.h and the page_consistency.c under test. `cross_compile` maps
    architectures to toolchain prefixes, and "" to that of all but User Mode Linux.
    """

    tree: str | None
    header: Path | None
    kconfig: tuple[str, ...]
    make_options: tuple[str, ...]
    jobs: int
    timeout: float
    cache: Path
    cross_compile: Mapping[str, str] = field(default_factory=dict)
    qemu_args: tuple[str, ...] = ()
    checker: Path | None = None

    def prefix(self, arch: str) -> str | None:
        """The toolchain prefix that the user gave for `arch`, None for none."""
        return self.cross_compile.get(arch, self.cross_compile.get("") if arch != "um" else None)
