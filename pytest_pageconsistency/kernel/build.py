# SPDX-License-Identifier: GPL-2.0-only
"""Build a kernel through kunit.py, and find out whose fault it is where that fails."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from pytest_pageconsistency.kernel.cache import raise_if_disk_full
from pytest_pageconsistency.kernel.failures import blames_tree, build_failure, first_error
from pytest_pageconsistency.kernel.place import Configuration, Place, kunit_command
from pytest_pageconsistency.kernel.process import Completed, Limits, run
from pytest_pageconsistency.kernel.shadow import update_shadow
from pytest_pageconsistency.progress import Progress
from pytest_pageconsistency.verdict import Kind, TargetError

_IMAGES = ("vmlinux", "linux")


def build(
    configuration: Configuration,
    place: Place,
    suite: Mapping[str, bytes],
    changed: Mapping[str, bytes],
    jobs: int,
    progress: Progress,
) -> Completed:
    """Run `kunit.py build` on the shadow tree that holds `suite`, compiling `jobs` files at once.

    `changed` are the tree's files that the shadow has others for.
    TargetError: CONFIG_ERROR, BUILD_ERROR for a suite or header that does not compile,
    TREE_ERROR for a tree that does not build without them either (which is tried).
    """
    progress.phase("building the kernel")
    done = _make(configuration, place, jobs, progress)
    if done.returncode == 0:
        return done
    raise_if_disk_full(done.output, place.root)
    failure = build_failure(done.output, place.shadow, place.read_dot_config())
    if failure.verdict.kind is Kind.BUILD_ERROR and blames_tree(done.output, place.shadow):
        _blame_tree(configuration, place, suite, changed, jobs, progress)
    raise failure


def _blame_tree(
    configuration: Configuration,
    place: Place,
    suite: Mapping[str, bytes],
    changed: Mapping[str, bytes],
    jobs: int,
    progress: Progress,
) -> None:
    """Build what is left without suite and header; TREE_ERROR if that fails too."""
    progress.phase("building without the suite")
    empty = {"Kconfig": suite["Kconfig"], "Makefile": b"# SPDX-License-Identifier: GPL-2.0-only\n"}
    update_shadow(configuration.tree, place.shadow, suite=empty, header=None, changed=changed)
    done = _make(configuration, place, jobs, progress)
    if done.returncode == 0:
        return
    raise_if_disk_full(done.output, place.root)
    verdict = build_failure(done.output, place.shadow, place.read_dot_config()).verdict
    reason = first_error(done.output, place.shadow)
    message = f"the tree does not build for this target without our suite either: {reason}"
    raise TargetError(Kind.TREE_ERROR, message, verdict.details)


def _make(configuration: Configuration, place: Place, jobs: int, progress: Progress) -> Completed:
    good = False
    try:
        # After SIGTERM make deletes what is half written; give it the time.
        done = run(
            kunit_command(configuration, place, "build", f"--jobs={jobs}"),
            limits=Limits(grace=10),
            tick=_object_counter(place, progress),
            marker=str(place.root),
        )
        good = done.returncode == 0
    finally:
        if not good:
            # An old image must not be taken for the one that was asked for.
            for name in _IMAGES:
                (place.build / name).unlink(missing_ok=True)
    return done


def _object_counter(place: Place, progress: Progress) -> Callable[[int], None]:
    """Make a tick that counts the objects once a second."""
    due = 0.0
    text = ""

    def tick(_size: int) -> None:
        nonlocal due, text
        if time.monotonic() >= due:
            due = time.monotonic() + 1
            objects = sum(
                name.endswith(".o") for _, _, names in os.walk(place.build) for name in names
            )
            text = f"({objects} objects)"
        progress.tick(text)

    return tick
