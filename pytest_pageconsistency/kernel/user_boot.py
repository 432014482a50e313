# SPDX-License-Identifier: GPL-2.0-only
"""Boot a kernel into a program of ours, for a bounded time and with a bounded console.

kunit.py cannot: it has the kernel shut down after the suites, before user space. So the tree's QEMU
configurations are read for the command line that it would use. The first file system comes as an
archive beside the kernel: all of QEMU's machines in question and User Mode Linux take one, and the
kernel need not be linked again for another program.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_pageconsistency.kernel.cpio import first_file_system
from pytest_pageconsistency.kernel.process import Completed, Limits, run
from pytest_pageconsistency.kernel.qemu_configs import QemuConfig
from pytest_pageconsistency.kernel.variants import Built
from pytest_pageconsistency.progress import Progress
from pytest_pageconsistency.verdict import Kind, TargetError

OUTPUT_LIMIT = 16 * 1024 * 1024
"""Bytes of console; ours have some 10 kB."""

UML_IMAGE = "linux"
_MEMORY = 256
"""MiB of a User Mode Linux, which adds to it what address randomisation costs."""


@dataclass(frozen=True)
class UserBoot:
    """What to boot into: the program, its arguments, and the user's limits.

    `kernel_arguments` are the kernel's own, `timeout` is in seconds.
    """

    init: bytes
    arguments: Sequence[str]
    timeout: float
    qemu_args: Sequence[str] = ()
    kernel_arguments: Sequence[str] = ()


def image_path(qemu: QemuConfig) -> str:
    """What boots, in a build directory; TargetError (CONFIG_ERROR) if the tree does not say."""
    if qemu.path is None:
        return UML_IMAGE
    if qemu.kernel_path is None:
        raise _unreadable(qemu)
    return qemu.kernel_path


def boot_user_space(
    qemu: QemuConfig, built: Built, boot: UserBoot, progress: Progress
) -> Completed:
    """Boot, and return the whole console; a kernel that crashes or hangs is no error.

    The kernel must end by itself: the last of the arguments is for the program to know how.
    TargetError (CONFIG_ERROR) where the command line cannot be read from the tree.
    """
    progress.phase("booting the kernel")
    archive = built.place.root / "initrd"
    archive.write_bytes(first_file_system(boot.init))
    if qemu.path is None:
        # Else a UML that dies leaves a directory in ~/.uml each time.
        shutil.rmtree(built.place.uml, ignore_errors=True)
        command = _uml_command(built, archive, boot)
    else:
        command = _qemu_command(qemu, built, archive, boot)
    return run(
        command,
        limits=Limits(seconds=boot.timeout, output=OUTPUT_LIMIT, grace=2),
        tick=lambda size: progress.tick(f"({size // 1024} KiB of console)"),
        marker=built.marker,
    )


def _uml_command(built: Built, archive: Path, boot: UserBoot) -> list[str]:
    return [
        str(built.place.build / UML_IMAGE),
        f"mem={_MEMORY}M",
        *("console=tty0", "con=none", "con0=fd:0,fd:1"),
        f"uml_dir={built.place.uml}/",
        f"initrd={archive}",
        *boot.kernel_arguments,
        "--",
        *boot.arguments,
        "power-off",
    ]


def _qemu_command(qemu: QemuConfig, built: Built, archive: Path, boot: UserBoot) -> list[str]:
    parts = (qemu.emulator, qemu.kernel_command_line)
    if None in parts or qemu.extra_qemu_params is None:
        raise _unreadable(qemu)
    command_line = [
        # QEMU would sit on a panic until the timeout.
        "panic=-1",
        str(qemu.kernel_command_line),
        *boot.kernel_arguments,
        "--",
        *boot.arguments,
        # Not every machine can be powered off; with -no-reboot this ends it.
        "restart",
    ]
    return [
        str(qemu.emulator),
        *("-nodefaults", "-m", "1024", "-no-reboot", "-nographic", "-serial", qemu.serial),
        *("-kernel", str(built.place.build / image_path(qemu)), "-initrd", str(archive)),
        *("-append", " ".join(command_line)),
        *qemu.extra_qemu_params,
        *boot.qemu_args,
    ]


def _unreadable(qemu: QemuConfig) -> TargetError:
    message = (
        f"{qemu.path} computes how {qemu.name} boots: give a tree whose QEMU configuration has "
        "kernel_path, kernel_command_line and extra_qemu_params as plain text"
    )
    return TargetError(Kind.CONFIG_ERROR, message)
