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
_POSITIONS = {
    "linux_arch": 0,
    "qemu_arch": 2,
    "kernel_path": 3,
    "kernel_command_line": 4,
    "extra_qemu_params": 5,
    "serial": 6,
}
"""Where QemuArchParams has the arguments that we read, if they come without keyword."""


@dataclass(frozen=True)
class QemuConfig:
    """An architecture of kunit.py.

    `linux_arch` is what make calls it (ARCH=), `emulator` QEMU's program; None where the file at
    `path` computes them. User Mode Linux has no emulator and no file (`path` is None).
    `kernel_path` is the image's in the build directory; what the last four are to kunit.py, its
    qemu_config.py says.
    """

    name: str
    linux_arch: str | None
    emulator: str | None
    path: Path | None
    kernel_path: str | None = None
    kernel_command_line: str | None = None
    extra_qemu_params: tuple[str, ...] | None = None
    serial: str = "stdio"


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
    texts = {name: _text(_argument(parameters, name), names) for name in _POSITIONS}
    qemu_arch = texts["qemu_arch"]
    return QemuConfig(
        name=path.stem,
        linux_arch=texts["linux_arch"],
        emulator=None if qemu_arch is None else f"qemu-system-{qemu_arch}",
        path=path,
        kernel_path=texts["kernel_path"],
        kernel_command_line=texts["kernel_command_line"],
        extra_qemu_params=_texts(_argument(parameters, "extra_qemu_params"), names),
        serial=texts["serial"] or "stdio",
    )


def _argument(call: ast.expr | None, name: str) -> ast.expr | None:
    if not isinstance(call, ast.Call):
        return None
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    position = _POSITIONS[name]
    return call.args[position] if position < len(call.args) else None


def _texts(expression: ast.expr | None, names: Mapping[str, str]) -> tuple[str, ...] | None:
    """The texts of a list; None where one of them is computed."""
    if not isinstance(expression, ast.List):
        return None
    texts = [_text(element, names) for element in expression.elts]
    found = tuple(text for text in texts if text is not None)
    return found if len(found) == len(texts) else None


def _text(expression: ast.expr | None, names: Mapping[str, str]) -> str | None:
    """The text that `expression` is, where only constants and the texts in `names` make it."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        return expression.value
    if isinstance(expression, ast.Name):
        return names.get(expression.id)
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.Add):
        left, right = _text(expression.left, names), _text(expression.right, names)
        return None if left is None or right is None else left + right
    return None
