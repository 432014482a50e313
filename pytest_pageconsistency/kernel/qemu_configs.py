# SPDX-License-Identifier: GPL-2.0-only
"""Which architectures a kernel tree's kunit.py knows, read from its tools/testing/kunit.

Its QEMU configurations are Python, which may do anything (riscv's calls sys.exit() on a machine
without OpenSBI): they are parsed and never run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.verdict import Kind, TargetError

QEMU_CONFIGS = "tools/testing/kunit/qemu_configs"
"""The directory, in a tree."""

_NATIVE = "um"
_POSITIONS = {"linux_arch": 0, "qemu_arch": 2}
"""Where QemuArchParams has the arguments that we read, if they come without keyword."""


@dataclass(frozen=True)
class QemuConfig:
    """An architecture of kunit.py.

    `linux_arch` is what make calls it (ARCH=), `emulator` QEMU's program; None where the file at
    `path` computes them. User Mode Linux has no emulator and no file (`path` is None).
    """

    name: str
    linux_arch: str | None
    emulator: str | None
    path: Path | None


def tree_architectures(tree: Path) -> dict[str, QemuConfig]:
    """What `--arch` of the kunit.py in `tree` takes, sorted by name."""
    found = {_NATIVE: QemuConfig(_NATIVE, _NATIVE, None, None)}
    for path in (tree / QEMU_CONFIGS).glob("[!_.]*.py"):
        if re.fullmatch(r"\w[\w-]*", path.stem, re.ASCII):  # else a backup copy, say
            found[path.stem] = _read(path)
    return dict(sorted(found.items()))


def require_architecture(tree: Tree, name: str) -> QemuConfig:
    """The architecture called `name`; TargetError (CONFIG_ERROR) if `tree` does not have it."""
    known = tree_architectures(tree.path)
    if name not in known:
        message = f"linux {tree.version} has no architecture {name!r}: it has {', '.join(known)}"
        raise TargetError(Kind.CONFIG_ERROR, message)
    return known[name]


def _read(path: Path) -> QemuConfig:
    try:
        module = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        # kunit.py cannot read it either, and will say so to those who want this architecture.
        return QemuConfig(path.stem, None, None, path)
    names: dict[str, str] = {}
    parameters: ast.expr | None = None
    for statement in module.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if name == "QEMU_ARCH":
                parameters = statement.value
            elif (text := _text(statement.value, names)) is not None:
                names[name] = text
            else:
                names.pop(name, None)
    qemu_arch = _argument(parameters, "qemu_arch", names)
    emulator = None if qemu_arch is None else f"qemu-system-{qemu_arch}"
    return QemuConfig(path.stem, _argument(parameters, "linux_arch", names), emulator, path)


def _argument(call: ast.expr | None, name: str, names: Mapping[str, str]) -> str | None:
    if not isinstance(call, ast.Call):
        return None
    for keyword in call.keywords:
        if keyword.arg == name:
            return _text(keyword.value, names)
    position = _POSITIONS[name]
    return _text(call.args[position], names) if position < len(call.args) else None


def _text(expression: ast.expr, names: Mapping[str, str]) -> str | None:
    """The text that `expression` is, where only constants and the texts in `names` make it."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        return expression.value
    if isinstance(expression, ast.Name):
        return names.get(expression.id)
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.Add):
        left, right = _text(expression.left, names), _text(expression.right, names)
        return None if left is None or right is None else left + right
    return None
