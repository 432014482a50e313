# SPDX-License-Identifier: GPL-2.0-only
"""A kind of kernel, and the directory of the cache that belongs to it."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.verdict import Kind, TargetError


@dataclass(frozen=True)
class Configuration:
    """All that makes a kernel, but for the suite and the header under test.

    `arch` is kunit.py's name, `linux_arch` make's. `required` and `wishes` are texts of
    kunitconfig lines: what Kconfig must take, and what makes the kernel smaller where it can be
    had. `kconfig` ("CONFIG_X=y"), `make_options` ("CC=gcc-12") and `cross_compile`
    ("s390x-linux-gnu-" or "") are what kunit.py's options of these names take.
    """

    tree: Tree
    arch: str
    linux_arch: str
    required: str
    wishes: str
    kconfig: tuple[str, ...]
    make_options: tuple[str, ...]
    cross_compile: str
    cache: Path
    qemu_config: Path | None = None
    """The tree's file that says how this architecture is configured and booted."""


@dataclass(frozen=True)
class Place:
    """The directory of the cache that belongs to one configuration."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held by the session that works here."""
        return self.root / "lock"

    @property
    def shadow(self) -> Path:
        """The tree with the suite in it."""
        return self.root / "shadow"

    @property
    def build(self) -> Path:
        """Where make writes."""
        return self.root / "build"

    @property
    def kunitconfig(self) -> Path:
        """What kunit.py is told to configure."""
        return self.root / "kunitconfig"

    @property
    def refused(self) -> Path:
        """The wishes that Kconfig did not grant, a line each."""
        return self.root / "refused"

    @property
    def record(self) -> Path:
        """What the last good build was made from."""
        return self.root / "record"

    @property
    def unfinished(self) -> Path:
        """The same, while another build is at work or after it failed."""
        return self.root / "record.unfinished"

    @property
    def uml(self) -> Path:
        """Where User Mode Linux keeps its sockets."""
        return self.root / "uml"

    @property
    def image_facts(self) -> Path:
        """What was found out about the image, see `image_facts`."""
        return self.root / "image.json"

    @property
    def image(self) -> Path:
        """The linked kernel."""
        return self.build / "vmlinux"

    def read_dot_config(self) -> str:
        """The text of .config; empty if there is none."""
        try:
            return (self.build / ".config").read_text("utf-8", "replace")
        except FileNotFoundError:
            return ""


def is_empty(directory: Path) -> bool:
    """Whether nothing was built in `directory`, which need not exist."""
    return not directory.exists() or not any(directory.iterdir())


def place_of(configuration: Configuration) -> Place:
    """Name the place by all that makes an incremental build of another kernel wrong.

    TargetError (CONFIG_ERROR) for a cache that make cannot build in.
    """
    # Another tree may be moved to the same path, with files older than what was built.
    root = configuration.tree.path.stat()
    key = json.dumps(
        [
            str(configuration.tree.path.resolve()),
            configuration.tree.version,
            root.st_dev,
            root.st_ino,
            configuration.arch,
            configuration.required,
            configuration.wishes,
            configuration.kconfig,
            configuration.make_options,
            configuration.cross_compile,
            _content(configuration.qemu_config),
        ]
    )
    cache = configuration.cache.absolute()
    if not re.fullmatch(r"[\w/.+,@~-]+", str(cache)):
        message = f"make cannot build in {cache}: choose a cache directory without such characters"
        raise TargetError(Kind.CONFIG_ERROR, message, "letters, digits and any of / . + , @ ~ - _")
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    return Place(cache / "kernels" / f"{configuration.arch}-{digest}")


def _content(path: Path | None) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path else ""


def kunit_command(
    configuration: Configuration, place: Place, step: str, *arguments: str
) -> list[str]:
    """The command line of one step of kunit.py: "config", "build" or "exec"."""
    cross = configuration.cross_compile
    return [
        sys.executable,
        # Not the environment, which keeps make's Python programs from writing into the tree: for
        # kunit.py itself compiled files may stay in the shadow (a tenth of a boot's time).
        *("-E", "-X", "utf8", "-u"),
        str(place.shadow / "tools/testing/kunit/kunit.py"),
        step,
        f"--arch={configuration.arch}",
        f"--build_dir={place.build}",
        f"--kunitconfig={place.kunitconfig}",
        *([f"--cross_compile={cross}"] if cross else []),
        *(f"--kconfig_add={option}" for option in configuration.kconfig),
        *(f"--make_options={option}" for option in configuration.make_options),
        *arguments,
    ]
