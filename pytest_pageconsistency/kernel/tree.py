# SPDX-License-Identifier: GPL-2.0-only
"""Find the kernel tree under test: a directory, or an archive that is unpacked once."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from pytest_pageconsistency.kernel.cache import disk_errors, hold, raise_if_disk_full
from pytest_pageconsistency.kernel.process import run
from pytest_pageconsistency.progress import Progress
from pytest_pageconsistency.verdict import Kind, TargetError

ARCHIVES = Path("/usr/src")
"""Where distributions put the archives of their kernels' sources."""

_COMPRESSORS = {
    ".xz": "xz",
    ".gz": "gzip",
    ".bz2": "bzip2",
    ".zst": "zstd",
    ".lz4": "lz4",
    ".lzma": "xz",
}
_PACKAGES = {"xz": "xz-utils"}


@dataclass(frozen=True)
class Tree:
    """A kernel tree: its absolute path and its version, such as "6.12.117"."""

    path: Path
    version: str


def find_tree(
    source: str | None, cache: Path, progress: Progress, *, archives: Path = ARCHIVES
) -> Tree:
    """Find the kernel tree at `source`: a directory or a .tar.* archive.

    None is the newest linux-source-*.tar.xz in `archives`. Archives are unpacked once, into
    `cache`. TargetError: CONFIG_ERROR for what is no usable tree, TOOL_MISSING for
    what unpacking needs.
    """
    path = Path(source).expanduser().absolute() if source else _newest(archives)
    try:
        if not path.exists():
            message = f"there is no kernel tree at {path}: give another path"
            raise TargetError(Kind.CONFIG_ERROR, message)
        if path.is_file():
            if ".tar" not in path.suffixes[-2:] and path.suffix != ".tgz":
                message = f"{path} is neither a kernel tree nor a .tar archive of one"
                raise TargetError(Kind.CONFIG_ERROR, message)
            path = _unpack(path, cache, progress)
        return _checked(path)
    except PermissionError as error:
        message = f"{path} cannot be read: give this user permission, or another tree"
        raise TargetError(Kind.CONFIG_ERROR, message, str(error)) from error


def tree_identity(tree: Tree) -> dict[str, str | bool]:
    """Identify `tree` for a report: path, version; of a git checkout commit and edits.

    Keys: "path", "version", and where git can tell "commit" and "edited". Nothing is
    written to the tree, not even git's index.
    """
    identity: dict[str, str | bool] = {"path": str(tree.path), "version": tree.version}
    # A tree unpacked inside somebody's repository has no commit of its own.
    if (tree.path / ".git").exists():
        commit = _git(tree.path, "rev-parse", "--verify", "HEAD")
        status = _git(tree.path, "status", "--porcelain")
        if commit is not None and status is not None:
            identity |= {"commit": commit.strip(), "edited": bool(status.strip())}
    return identity


def _git(tree: Path, *arguments: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    done = run([git, "--no-optional-locks", "-C", str(tree), *arguments])
    return done.output if done.returncode == 0 else None


def _newest(archives: Path) -> Path:
    found = {}
    for path in archives.glob("linux-source-*.tar.xz"):
        if version := re.fullmatch(r"linux-source-(\d+(?:\.\d+)*).*", path.name):
            found[tuple(int(part) for part in version[1].split("."))] = path
    if not found:
        message = (
            "there is no kernel tree: apt-get install linux-source, or name one with --kunit-tree"
        )
        raise TargetError(Kind.CONFIG_ERROR, message, f"{archives}/linux-source-*.tar.xz: none")
    return found[max(found)]


def _checked(path: Path) -> Tree:
    version = _version(path / "Makefile")
    if version is None or not all((path / name).is_dir() for name in ("scripts", "mm", "include")):
        message = f"{path} is not a kernel tree: give the directory that holds its top Makefile"
        raise TargetError(Kind.CONFIG_ERROR, message)
    if not (path / "tools/testing/kunit/kunit.py").is_file():
        message = f"{path} is Linux {version}, too old for KUnit: give a tree that has kunit.py"
        raise TargetError(Kind.CONFIG_ERROR, message, "tools/testing/kunit/kunit.py: none")
    return Tree(path, version)


def _version(makefile: Path) -> str | None:
    try:
        with makefile.open(encoding="utf-8", errors="replace") as lines:
            head = "".join(line for line, _ in zip(lines, range(30), strict=False))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    fields: dict[str, str] = dict(re.findall(r"^(\w+) *= *(\S*)", head, re.MULTILINE))
    if not fields.get("VERSION") or not fields.get("PATCHLEVEL"):
        return None
    numbers = [fields["VERSION"], fields["PATCHLEVEL"], fields.get("SUBLEVEL", "")]
    return ".".join(number for number in numbers if number) + fields.get("EXTRAVERSION", "")


def _unpack(archive: Path, cache: Path, progress: Progress) -> Path:
    """Return the top directory of the unpacked `archive`, from the cache if it is there."""
    state = archive.stat()
    key = f"{archive.name}\0{state.st_size}\0{state.st_mtime_ns}"
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    place = cache / "trees" / f"{archive.name.split('.tar')[0]}-{digest}"
    with disk_errors(cache), hold(place.with_name(f"{place.name}.lock"), progress):
        if not place.exists():
            # Under the lock the name is ours: what a killed session left goes first.
            partial = place.with_name(f"{place.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            try:
                partial.mkdir()
                _run_tar(archive, partial, progress)
                _only_directory(partial, archive)
                partial.rename(place)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        return _only_directory(place, archive)


def _run_tar(archive: Path, target: Path, progress: Progress) -> None:
    compressor = _COMPRESSORS.get(".gz" if archive.suffix == ".tgz" else archive.suffix)
    for tool in ("tar", compressor):
        if tool and shutil.which(tool) is None:
            message = f"{tool} is missing; install it with: apt-get install "
            raise TargetError(Kind.TOOL_MISSING, message + _PACKAGES.get(tool, tool))
    progress.phase(f"unpacking {archive.name}")
    # Without -P tar itself refuses members with "..", and strips a leading "/".
    argv = ["tar", "--extract", "--no-same-owner", "--file", str(archive)]
    done = run([*argv, "--directory", str(target)], tick=lambda _size: progress.tick(""))
    if done.returncode == 0:
        return
    raise_if_disk_full(done.output, target.parent)
    reason = "is cut short or damaged"
    if "contains '..'" in done.output:
        reason = "has members outside its own directory"
    message = f"{archive} {reason}: fetch it again, or give another tree"
    raise TargetError(Kind.CONFIG_ERROR, message, "\n".join(done.output.splitlines()[:10]))


def _only_directory(place: Path, archive: Path) -> Path:
    entries = list(place.iterdir())
    if len(entries) != 1 or entries[0].is_symlink() or not entries[0].is_dir():
        message = f"{archive} does not hold exactly one directory: give an archive of a kernel tree"
        names = "\n".join(sorted(entry.name for entry in entries)[:10])
        raise TargetError(Kind.CONFIG_ERROR, message, names)
    return entries[0]
