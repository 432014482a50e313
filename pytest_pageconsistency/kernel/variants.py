# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that differ in a few options and share one build directory.

Each is built after another one, which takes seconds, and its images are put aside with the record
of what they were made from. So none is built again before something changes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_pageconsistency.cores import Cores
from pytest_pageconsistency.kernel.cache import disk_errors, hold
from pytest_pageconsistency.kernel.changes import find_changes
from pytest_pageconsistency.kernel.clock import disk_time
from pytest_pageconsistency.kernel.incremental import Job, make_kernel
from pytest_pageconsistency.kernel.paths import own_paths
from pytest_pageconsistency.kernel.place import Configuration, Place, place_of
from pytest_pageconsistency.kernel.process import end_orphans
from pytest_pageconsistency.kernel.record import read_record
from pytest_pageconsistency.kernel.shadow import update_shadow
from pytest_pageconsistency.progress import PREPARING, Progress
from pytest_pageconsistency.verdict import Kind, TargetError


@dataclass(frozen=True, repr=False)
class Sources:
    """What the tree gets: the files of mm/pageconsistency, and others in place of its own.

    `header` replaces include/linux/dual_bitmap.h; None leaves the one that is there.
    """

    suite: Mapping[str, bytes]
    changed: Mapping[str, bytes]
    header: bytes | None = None


@dataclass(frozen=True)
class Variant:
    """A kernel: its name, its image's path in a build directory, and kunitconfig lines."""

    name: str
    image: str
    options: str


@dataclass(frozen=True)
class Built:
    """A kernel that is held: `place.build` has its images and .config alone.

    `build` is the directory that it was built in, and may have another one's objects now.
    """

    place: Place
    build: Path
    marker: str


@contextmanager
def held_variant(
    base: Configuration, variant: Variant, sources: Sources, cores: Cores, progress: Progress
) -> Iterator[Built]:
    """Make the kernel up to date, and keep other sessions from it as long as the block lasts.

    `base` is what all variants have in common. TargetError as `make_kernel`.
    """
    place = place_of(base)
    aside = Place(place.root / "variants" / variant.name)
    with disk_errors(place.root), hold(place.lock, progress):
        with cores.share(progress) as jobs:
            progress.phase(PREPARING)
            end_orphans(str(place.root))
            own = update_shadow(
                base.tree,
                place.shadow,
                suite=sources.suite,
                header=sources.header,
                changed=sources.changed,
            )
            required = base.required + variant.options
            if not _is_current(place, aside, own, required):
                configuration = replace(base, required=required)
                _announce(place, required)
                make_kernel(
                    Job(configuration, place, own, sources.suite, sources.changed), jobs, progress
                )
                _put_aside(place, aside, variant.image)
        yield Built(aside, place.build, str(place.root))


def _is_current(place: Place, aside: Place, own: list[str], required: str) -> bool:
    record, finished = read_record(aside)
    if record is None or not finished or not aside.kunitconfig.exists():
        return False
    if not aside.kunitconfig.read_text("utf-8").startswith(required):
        return False
    changes = find_changes(record, own_paths(place, own), disk_time(place))
    # What the build made was another variant's since.
    return not replace(changes, made=frozenset()).any


def _announce(place: Place, required: str) -> None:
    """Let the next build see that what is configured is another variant."""
    if place.kunitconfig.exists():
        text = place.kunitconfig.read_text("utf-8")
        if not text.startswith(required):
            place.kunitconfig.write_text(required, "utf-8")


def _put_aside(place: Place, aside: Place, image: str) -> None:
    """Copy what boots; the record comes last, for without it all else counts for nothing."""
    shutil.rmtree(aside.root, ignore_errors=True)
    for name in dict.fromkeys((image, "vmlinux", ".config")):
        source = place.build / name
        if not source.exists():
            message = f"the build left no {name}: remove {place.root} and run again"
            raise TargetError(Kind.BUILD_ERROR, message)
        target = aside.build / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        shutil.copymode(source, target)
    shutil.copyfile(place.kunitconfig, aside.kunitconfig)
    shutil.copyfile(place.record, aside.record)
