# SPDX-License-Identifier: GPL-2.0-only
"""Bring the kernel of a place up to date with as little work as is safe."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_pageconsistency.kernel.build import build
from pytest_pageconsistency.kernel.changes import find_changes
from pytest_pageconsistency.kernel.clock import disk_time, next_disk_time
from pytest_pageconsistency.kernel.configure import configure
from pytest_pageconsistency.kernel.environment import clean_environment
from pytest_pageconsistency.kernel.inputs import look_again, renew_record, take_record
from pytest_pageconsistency.kernel.paths import own_paths, paths_of
from pytest_pageconsistency.kernel.place import Configuration, Place, is_empty
from pytest_pageconsistency.kernel.record import (
    Record,
    begin,
    read_record,
    write_record,
)
from pytest_pageconsistency.kernel.relink import keep_no_secrets, relink
from pytest_pageconsistency.kernel.stale import remove_stale
from pytest_pageconsistency.kernel.tool_files import tool_files
from pytest_pageconsistency.progress import Progress


@dataclass(frozen=True)
class Spent:
    """Seconds of wall clock for each step; 0.0 for one that was not needed."""

    config: float = 0.0
    build: float = 0.0


@dataclass(frozen=True)
class Job:
    """A kernel to make: the place, whose shadow is up to date, and what is in that.

    `own` are the shadow's real files (update_shadow), `suite` the contents of the suite's, and
    `changed` those that take the place of the tree's own.
    """

    configuration: Configuration
    place: Place
    own: Sequence[str]
    suite: Mapping[str, bytes]
    changed: Mapping[str, bytes] = field(default_factory=dict)


def make_kernel(job: Job, jobs: int, progress: Progress) -> Spent:
    """Make the kernel be what its sources, configuration and tools are now.

    Does nothing if nothing changed, and for User Mode Linux without make what can be done without.
    TargetError as `configure` and `build` raise it.
    """
    spent = make_without_make(job, jobs, progress)
    if spent is not None:
        return spent
    place = job.place
    record, finished = read_record(place)
    now = next_disk_time(place)
    if record is not None:
        paths = paths_of(job.configuration, place, job.own)
        changes = find_changes(record, own_paths(place, job.own), now)
        if "PATH" in changes.environment:
            changes.tools |= _other_tools(job.configuration, record)
        remove_stale(place, paths, record, changes, unfinished=not finished)
    elif not is_empty(place.build):
        shutil.rmtree(place.build)
    return _with_make(job, now, jobs, progress)


def make_without_make(job: Job, jobs: int, progress: Progress) -> Spent | None:
    """Do what `make_kernel` does where that is little; None if there is more to do."""
    place = job.place
    now = disk_time(place)
    record, finished = read_record(place)
    if record is None or not finished:
        return None
    changes = find_changes(record, own_paths(place, job.own), now)
    if not changes.any:
        if changes.refreshed:
            write_record(place, record)
        return Spent()
    if changes.only_own and job.configuration.arch == "um":
        return _relinked(job, record, changes.own, now, jobs, progress)
    return None


def _other_tools(configuration: Configuration, record: Record) -> frozenset[str]:
    """Tools that another PATH leads to, or leads to no more; Python is none, and in many places."""
    environment = clean_environment(os.environ)
    now = tool_files(configuration.make_options, configuration.cross_compile, environment)
    before, after = (
        {os.path.realpath(path) for path in paths if os.path.exists(path)}
        for paths in (record.tools.paths, now)
    )
    return frozenset(path for path in before ^ after if "/python3" not in path)


def _relinked(
    job: Job, record: Record, changed: frozenset[str], now: int, jobs: int, progress: Progress
) -> Spent | None:
    """Compile what changed of the suite; None if make must do it."""
    started = time.monotonic()
    begin(job.place, now)
    paths = paths_of(job.configuration, job.place, job.own)
    if not relink(job.place, paths, record, changed, jobs, progress):
        return None
    renewed = renew_record(record, job.place, paths, now)
    if renewed is None:
        return None
    write_record(job.place, renewed)
    return Spent(build=time.monotonic() - started)


def _with_make(job: Job, now: int, jobs: int, progress: Progress) -> Spent:
    place = job.place
    begin(place, now)
    place.build.mkdir(exist_ok=True)
    configured = configure(job.configuration, place, progress)
    before, _finished = read_record(place)
    seen = look_again(before) if before else {}
    try:
        built = build(job.configuration, place, job.suite, job.changed, jobs, progress)
    finally:
        keep_no_secrets(place)
    record = take_record(job.configuration, place, job.own, now, before, seen)
    write_record(place, record)
    return Spent(configured.seconds, built.seconds)
