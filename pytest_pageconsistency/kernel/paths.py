# SPDX-License-Identifier: GPL-2.0-only
"""What the files that make names are called where they really are."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from pytest_pageconsistency.kernel.place import Configuration, Place


@dataclass(frozen=True)
class Paths:
    """How make's names of files become those of a record: the links of the shadow are followed.

    `own` are the real files of the shadow.
    """

    tree: str
    shadow: str
    build: str
    own: frozenset[str]
    _known: dict[bytes, str] = field(default_factory=dict)

    def resolve(self, name: bytes) -> str:
        """The absolute path of a dependency; empty for what make made itself."""
        if name not in self._known:
            self._known[name] = self._resolved(os.fsdecode(name))
        return self._known[name]

    def _resolved(self, name: str) -> str:
        if name == "\\" or name.startswith(("$(", "include/config/")) or name.endswith(")"):
            return ""
        path = os.path.normpath(os.path.join(self.build, name))
        if path in self.own:
            return path
        if path.startswith(f"{self.build}/"):
            return ""
        if path.startswith(f"{self.shadow}/"):
            return self.tree + path.removeprefix(self.shadow)
        return path


def paths_of(configuration: Configuration, place: Place, own: Collection[str]) -> Paths:
    """The paths of a place; `own` are relative, as update_shadow returns them."""
    shadow = str(place.shadow.resolve())
    return Paths(
        tree=str(configuration.tree.path.resolve()),
        shadow=shadow,
        build=str(place.build.resolve()),
        own=frozenset(own_paths(place, own)),
    )


def own_paths(place: Place, own: Iterable[str]) -> list[str]:
    """The absolute paths of the shadow's real files."""
    shadow = str(place.shadow.resolve())
    return [f"{shadow}/{name}" for name in own]
