# SPDX-License-Identifier: GPL-2.0-only
"""The kernel configuration that follows from what the user chose, for an architecture."""

from __future__ import annotations

from pytest_pageconsistency.architecture import read_architecture
from pytest_pageconsistency.cores import Cores
from pytest_pageconsistency.generate.suite import runtime_files
from pytest_pageconsistency.kernel.place import Configuration
from pytest_pageconsistency.kernel.probe import read_abi
from pytest_pageconsistency.kernel.qemu_configs import require_architecture
from pytest_pageconsistency.kernel.tools import cross_compile_prefix, require_tools
from pytest_pageconsistency.kernel.tree import find_tree
from pytest_pageconsistency.progress import Progress
from pytest_pageconsistency.resources import kunit_directory
from pytest_pageconsistency.settings import Settings
from pytest_pageconsistency.target import Target


def find_configuration(
    arch: str, settings: Settings, progress: Progress, fragment: str = "required.config"
) -> Configuration:
    """The kernel that the settings mean for `arch`; `fragment` names what it must have.

    TargetError: CONFIG_ERROR for a tree that is none or does not have the architecture,
    TOOL_MISSING with the packages to install.
    """
    tree = find_tree(settings.tree, settings.cache, progress)
    qemu_config = require_architecture(tree, arch)
    architecture = read_architecture(arch)
    given = settings.prefix(arch)
    require_tools(architecture, qemu_config, settings.make_options, given)
    fragments = kunit_directory() / "kunitconfig"
    quirks = "".join(f"{line}\n" for line in architecture.kconfig)
    return Configuration(
        tree=tree,
        arch=arch,
        linux_arch=qemu_config.linux_arch or arch,
        required=(fragments / fragment).read_text("utf-8") + quirks,
        wishes=(fragments / "lean.config").read_text("utf-8"),
        kconfig=settings.kconfig,
        make_options=settings.make_options,
        cross_compile=cross_compile_prefix(architecture, given, settings.make_options),
        cache=settings.cache,
        qemu_config=qemu_config.path,
    )


def find_target(arch: str, settings: Settings, cores: Cores, progress: Progress) -> Target:
    """`arch` with the ABI that its kernel has; builds one object where no kernel is built yet.

    TargetError as `find_configuration`, and for a tree that cannot be configured or built.
    """
    configuration = find_configuration(arch, settings, progress)
    return Target(arch, read_abi(configuration, runtime_files(), cores, progress))
