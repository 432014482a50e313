# SPDX-License-Identifier: GPL-2.0-only
"""Live kernels: with the series, our test side and our init, built and booted."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from pytest_pageconsistency.architecture import read_architecture
from pytest_pageconsistency.configuration import find_configuration
from pytest_pageconsistency.cores import Cores
from pytest_pageconsistency.kernel.place import Configuration
from pytest_pageconsistency.kernel.qemu_configs import require_architecture
from pytest_pageconsistency.kernel.series import series_files
from pytest_pageconsistency.kernel.shadow import CHECKER
from pytest_pageconsistency.kernel.user_boot import UserBoot, boot_user_space, image_path
from pytest_pageconsistency.kernel.user_program import UserProgram, compile_program
from pytest_pageconsistency.kernel.variants import Built, Sources, Variant, held_variant
from pytest_pageconsistency.live.observed import Booted
from pytest_pageconsistency.progress import Progress
from pytest_pageconsistency.resources import kunit_directory
from pytest_pageconsistency.settings import Settings

_INIT = "init.c"
# The test side learns from a macro where the bitmaps are. Without the test side, as when the tree
# is tried without our suite, nothing is included.
_CAPTURE = (
    "CFLAGS_page_consistency.o += $(addprefix -include ,"
    "$(wildcard $(srctree)/mm/pageconsistency/pc_capture.h))\n"
)
# One that an architecture has by default would take the checker away; a user may still ask for it.
_WISHES = "# CONFIG_MEMORY_HOTPLUG is not set\n"


class Checker(Enum):
    """How a live kernel has the checker; the value names it for users."""

    WARNS = "PANIC=n"
    PANICS = "PANIC=y"
    OFF = "off"


_OPTIONS = {
    Checker.WARNS: "CONFIG_DEBUG_PAGE_CONSISTENCY=y\n"
    "# CONFIG_DEBUG_PAGE_CONSISTENCY_PANIC is not set\n",
    Checker.PANICS: "CONFIG_DEBUG_PAGE_CONSISTENCY=y\nCONFIG_DEBUG_PAGE_CONSISTENCY_PANIC=y\n",
    Checker.OFF: "# CONFIG_DEBUG_PAGE_CONSISTENCY is not set\n",
}


@dataclass(frozen=True)
class Order:
    """A boot: `chapters` are those of our init; boots of other numbers are others."""

    arch: str
    checker: Checker
    chapters: tuple[str, ...]
    number: int = 1

    @property
    def kernel(self) -> str:
        """The kernel's name for users."""
        return f"{self.arch}, {self.checker.value}"


def boot_live(
    order: Order,
    settings: Settings,
    progress: Progress,
    *,
    init: Path | None = None,
    kernel_arguments: Sequence[str] = (),
) -> Booted:
    """Build the kernel if anything changed since it was, and boot it.

    `init` is the source of another init, `kernel_arguments` are the kernel's own. TargetError as
    `held_variant`, `compile_program` and `series_files` raise it, and TOOL_MISSING. What the kernel
    does is no error here.
    """
    configuration = live_configuration(order.arch, settings, progress)
    qemu = require_architecture(configuration.tree, order.arch)
    variant = Variant(order.checker.name.lower(), image_path(qemu), _OPTIONS[order.checker])
    sources = live_sources(configuration.tree.path, settings)
    cores = Cores(settings.jobs)
    with held_variant(configuration, variant, sources, cores, progress) as built:
        image = built.place.image
        done = boot_user_space(
            qemu,
            built,
            UserBoot(
                init=_compiled(configuration, built, init or _live_directory() / _INIT),
                arguments=order.chapters,
                timeout=settings.timeout,
                qemu_args=settings.qemu_args,
                kernel_arguments=kernel_arguments,
            ),
            progress,
        )
    return Booted(
        kernel=order.kernel,
        chapters=order.chapters,
        console=done.output,
        timed_out=done.timed_out,
        overflowed=done.overflowed,
        seconds=done.seconds,
        timeout=settings.timeout,
        command=done.argv,
        image=image,
    )


def live_configuration(arch: str, settings: Settings, progress: Progress) -> Configuration:
    """What all live kernels of an architecture have in common; as `find_configuration`."""
    configuration = find_configuration(arch, settings, progress, "live.config")
    return replace(configuration, wishes=configuration.wishes + _WISHES)


def live_sources(tree: Path, settings: Settings) -> Sources:
    """Our test side, and the tree's files as the series changes them."""
    changed = series_files(tree, kunit_directory())
    if settings.checker is not None:
        changed[CHECKER] = settings.checker.read_bytes()
    makefile = changed.get("mm/Makefile") or (tree / "mm/Makefile").read_bytes()
    suite = {
        path.name: path.read_bytes()
        for path in sorted(_live_directory().iterdir())
        if path.is_file() and path.name != _INIT
    }
    return Sources(
        suite=suite,
        changed={**changed, "mm/Makefile": makefile + _CAPTURE.encode()},
        header=settings.header.read_bytes() if settings.header else None,
    )


def _compiled(configuration: Configuration, built: Built, source: Path) -> bytes:
    flags = read_architecture(configuration.arch).program_flags
    with tempfile.TemporaryDirectory(dir=built.place.root) as directory:
        output = Path(directory) / "init"
        headers = _live_directory() / "uapi"
        compile_program(configuration, UserProgram(source, headers, built.build, output, flags))
        return output.read_bytes()


def _live_directory() -> Path:
    return kunit_directory() / "live"
