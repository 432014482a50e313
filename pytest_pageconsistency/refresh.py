# SPDX-License-Identifier: GPL-2.0-only
"""Bring the kernel of the last session up to date: what a head start does in its process."""

from __future__ import annotations

import sys

from pytest_pageconsistency.architecture import read_architecture
from pytest_pageconsistency.background import Cancelled
from pytest_pageconsistency.built_suite import last_suite
from pytest_pageconsistency.configuration import find_configuration
from pytest_pageconsistency.generate import SUITE_NAME
from pytest_pageconsistency.head_start import ARCH, read_settings
from pytest_pageconsistency.identity import identity_of
from pytest_pageconsistency.kernel.boot import BootOptions
from pytest_pageconsistency.kernel.elf_ident import read_ident
from pytest_pageconsistency.kernel.kunit import KernelRequest, refresh_kernel
from pytest_pageconsistency.kernel.place import place_of
from pytest_pageconsistency.progress import SilentProgress
from pytest_pageconsistency.settings import Settings
from pytest_pageconsistency.under_test import find_checker, find_header
from pytest_pageconsistency.verdict import TargetError


def main() -> None:
    """In silence: the session will say what is wrong."""
    try:
        refresh(read_settings(sys.argv[2]))
    except (TargetError, OSError, Cancelled):
        sys.exit(1)


class Wordless(SilentProgress):
    """Gives up where a user must be told something, such as whom the work waits for."""

    def note(self, text: str) -> None:
        """Leave it to the session."""
        raise Cancelled(text)


def refresh(settings: Settings) -> None:
    """Bring the kernel of the last suite up to date, if that needs no make; TargetError."""
    progress = Wordless()
    configuration = find_configuration(ARCH, settings, progress)
    place = place_of(configuration)
    header = find_header(configuration.tree, settings.header)
    checker = find_checker(configuration.tree, settings.checker)
    suite = last_suite(place, identity_of(configuration, header, checker))
    abi = read_ident(place.image)
    if suite is None or abi is None:
        return
    request = KernelRequest(
        configuration=configuration,
        suite=suite.files,
        header=header.content,
        changed=checker.files,
        options=BootOptions(SUITE_NAME, settings.timeout),
        abi=abi,
        machine=read_architecture(ARCH).elf_machine or None,
        functions=suite.functions,
    )
    refresh_kernel(request, settings.jobs, progress)
