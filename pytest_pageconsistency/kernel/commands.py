# SPDX-License-Identifier: GPL-2.0-only
"""Read what Kbuild notes of each target in a .cmd file: the command and the dependencies.

scripts/basic/fixdep writes these files, and scripts/Kbuild.include says when.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CONFIG_MARKERS = "include/config"
_SEARCHED = re.compile(rb"-(?:I|isystem|iquote|idirafter)\s*(\S+)")
_REFERENCE = re.compile(rb'\.incbin\s+"([^"]+)"')


@dataclass(frozen=True)
class SavedCommand:
    """How the target was made.

    `saved` is the command as make wrote it, `source` the file that was compiled; `variable` is
    what the kernel's version calls the command ("savedcmd", before 6.2 "cmd"). `rest` tells that
    more was written than fixdep does.
    """

    variable: str
    saved: str
    source: str
    rest: bool

    @property
    def shell(self) -> str:
        """The command as make gives it to the shell."""
        return self.saved.replace("$(pound)", "#").replace("$$", "$")


def command_files(build: Path) -> Iterator[tuple[str, bytes]]:
    """Every target of the build directory that has a .cmd file, and the content of that."""
    for directory, directories, names in os.walk(build):
        if directory == f"{build}/{_CONFIG_MARKERS}":
            directories.clear()
            continue
        for name in names:
            if name.startswith(".") and name.endswith(".cmd"):
                content = Path(directory, name).read_bytes()
                yield f"{directory}/{name[1:-4]}", content


def command_file(target: str) -> Path:
    """Where Kbuild notes how `target` was made."""
    directory, _, name = target.rpartition("/")
    return Path(directory, f".{name}.cmd")


def dependencies(content: bytes, target: str) -> list[bytes]:
    """What the target was made from, as a .cmd file's `content` names it; empty if it does not.

    An assembler source's .incbin is in no list of the compiler's: these are looked for.
    """
    source, _, rest = content.partition(b"\nsource_")[2].partition(b"\n\ndeps_")
    if not rest:
        return []
    path = source.partition(b" := ")[2]
    words = [path, *rest.partition(b"\n\n")[0].split()[2:]]
    if path.endswith(b".S") and target.endswith(".o"):
        words += _included(path)
    return words


def _included(source: bytes) -> list[bytes]:
    try:
        text = Path(os.fsdecode(source)).read_bytes()
    except OSError:
        return []
    directory = source.rpartition(b"/")[0]
    beside = {directory + b"/" + name.rpartition(b"/")[2] for name in _REFERENCE.findall(text)}
    return [path for path in beside if Path(os.fsdecode(path)).exists()]


def search_directories(content: bytes) -> list[bytes]:
    """Where the command in a .cmd file's `content` lets the compiler search for headers."""
    return _SEARCHED.findall(content.partition(b"\n")[0])


def configuration_files(content: bytes) -> list[bytes]:
    """The Kconfig files that include/config/auto.conf.cmd names, from the tree's top."""
    listed = content.partition(b"deps_config := ")[2].partition(b"\n\n")[0]
    return [name for name in listed.split() if name != b"\\"]


def read_saved_command(content: bytes) -> SavedCommand | None:
    """The command in a .cmd file's `content`; None if there is none."""
    text = os.fsdecode(content)
    found = re.match(r"(savedcmd|cmd)_(\S+) := (.*)\n", text)
    if found is None:
        return None
    variable, target, saved = found.groups()
    source = re.search(rf"\nsource_{re.escape(target)} := (\S+)\n", text)
    ends = text.endswith(f"\n$(deps_{target}):\n")
    return SavedCommand(variable, saved, source[1] if source else "", not ends)
