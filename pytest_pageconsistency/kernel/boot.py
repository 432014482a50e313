# SPDX-License-Identifier: GPL-2.0-only
"""Boot a built kernel through kunit.py, for a bounded time and with a bounded console."""

from __future__ import annotations

import math
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_pageconsistency.kernel.cache import raise_if_disk_full
from pytest_pageconsistency.kernel.failures import boot_failure
from pytest_pageconsistency.kernel.place import Configuration, Place, kunit_command
from pytest_pageconsistency.kernel.process import OUTPUT_LIMIT, Completed, Limits, run
from pytest_pageconsistency.progress import Progress

_BACKUP_SECONDS = 30

_LOOPS_PER_JIFFY = 1 << 25
"""What a machine of our days has. To measure it takes User Mode Linux half of its boot, and no more
than the length of delays depends on it."""


@dataclass(frozen=True)
class BootOptions:
    """How to boot: `timeout` in seconds, the suites to run, QEMU's and the kernel's own arguments.

    `output_limit` is the console's, in bytes.
    """

    filter_glob: str
    timeout: float
    qemu_args: Sequence[str] = ()
    output_limit: int = OUTPUT_LIMIT
    kernel_arguments: Sequence[str] = ()


def boot(
    configuration: Configuration,
    place: Place,
    options: BootOptions,
    progress: Progress,
    watch: Callable[[], None] = lambda: None,
) -> Completed:
    """Run `kunit.py exec` and return its output, which holds the whole console.

    `watch` is called about four times a second; what it raises ends the boot.
    A kernel that crashes, hangs or floods is no error here. TargetError (CONFIG_ERROR) where
    kunit.py could not start it.
    """
    progress.phase("booting the kernel")
    # Our own watchdog comes first; this one is for a session that was killed itself.
    backup = math.ceil(options.timeout) + _BACKUP_SECONDS
    arguments = [f"--timeout={backup}", "--raw_output=all"]
    if configuration.arch == "um":
        # Else a UML that dies leaves a directory in ~/.uml each time.
        shutil.rmtree(place.uml, ignore_errors=True)
        arguments.append(f"--kernel_args=uml_dir={place.uml}/")
        arguments.append(f"--kernel_args=lpj={_LOOPS_PER_JIFFY}")
    else:
        # QEMU would sit on a panic until the timeout; UML exits by itself.
        arguments.append("--kernel_args=panic=-1")
        # kunit.py splits them as a shell does.
        arguments += [f"--qemu_args={shlex.quote(argument)}" for argument in options.qemu_args]
    arguments += [f"--kernel_args={argument}" for argument in options.kernel_arguments]
    command = kunit_command(configuration, place, "exec", *arguments, options.filter_glob)

    def tick(size: int) -> None:
        watch()
        progress.tick(f"({size // 1024} KiB of console)")

    done = run(
        command,
        limits=Limits(
            seconds=options.timeout, output=options.output_limit, interrupt=True, grace=2
        ),
        tick=tick,
        marker=str(place.root),
    )
    ended_by_us = done.timed_out or done.overflowed
    if done.returncode != 0 and not ended_by_us and "TAP version" not in done.output:
        # With raw output kunit.py's status tells of itself alone, never of the tests.
        raise_if_disk_full(done.output, place.root)
        raise boot_failure(done.output)
    return done
