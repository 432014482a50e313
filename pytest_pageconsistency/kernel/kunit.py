# SPDX-License-Identifier: GPL-2.0-only
"""Configure, build and boot one kernel through kunit.py of the tree under test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_pageconsistency.background import Background
from pytest_pageconsistency.cores import Cores
from pytest_pageconsistency.kernel.boot import BootOptions, boot
from pytest_pageconsistency.kernel.cache import disk_errors, hold
from pytest_pageconsistency.kernel.image_facts import ImageFacts, image_record
from pytest_pageconsistency.kernel.incremental import Job, make_kernel, make_without_make
from pytest_pageconsistency.kernel.place import Configuration, Place, place_of
from pytest_pageconsistency.kernel.process import Completed, end_orphans
from pytest_pageconsistency.kernel.shadow import update_shadow
from pytest_pageconsistency.oracle import Abi
from pytest_pageconsistency.progress import PREPARING, Progress
from pytest_pageconsistency.verdict import Kind, TargetError


@dataclass(frozen=True, repr=False)
class KernelRequest:
    """A kernel to build and boot.

    `suite` maps file names to contents (Makefile and Kconfig among them), `header` is the
    content of include/linux/dual_bitmap.h or None for the tree's own, `changed` the contents of
    other files of the tree, or beside its own, by their paths. The image must be for `abi` and
    `machine` (an e_machine such as "EM_S390"; None: any), and register the case `functions`.
    """

    configuration: Configuration
    suite: Mapping[str, bytes]
    header: bytes | None
    options: BootOptions
    abi: Abi
    machine: str | None
    functions: frozenset[str]
    changed: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class KernelRun:
    """A kernel that was built and booted.

    `console` is all that the boot printed, kunit.py's own lines too; it is short if the
    boot `timed_out` or `overflowed` the limit of its output. `seconds` has the keys
    "config", "build" and "boot", 0.0 for a step that was not needed. `exec_command` boots the same
    kernel again.
    """

    shadow: Path
    build_directory: Path
    console: str
    timed_out: bool
    overflowed: bool
    seconds: Mapping[str, float]
    kunitconfig: str
    dot_config: str
    elf: ImageFacts
    exec_command: tuple[str, ...]

    @property
    def image(self) -> Path:
        """The linked kernel, with symbols."""
        return self.build_directory / "vmlinux"


def run_kernel(
    request: KernelRequest, cores: Cores, progress: Progress, turn: int = 0
) -> KernelRun:
    """Bring the shadow tree up to date, then configure, build and boot.

    Sessions that want the same kernel wait for each other. TargetError: CONFIG_ERROR (Kconfig
    dropped options, unusable image, disk full), BUILD_ERROR, TREE_ERROR or IMAGE_MISMATCH. A boot
    that crashes, hangs or floods is no error here: read the console.
    """
    configuration = request.configuration
    place = place_of(configuration)
    with (
        disk_errors(place.root),
        hold(place.lock, progress),
        cores.share(progress, turn) as jobs,
    ):
        progress.phase(PREPARING)
        end_orphans(str(place.root))
        own = update_shadow(
            configuration.tree,
            place.shadow,
            suite=request.suite,
            header=request.header,
            changed=request.changed,
        )
        spent = make_kernel(Job(configuration, place, own, request.suite), jobs, progress)
        elf, booted = _check_and_boot(request, place, progress)
        return KernelRun(
            shadow=place.shadow,
            build_directory=place.build,
            console=booted.output,
            timed_out=booted.timed_out,
            overflowed=booted.overflowed,
            seconds={
                "config": spent.config,
                "build": spent.build,
                "boot": booted.seconds,
            },
            kunitconfig=place.kunitconfig.read_text("utf-8"),
            dot_config=place.read_dot_config(),
            elf=elf,
            exec_command=booted.argv,
        )


def refresh_kernel(request: KernelRequest, jobs: int, progress: Progress) -> None:
    """Compile and link what `run_kernel` would without make; that looks at everything again."""
    place = place_of(request.configuration)
    with disk_errors(place.root), hold(place.lock, progress):
        end_orphans(str(place.root))
        own = update_shadow(
            request.configuration.tree,
            place.shadow,
            suite=request.suite,
            header=request.header,
            changed=request.changed,
        )
        make_without_make(Job(request.configuration, place, own, request.suite), jobs, progress)


def _check_and_boot(
    request: KernelRequest, place: Place, progress: Progress
) -> tuple[ImageFacts, Completed]:
    """What the image says of itself, and its boot.

    User Mode Linux boots meanwhile. Another machine's image could keep its emulator for minutes.
    """
    if request.configuration.arch != "um":
        elf = _checked_image(request, place)
        return elf, boot(request.configuration, place, request.options, progress)
    with Background(1) as background:
        checked = background.submit(_checked_image, request, place)

        def watch() -> None:
            if checked.done():
                checked.result()  # a wrong image need not come to an end

        try:
            booted = boot(request.configuration, place, request.options, progress, watch)
        finally:
            elf = background.wait(checked)  # what is wrong with the image explains the boot
    return elf, booted


def _checked_image(request: KernelRequest, place: Place) -> ImageFacts:
    if not place.image.exists():
        message = f"the build succeeded and left no image: remove {place.root} and run again"
        raise TargetError(Kind.BUILD_ERROR, message)
    record = image_record(
        place.image_facts, place.image, request.abi, request.machine, request.functions
    )
    if (facts := record.read()) is not None:
        return facts
    from pytest_pageconsistency.kernel.image import check_image  # loads pyelftools

    facts = check_image(
        place.image, abi=request.abi, machine=request.machine, functions=request.functions
    )
    record.write(facts)
    return facts
