# SPDX-License-Identifier: GPL-2.0-only
"""Configure a kernel: all that is required, and as little else as the tree allows."""

from __future__ import annotations

import re

from pytest_pageconsistency.background import Background
from pytest_pageconsistency.kernel.cache import raise_if_disk_full
from pytest_pageconsistency.kernel.clock import disk_time
from pytest_pageconsistency.kernel.failures import config_failure, dropped_options
from pytest_pageconsistency.kernel.inputs import take_first_record
from pytest_pageconsistency.kernel.place import Configuration, Place, is_empty, kunit_command
from pytest_pageconsistency.kernel.process import Completed, run
from pytest_pageconsistency.kernel.record import write_unfinished
from pytest_pageconsistency.progress import Progress
from pytest_pageconsistency.verdict import Kind, TargetError

_OPTION = re.compile(r"(?:# )?(CONFIG_\w+)(?: is not set|=.*)")


def configure(configuration: Configuration, place: Place, progress: Progress) -> Completed:
    """Run `kunit.py config`, again without the wishes that the architecture does not grant.

    kunit.py takes an option that another one selects, or that the architecture does not have, for
    an error. Which ones these are differs from tree to tree; they are remembered in the place.
    TargetError (CONFIG_ERROR) if something required is dropped, or the tree's own files fail.
    """
    progress.phase("configuring the kernel")
    if is_empty(place.build):
        done = _run_first(configuration, place, progress)
    else:
        done = _run(configuration, place, progress)
    dropped = dropped_options(done.output, place.read_dot_config()) if done.returncode else []
    wishes = {line for line in _granted(configuration, place) if line in dropped}
    if wishes:
        with place.refused.open("a", encoding="utf-8") as refused:
            refused.writelines(f"{line}\n" for line in sorted(wishes))
        (place.build / ".config").unlink(missing_ok=True)
        done = _run(configuration, place, progress)
    if done.returncode != 0:
        raise_if_disk_full(done.output, place.root)
        failure = config_failure(done.output, place.shadow, place.read_dot_config())
        # A .config that was refused must not be what the next run starts from.
        (place.build / ".config").unlink(missing_ok=True)
        raise failure
    if not (place.build / ".config").exists():
        # A QEMU configuration that calls sys.exit() ends kunit.py with success.
        lines = [line.strip() for line in done.output.splitlines() if line.strip()]
        said = f" and says: {lines[0]}" if lines else " without a word"
        message = f"the tree's kunit.py ends before it configures {configuration.arch}{said}"
        raise TargetError(Kind.CONFIG_ERROR, message, "\n".join(lines[-40:]))
    return done


def _run_first(configuration: Configuration, place: Place, progress: Progress) -> Completed:
    """Run it while a record is taken of what is there, for a build that is killed before its own.

    Until there is one, what such a build leaves is removed.
    """
    now = disk_time(place)

    def note() -> None:
        write_unfinished(place, take_first_record(configuration, place, now), now)

    with Background(1) as background:
        noted = background.submit(note)
        done = _run(configuration, place, progress)
        background.wait(noted, lambda: progress.tick(""))
    return done


def _run(configuration: Configuration, place: Place, progress: Progress) -> Completed:
    text = configuration.required + "".join(f"{line}\n" for line in _granted(configuration, place))
    place.kunitconfig.write_text(text, "utf-8")
    command = kunit_command(configuration, place, "config")
    return run(command, tick=lambda _size: progress.tick(""), marker=str(place.root))


def _granted(configuration: Configuration, place: Place) -> list[str]:
    """The wishes about options that nobody set, without those that were refused."""
    chosen = "\n".join((configuration.required, *configuration.kconfig))
    taken = {match[1] for line in chosen.splitlines() if (match := _OPTION.fullmatch(line))}
    refused = place.refused.read_text("utf-8").splitlines() if place.refused.exists() else []
    return [
        line
        for line in configuration.wishes.splitlines()
        if (match := _OPTION.fullmatch(line)) and match[1] not in taken and line not in refused
    ]
