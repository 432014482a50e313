# SPDX-License-Identifier: GPL-2.0-only
"""The programs that an earlier session recorded, of test files that are still as they were.

No more than a hint, so that a kernel can be made before any body has run: a case can depend on
what no stamp shows. So each case whose program is remembered must take the very same steps in its
own run, else all are recorded anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_pageconsistency.cases import Program, dump_programs, load_programs
from pytest_pageconsistency.kernel.files import signature
from pytest_pageconsistency.oracle import Abi
from pytest_pageconsistency.target import Target

_DIGEST_SIZE = hashlib.sha256().digest_size
_PACKAGE = Path(__file__).parent
_RECORDING = ("oracle", "cases", "conformance", "checker_conformance")
"""Of this package, what a program depends on."""


@dataclass(frozen=True)
class Memory:
    """What is remembered of one test file on one target; `stamp` tells how the file is now."""

    path: Path
    stamp: bytes
    abi: Abi

    def recall(self) -> dict[str, Program]:
        """The programs by pytest id; none if the file, or what it depends on, was another one."""
        try:
            content = self.path.read_bytes()
        except OSError:
            return {}
        digest, packed = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
        if digest != self._digest(packed):
            return {}
        try:
            return load_programs(packed, self.abi)
        except ValueError:
            return {}

    def keep(self, programs: Mapping[str, Program]) -> None:
        """Remember these as well; nobody needs it but for speed."""
        packed = dump_programs({**self.recall(), **programs}.values())
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(self._digest(packed) + packed)
            draft.replace(self.path)

    def _digest(self, packed: bytes) -> bytes:
        return hashlib.sha256(self.stamp + packed).digest()


def memories(cache: Path, target: Target, files: Collection[Path]) -> dict[Path, Memory]:
    """What is remembered of each of these test files."""
    shared = _shared_stamp(files)
    found = {}
    for file in files:
        name = hashlib.sha256(f"{target}\n{file}".encode()).hexdigest()[:24]
        stamp = hashlib.sha256(shared + repr(signature(str(file))).encode()).digest()
        found[file] = Memory(cache / "programs" / name, stamp, target.abi)
    return found


def _shared_stamp(tests: Collection[Path]) -> bytes:
    """Tells Python, this package, and what was imported beside libraries and the tests."""
    others = {str(path) for path in tests}
    libraries = (sys.prefix, sys.base_prefix, str(_PACKAGE))
    modules = {str(getattr(module, "__file__", None)) for module in list(sys.modules.values())}
    files = {path for path in modules - others if not path.startswith(libraries)}
    files |= {str(path) for name in _RECORDING for path in (_PACKAGE / name).glob("*.py")}
    state = [(path, signature(path)) for path in sorted(files)]
    return hashlib.sha256(repr((sys.version, state)).encode()).digest()
