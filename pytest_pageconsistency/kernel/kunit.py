# SPDX-License-Identifier: GPL-2.0-only
"""Configure, build and boot one kernel through kunit.py of the tree under test."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_pageconsistency.kernel.cache import disk_errors, hold, raise_if_disk_full
from pytest_pageconsistency.kernel.elf import ElfFacts, describe, function_symbols
from pytest_pageconsistency.kernel.failures import boot_failure, build_failure, config_failure
from pytest_pageconsistency.kernel.process import OUTPUT_LIMIT, Completed, Limits, end_orphans, run
from pytest_pageconsistency.kernel.shadow import update_shadow
from pytest_pageconsistency.kernel.tools import require_tools
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.progress import Progress
from pytest_pageconsistency.verdict import Kind, TargetError

_BACKUP_SECONDS = 30
_IMAGES = ("vmlinux", "linux")


@dataclass(frozen=True)
class KernelRequest:
    """A kernel to build and boot.

    `suite` maps file names to contents (Makefile and Kconfig among them), `header` is the
    content of include/linux/dual_bitmap.h or None for the tree's own. `kunitconfig` is the
    text of the fragment; `kconfig` ("CONFIG_X=y") and `make_options` ("CC=gcc-12") are what
    kunit.py's --kconfig_add and --make_options take. `timeout` is the boot's, in seconds.
    The image must define the functions named in `image_must_define`.
    """

    tree: Tree
    arch: str
    suite: Mapping[str, bytes]
    header: bytes | None
    kunitconfig: str
    kconfig: tuple[str, ...]
    make_options: tuple[str, ...]
    jobs: int
    timeout: float
    cache: Path
    filter_glob: str
    image_must_define: frozenset[str] = frozenset()
    output_limit: int = OUTPUT_LIMIT


@dataclass(frozen=True)
class KernelRun:
    """A kernel that was built and booted.

    `console` is all that the boot printed, kunit.py's own lines too; it is short if the
    boot `timed_out` or `overflowed` the limit of its output. `seconds` has the keys
    "config", "build" and "boot". `exec_command` boots the same kernel again.
    """

    shadow: Path
    build_directory: Path
    console: str
    timed_out: bool
    overflowed: bool
    seconds: Mapping[str, float]
    dot_config: str
    elf: ElfFacts
    exec_command: tuple[str, ...]


@dataclass(frozen=True)
class _Place:
    """The directory of the cache that belongs to one kind of kernel."""

    root: Path

    @property
    def shadow(self) -> Path:
        return self.root / "shadow"

    @property
    def build(self) -> Path:
        return self.root / "build"

    @property
    def kunitconfig(self) -> Path:
        return self.root / "kunitconfig"

    @property
    def session(self) -> Path:
        return self.root / "session"

    @property
    def uml(self) -> Path:
        return self.root / "uml"

    def read_dot_config(self) -> str:
        try:
            return (self.build / ".config").read_text("utf-8", "replace")
        except FileNotFoundError:
            return ""


def run_kernel(request: KernelRequest, progress: Progress) -> KernelRun:
    """Bring the shadow tree up to date, then configure, build and boot.

    Sessions that want the same kernel wait for each other. TargetError: TOOL_MISSING,
    CONFIG_ERROR (Kconfig dropped options, unusable image, disk full) or BUILD_ERROR. A boot
    that crashes, hangs or floods is no error here: read the console.
    """
    require_tools(request.make_options)
    place = _Place(_directory(request))
    with disk_errors(place.root), hold(place.root / "lock", progress):
        progress.phase("preparing the tree")
        end_orphans(place.session, str(place.root))
        update_shadow(request.tree, place.shadow, suite=request.suite, header=request.header)
        place.kunitconfig.write_text(request.kunitconfig, "utf-8")
        place.build.mkdir(exist_ok=True)
        config = _configure(request, place, progress)
        build = _build(request, place, progress)
        elf = _checked_image(request, place)
        boot = _boot(request, place, progress)
        return KernelRun(
            shadow=place.shadow,
            build_directory=place.build,
            console=boot.output,
            timed_out=boot.timed_out,
            overflowed=boot.overflowed,
            seconds={"config": config.seconds, "build": build.seconds, "boot": boot.seconds},
            dot_config=place.read_dot_config(),
            elf=elf,
            exec_command=boot.argv,
        )


def _directory(request: KernelRequest) -> Path:
    """Name the directory by all that make an incremental build of another kernel wrong."""
    # Another tree may be moved to the same path, with files older than what was built.
    root = request.tree.path.stat()
    key = json.dumps(
        [
            str(request.tree.path.resolve()),
            request.tree.version,
            root.st_dev,
            root.st_ino,
            request.arch,
            request.kunitconfig,
            request.kconfig,
            request.make_options,
        ]
    )
    cache = request.cache.absolute()
    if not re.fullmatch(r"[\w/.+,@~-]+", str(cache)):
        message = f"make cannot build in {cache}: choose a cache directory without such characters"
        raise TargetError(Kind.CONFIG_ERROR, message, "letters, digits and any of / . + , @ ~ - _")
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    return cache / "kernels" / f"{request.arch}-{digest}"


def _command(request: KernelRequest, place: _Place, step: str, *arguments: str) -> list[str]:
    return [
        sys.executable,
        "-u",
        str(place.shadow / "tools/testing/kunit/kunit.py"),
        step,
        f"--arch={request.arch}",
        f"--build_dir={place.build}",
        f"--kunitconfig={place.kunitconfig}",
        *(f"--kconfig_add={option}" for option in request.kconfig),
        *(f"--make_options={option}" for option in request.make_options),
        *arguments,
    ]


def _configure(request: KernelRequest, place: _Place, progress: Progress) -> Completed:
    progress.phase("configuring the kernel")
    command = _command(request, place, "config")
    done = run(command, tick=lambda _size: progress.tick(""), record=place.session)
    if done.returncode != 0:
        raise_if_disk_full(done.output, place.root)
        failure = config_failure(done.output, place.shadow, place.read_dot_config())
        # A .config that was refused must not be what the next run starts from.
        (place.build / ".config").unlink(missing_ok=True)
        raise failure
    return done


def _build(request: KernelRequest, place: _Place, progress: Progress) -> Completed:
    progress.phase("building the kernel")
    good = False
    try:
        command = _command(request, place, "build", f"--jobs={request.jobs}")
        # After SIGTERM make deletes what is half written; give it the time.
        done = run(
            command,
            limits=Limits(grace=10),
            tick=_object_counter(place.build, progress),
            record=place.session,
        )
        good = done.returncode == 0
    finally:
        if not good:
            # An old image must not be taken for the one that was asked for.
            for name in _IMAGES:
                (place.build / name).unlink(missing_ok=True)
    if not good:
        raise_if_disk_full(done.output, place.root)
        raise build_failure(done.output, place.shadow, place.read_dot_config())
    return done


def _object_counter(build: Path, progress: Progress) -> Callable[[int], None]:
    """Make a tick that counts the objects in `build` once a second."""
    due = 0.0

    def tick(_size: int) -> None:
        nonlocal due
        if time.monotonic() < due:
            return
        due = time.monotonic() + 1
        objects = sum(name.endswith(".o") for _, _, names in os.walk(build) for name in names)
        progress.tick(f"{objects} objects")

    return tick


def _checked_image(request: KernelRequest, place: _Place) -> ElfFacts:
    image = place.build / "vmlinux"
    if not image.exists():
        message = f"the build succeeded and left no image: remove {place.root} and run again"
        raise TargetError(Kind.BUILD_ERROR, message)
    facts = describe(image)
    missing = sorted(request.image_must_define - function_symbols(image))
    if missing:
        names = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        message = f"the built kernel lacks {names}: see that its options are enabled"
        raise TargetError(Kind.CONFIG_ERROR, message, str(image))
    return facts


def _boot(request: KernelRequest, place: _Place, progress: Progress) -> Completed:
    progress.phase("booting the kernel")
    # Our own watchdog comes first; this one is for a session that was killed itself.
    backup = math.ceil(request.timeout) + _BACKUP_SECONDS
    arguments = [f"--timeout={backup}", "--raw_output=all"]
    if request.arch == "um":
        # Else a UML that dies leaves a directory in ~/.uml each time.
        shutil.rmtree(place.uml, ignore_errors=True)
        arguments.append(f"--kernel_args=uml_dir={place.uml}/")
    else:
        # QEMU would sit on a panic until the timeout; UML exits by itself.
        arguments.append("--kernel_args=panic=-1")
    command = _command(request, place, "exec", *arguments, request.filter_glob)
    limits = Limits(seconds=request.timeout, output=request.output_limit, interrupt=True, grace=2)
    done = run(
        command,
        limits=limits,
        tick=lambda size: progress.tick(f"{size // 1024} KiB of console"),
        record=place.session,
    )
    ended_by_us = done.timed_out or done.overflowed
    if done.returncode != 0 and not ended_by_us and "TAP version" not in done.output:
        # With raw output kunit.py's status tells of itself alone, never of the tests.
        raise_if_disk_full(done.output, place.root)
        raise boot_failure(done.output)
    return done
