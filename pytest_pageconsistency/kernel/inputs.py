# SPDX-License-Identifier: GPL-2.0-only
"""Record what a kernel was just built from."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_pageconsistency.kernel.clock import disk_time
from pytest_pageconsistency.kernel.commands import (
    command_files,
    configuration_files,
    dependencies,
    search_directories,
)
from pytest_pageconsistency.kernel.environment import building_environment, clean_environment
from pytest_pageconsistency.kernel.files import (
    UNKNOWN,
    Files,
    Signature,
    changed_at,
    content_hash,
    signature,
)
from pytest_pageconsistency.kernel.paths import Paths, paths_of
from pytest_pageconsistency.kernel.place import Configuration, Place
from pytest_pageconsistency.kernel.record import Directories, Record
from pytest_pageconsistency.kernel.shadow import SUITE_DIRECTORY
from pytest_pageconsistency.kernel.tool_files import tool_files
from pytest_pageconsistency.kernel.tree_files import (
    Listing,
    Use,
    ancestors,
    architecture_of,
    list_tree,
)

ENVIRONMENT = f"{SUITE_DIRECTORY}/.environment"
"""Where the suite's Makefile writes make's environment, in the build directory."""

_KNOWN = b"a directory: its names are known"


def take_record(
    configuration: Configuration,
    place: Place,
    own: Collection[str],
    began: int,
    before: Record | None,
    seen: Mapping[str, Signature] | None = None,
) -> Record:
    """Look at everything that the kernel in `place` was built from.

    What was changed after `began` (disk_time; when the build was found to be needed) may or may not
    be in the kernel: its content counts as unknown. `before` is an older record, to hash less, and
    `seen` how its files were when the build began (look_again): links and directories may have been
    exchanged without new time stamps.
    """
    paths = paths_of(configuration, place, own)
    look = _Look(began, before, seen or {}, paths.tree)
    made = made_files(place)
    record = _take(configuration, paths, _named(paths), made, look)
    return replace(record, taken=disk_time(place))


def take_first_record(configuration: Configuration, place: Place, began: int) -> Record:
    """The same before anything is built: of all that a build may read.

    It does not look at the build directory, where one may be beginning.
    """
    paths = paths_of(configuration, place, ())
    look = _Look(began, None, {}, paths.tree)
    return _take(configuration, paths, _Named(), (), look)


def _take(
    configuration: Configuration, paths: Paths, named: _Named, made: Iterable[str], look: _Look
) -> Record:
    listing = list_tree(paths.tree, _use(paths, named))
    replaced = {paths.tree + path.removeprefix(paths.shadow) for path in paths.own}
    tools = tool_files(
        configuration.make_options, configuration.cross_compile, clean_environment(os.environ)
    )
    return Record(
        environment=building_environment(os.environ),
        own=look.at(sorted(paths.own), ours=True),
        shared=sorted(named.shared),
        dependencies=look.at(sorted(named.files - paths.own)),
        read=look.at(path for path in listing.files if path not in replaced),
        tools=look.at(tools),
        made=look.at(made, ours=True, hashed=_CONFIGURED),
        directories=look.at_directories(listing),
        targets=look.at(sorted(named.targets), ours=True, hashed=()),
        taken=look.began,
    )


def look_again(record: Record) -> dict[str, Signature]:
    """How the files of an older record, and its directories, are now."""
    groups = (record.dependencies, record.read, record.tools, record.directories.files)
    return {path: signature(path) for files in groups for path in files.paths}


def renew_record(record: Record, place: Place, paths: Paths, began: int) -> Record | None:
    """The record after files of the suite alone were compiled and the kernel linked.

    None if they include files whose neighbours nobody looked at.
    """
    look = _Look(began, record, {}, paths.tree)
    named = _named(paths, SUITE_DIRECTORY).files
    added = look.at(sorted(named - paths.own - set(record.dependencies.paths)))
    watched = set(record.directories.files.paths)
    for path in added.paths:
        if path.startswith(f"{paths.tree}/") and os.path.dirname(path) not in watched:
            return None
    before = record.dependencies
    return replace(
        record,
        own=look.at(sorted(paths.own), ours=True),
        dependencies=Files(
            before.paths + added.paths,
            before.signatures + added.signatures,
            before.hashes + added.hashes,
        ),
        made=look.at(made_files(place), ours=True, hashed=_CONFIGURED),
        targets=look.at(record.targets.paths, ours=True, hashed=()),
        taken=disk_time(place),
    )


_CONFIGURED = (".config", "kunitconfig", "refused")


def made_files(place: Place) -> list[str]:
    """What the configuration, the build of the suite and the links leave, if they are there."""
    build = place.build
    kept = [place.kunitconfig, place.refused, build / ".config", build / "linux"]
    kept += build.glob("vmlinu*")
    kept += build.glob("arch/*/boot/*")
    kept += [build / ENVIRONMENT, *(build / SUITE_DIRECTORY).glob("*.o")]
    kept += (build / SUITE_DIRECTORY).glob(".*.o.cmd")
    return sorted(str(path) for path in kept if not path.is_dir())


@dataclass
class _Named:
    """What commands name: files, of those `shared` our own that others name, and directories."""

    files: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    directories: set[str] = field(default_factory=set)
    targets: list[str] = field(default_factory=list)


def _named(paths: Paths, directory: str = "") -> _Named:
    """What the commands in `directory` (of the build) name."""
    named = _Named()
    searched: set[bytes] = set()
    suite = f"{paths.build}/{SUITE_DIRECTORY}/"
    for target, content in command_files(Path(paths.build, directory)):
        named.targets.append(target)
        resolved = {paths.resolve(name) for name in dependencies(content, target)} - {""}
        named.files |= resolved
        if not target.startswith(suite):
            named.shared |= resolved & paths.own
        searched.update(search_directories(content))
    made = {os.path.dirname(target) for target in named.targets}
    named.directories = {paths.tree + path.removeprefix(paths.build) for path in made}
    named.directories |= {paths.resolve(name) for name in searched}
    named.directories |= {os.path.dirname(path) for path in named.files}
    return named


def _use(paths: Paths, named: _Named) -> Use | None:
    """What was used of the tree; None before anything was built."""
    if not named.targets:
        return None
    try:
        text = Path(paths.build, "include/config/auto.conf.cmd").read_bytes()
    except OSError:
        text = b""
    kconfig = [f"{paths.tree}/{os.fsdecode(name)}" for name in configuration_files(text)]
    used = (above for path in named.directories for above in ancestors(path, paths.tree))
    return Use(
        architectures=frozenset(architecture_of(path, paths.tree) for path in named.directories),
        directories=frozenset(used),
        kconfig=frozenset(kconfig),
    )


class _Look:
    """Looks at files after a build."""

    def __init__(
        self, began: int, before: Record | None, seen: Mapping[str, Signature], tree: str
    ) -> None:
        self.began = began
        self._seen = seen
        self._tree = tree
        self._moved: dict[str, bool] = {}
        self._hashes = dict(self._of(before))
        self._names: dict[str, str] = {}
        if before is not None:
            known = before.directories
            self._names = dict(zip(known.files.paths, known.names, strict=True))

    def _is_doubtful(self, path: str, state: Signature) -> bool:
        """Whether the build may have met another file than this one."""
        if changed_at(path) >= self.began:
            return True
        if path in self._seen:
            return self._seen[path] != state
        return self._is_moved(path.rpartition("/")[0])

    def _is_moved(self, directory: str) -> bool:
        """Whether the directory of the tree, or one above it, is another one than before."""
        if not directory.startswith(self._tree):
            return False
        if directory not in self._moved:
            seen = self._seen.get(directory)
            moved = seen is not None and seen[3] != signature(directory)[3]
            self._moved[directory] = moved or self._is_moved(directory.rpartition("/")[0])
        return self._moved[directory]

    @staticmethod
    def _of(before: Record | None) -> Iterator[tuple[str, tuple[object, bytes]]]:
        if before is not None:
            for files in (before.own, before.dependencies, before.read, before.tools):
                yield from files.known().items()

    def at(
        self, paths: Iterable[str], *, ours: bool = False, hashed: tuple[str, ...] | None = None
    ) -> Files:
        """Files; `ours` are changed by nobody else, and `hashed` says which names have a hash."""
        files = Files()
        for path in paths:
            state = signature(path)
            if hashed is not None and not path.endswith(hashed):
                content = b""
            else:
                known, content = self._hashes.get(path, (UNKNOWN, b""))
                content = content if known == state else content_hash(path)
            if not ours and (self._is_doubtful(path, state) or signature(path) != state):
                state, content = UNKNOWN, b""
            files.add(path, state, content)
        return files

    def at_directories(self, listing: Listing) -> Directories:
        """Directories: instead of a hash, only whether the names are known.

        Where they are not, those of before remain: what is new since is new to the build.
        """
        files = Files()
        names = []
        for path, found in zip(listing.directories, listing.names, strict=True):
            state = signature(path)
            if self._is_doubtful(path, state):
                files.add(path, UNKNOWN, b"")
                names.append(self._names.get(path, ""))
            else:
                files.add(path, state, _KNOWN)
                names.append(found)
        return Directories(files, names)
