# SPDX-License-Identifier: GPL-2.0-only
"""Read word width and byte order of a kernel that may not be built yet.

Cases are recorded for an ABI, and only then a kernel is built for them. So one object is built
first, as the kernel's own modpost does it (scripts/mod/empty.c), with the flags of everything else.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping

from pytest_pageconsistency.cores import Cores
from pytest_pageconsistency.kernel.cache import disk_errors, hold, raise_if_disk_full
from pytest_pageconsistency.kernel.configure import configure
from pytest_pageconsistency.kernel.elf_ident import read_ident
from pytest_pageconsistency.kernel.failures import build_failure
from pytest_pageconsistency.kernel.place import Configuration, Place, place_of
from pytest_pageconsistency.kernel.process import Limits, end_orphans, run
from pytest_pageconsistency.kernel.shadow import SUITE_DIRECTORY, update_shadow
from pytest_pageconsistency.oracle import Abi
from pytest_pageconsistency.progress import PREPARING, Progress
from pytest_pageconsistency.verdict import Kind, TargetError

_NATIVE = {"x86_64": Abi(64, "little")}
"""ABIs of machines as `uname -m` calls them, and as the tree's arch/um takes them from it."""

_OBJECT = f"{SUITE_DIRECTORY}/pc_runtime.o"


def read_abi(
    configuration: Configuration, runtime: Mapping[str, bytes], cores: Cores, progress: Progress
) -> Abi:
    """What the kernel's ELF header says, or until there is one that of an object of `runtime`.

    `runtime` is a suite without cases that has pc_runtime.c. Takes about 15 s the first time, but
    none for User Mode Linux as it is on any x86-64 machine.
    TargetError as `run_kernel` raises it.
    """
    place = place_of(configuration)
    if (abi := _known(place) or _native(configuration)) is not None:
        return abi
    with (
        disk_errors(place.root),
        hold(place.lock, progress),
        cores.share(progress) as jobs,
    ):
        if (abi := _known(place)) is not None:
            return abi
        progress.phase(PREPARING)
        end_orphans(str(place.root))
        update_shadow(configuration.tree, place.shadow, suite=runtime, header=None)
        place.build.mkdir(exist_ok=True)
        configure(configuration, place, progress)
        _compile(configuration, place, jobs, progress)
        if (abi := read_ident(place.build / _OBJECT)) is None:
            message = f"what the compiler made of {_OBJECT} is no ELF file: see that CC compiles"
            raise TargetError(Kind.CONFIG_ERROR, message)
        return abi


def _known(place: Place) -> Abi | None:
    # Another session may be writing the image.
    return read_ident(place.image) or read_ident(place.build / _OBJECT)


def _native(configuration: Configuration) -> Abi | None:
    """What User Mode Linux is on this machine, where nobody asks for another; None if unknown.

    It saves a build its first pass of make. The image is checked before it boots, as any other.
    """
    is_plain = not (configuration.kconfig or configuration.make_options)
    return _NATIVE.get(platform.machine()) if configuration.arch == "um" and is_plain else None


def _compile(configuration: Configuration, place: Place, jobs: int, progress: Progress) -> None:
    progress.phase("reading word width and byte order")
    cross = configuration.cross_compile
    command = [
        "make",
        f"--directory={place.shadow}",
        f"--jobs={jobs}",
        f"ARCH={configuration.linux_arch}",
        f"O={place.build}",
        *([f"CROSS_COMPILE={cross}"] if cross else []),
        *configuration.make_options,
        _OBJECT,
    ]
    done = run(
        command,
        limits=Limits(grace=10),
        tick=lambda _size: progress.tick(""),
        marker=str(place.root),
    )
    if done.returncode == 0:
        return
    raise_if_disk_full(done.output, place.root)
    raise build_failure(done.output, place.shadow, place.read_dot_config())
