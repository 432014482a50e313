# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import contextlib
import struct
import sys
from pathlib import Path

import pytest

from pytest_pageconsistency.kernel.elf import describe, function_symbols
from pytest_pageconsistency.verdict import Kind, TargetError

PYTHON = Path(sys.executable).resolve()


def make_elf(
    path: Path, *, bits: int, order: str, machine: int, symbols: dict[str, tuple[int, int]]
) -> Path:
    """Write an ELF file that holds a symbol table: name -> (type, section index)."""
    wide = bits == 64
    names = b"\0" + b"".join(name.encode() + b"\0" for name in symbols)
    table = b""
    for name, (kind, section) in {"": (0, 0), **symbols}.items():
        start = names.index(name.encode() + b"\0") if name else 0
        table += (
            struct.pack(f"{order}IBBHQQ", start, kind, 0, section, 0, 0)
            if wide
            else struct.pack(f"{order}IIIBBH", start, 0, 0, kind, 0, section)
        )
    section_names = b"\0.symtab\0.strtab\0.shstrtab\0"
    header_size = 64 if wide else 52
    contents = (table, names, section_names)
    layout = f"{order}IIQQQQIIQQ" if wide else f"{order}IIIIIIIIII"
    headers = struct.pack(layout, *[0] * 10)
    offset = header_size
    for label, kind, link, content in zip((1, 9, 17), (2, 3, 3), (2, 0, 0), contents, strict=True):
        entry = (24 if wide else 16) if kind == 2 else 0
        headers += struct.pack(layout, label, kind, 0, 0, offset, len(content), link, 0, 1, entry)
        offset += len(content)
    identity = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    head = struct.pack(
        f"{order}HHIQQQIHHHHHH" if wide else f"{order}HHIIIIIHHHHHH",
        *(2, machine, 1, 0, 0, offset, 0, header_size, 0, 0, 64 if wide else 40, 4, 3),
    )
    path.write_bytes(identity + head + b"".join(contents) + headers)
    return path


def test_the_running_python() -> None:
    facts = describe(PYTHON)
    assert facts.bits_per_long == struct.calcsize("P") * 8
    assert facts.byteorder == sys.byteorder
    assert facts.machine.startswith("EM_")


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_width_and_order(tmp_path: Path, bits: int, order: str) -> None:
    path = make_elf(
        tmp_path / "image",
        bits=bits,
        order=order,
        machine=22,
        symbols={"start_kernel": (0x12, 1), "local": (0x02, 1), "data": (1, 1), "undef": (2, 0)},
    )
    facts = describe(path)
    assert facts.machine == "EM_S390"
    assert facts.bits_per_long == bits
    assert facts.byteorder == ("little" if order == "<" else "big")
    assert function_symbols(path) == {"start_kernel", "local"}


def garbage(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "image"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF" + b"\xff" * 100, PYTHON.read_bytes()[:60]],
    ids=["empty", "script", "magic", "nonsense", "cut"],
)
@pytest.mark.parametrize("read", [describe, function_symbols])
def test_garbage_is_a_config_error(tmp_path: Path, content: bytes, read: object) -> None:
    assert callable(read)
    with pytest.raises(TargetError, match="is not a sound ELF file") as caught:
        read(garbage(tmp_path, content))
    assert caught.value.verdict.kind is Kind.CONFIG_ERROR


def test_a_cut_symbol_table_is_a_config_error_or_empty(tmp_path: Path) -> None:
    symbols = {f"f{n}": (2, 1) for n in range(50)}
    whole = make_elf(tmp_path / "whole", bits=64, order="<", machine=62, symbols=symbols)
    content = whole.read_bytes()
    for size in range(64, len(content), 37):
        path = garbage(tmp_path, content[:size])
        # A cut file may still hold its table; it never is another kind of error.
        with contextlib.suppress(TargetError):
            assert function_symbols(path) <= symbols.keys()


def test_a_missing_image_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="is missing"):
        describe(tmp_path / "vmlinux")
