# SPDX-License-Identifier: GPL-2.0-only
"""Which architectures words such as "s390", "be" and "all" mean, in a tree and on a machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pytest_pageconsistency.architecture import read_architecture
from pytest_pageconsistency.kernel.qemu_configs import tree_architectures
from pytest_pageconsistency.kernel.tools import missing_tools
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.settings import Settings
from pytest_pageconsistency.target import Target
from pytest_pageconsistency.verdict import Kind, TargetError
from pytest_pageconsistency.words import ALL, FAMILIES

FindTargets = Callable[[Sequence[str]], Mapping[str, Target | Exception]]
"""Looks up the targets of some architectures, side by side; an exception for one that has none."""


def choose(
    words: Sequence[str], tree: Tree, settings: Settings, find_targets: FindTargets
) -> list[str]:
    """The architectures that `words` mean, each once: names first come first.

    "all" and the family words mean those whose tools are installed. TargetError (CONFIG_ERROR) for
    a name that the tree does not have, and where nothing is left.
    """
    check_words(words, tree)
    chosen = dict.fromkeys(word for word in words if word not in (*FAMILIES, ALL))
    families = [word for word in words if word in FAMILIES]
    if ALL in words or families:
        ready = _ready(tree, settings)
        if ALL in words:
            chosen |= dict.fromkeys(ready)
        else:
            for arch, target in find_targets(ready).items():
                if isinstance(target, Target) and target.families.intersection(families):
                    chosen[arch] = None
    if not chosen:
        message = (
            f"no architecture of linux {tree.version} that this machine has the tools for is meant "
            f"by {','.join(words)}: `pageconsistency doctor` tells what to install"
        )
        raise TargetError(Kind.CONFIG_ERROR, message)
    return list(chosen)


def check_words(words: Sequence[str], tree: Tree) -> None:
    """TargetError (CONFIG_ERROR) for a word that is neither a family nor known to the tree."""
    known = tree_architectures(tree.path)
    for word in words:
        if word not in known and word not in (*FAMILIES, ALL):
            message = (
                f"linux {tree.version} has no architecture {word!r} for KUnit: choose among "
                f"{', '.join((*known, ALL, *FAMILIES))}"
            )
            raise TargetError(Kind.CONFIG_ERROR, message)


def applies(words: Sequence[str], arch: str, find_targets: FindTargets) -> bool:
    """Whether a mark with `words` means `arch`.

    True for an architecture whose ABI cannot be found: its case's own run will say why.
    """
    if not words or arch in words or ALL in words:
        return True
    if not any(word in FAMILIES for word in words):
        return False
    target = find_targets([arch])[arch]
    return not isinstance(target, Target) or bool(target.families.intersection(words))


def _ready(tree: Tree, settings: Settings) -> list[str]:
    return [
        name
        for name, config in tree_architectures(tree.path).items()
        if not missing_tools(
            read_architecture(name), config, settings.make_options, settings.prefix(name)
        )
    ]
