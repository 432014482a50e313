# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import contextlib
import struct
import sys
from pathlib import Path

import pytest
from images import COMPILERS, build_image, facts_of, symbol

from pytest_pageconsistency.kernel.elf import open_elf
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


def function_symbols(path: Path) -> set[str]:
    with open_elf(path) as elf:
        return {item.name for item in elf.symbols if item.is_function}


def test_the_running_python() -> None:
    facts = facts_of(PYTHON)
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
    facts = facts_of(path)
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
@pytest.mark.parametrize("read", [facts_of, function_symbols])
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


def patched(tmp_path: Path, *changes: tuple[int, str, int]) -> Path:
    """A 64-bit image with a field (offset, format, value) of its headers changed."""
    path = make_elf(tmp_path / "image", bits=64, order="<", machine=62, symbols={"f": (2, 1)})
    content = bytearray(path.read_bytes())
    (sections,) = struct.unpack_from("<Q", content, 0x28)
    for offset, layout, value in changes:
        struct.pack_into(f"<{layout}", content, offset if offset >= 0 else sections - offset, value)
    path.write_bytes(content)
    return path


def test_a_table_that_claims_to_be_huge(tmp_path: Path) -> None:
    # The size of section 1.
    path = patched(tmp_path, (-64 - 32, "Q", 24 * 2**36))
    with pytest.raises(TargetError) as caught:
        function_symbols(path)
    assert caught.value.verdict.details == "section .symtab is too large"


def test_sections_that_never_end(tmp_path: Path) -> None:
    # As many as the size of the first one says.
    path = patched(tmp_path, (0x3C, "H", 0), (-32, "Q", 2**40))
    with pytest.raises(TargetError) as caught:
        function_symbols(path)
    assert caught.value.verdict.details == f"it has {2**40} sections"


def test_a_missing_image_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="is missing"):
        facts_of(tmp_path / "vmlinux")


def test_a_directory_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"cannot read .*\(Is a directory\): remove it") as caught:
        facts_of(tmp_path)
    assert caught.value.verdict.kind is Kind.CONFIG_ERROR


def test_sizes_and_kinds_of_symbols(tmp_path: Path) -> None:
    image = build_image(tmp_path)
    assert symbol(image, "pc_one").is_function
    assert symbol(image, "pc_one").size > 0
    assert not symbol(image, "pc_cases").is_function
    assert symbol(image, "pc_cases").size == 9 * struct.calcsize("P")
    with open_elf(image) as elf:
        assert elf.entry(symbol(image, "pc_one")) == symbol(image, "pc_one").address


def test_memory(tmp_path: Path) -> None:
    image = build_image(tmp_path)
    suite = symbol(image, "pc_suite")
    with open_elf(image) as elf:
        assert elf.memory(suite.address, 16) == b"pageconsistency\0"
        assert elf.memory(suite.address + 4, 3) == b"con"
        assert elf.memory(suite.address, 0) == b""
    for address, size in [(1, 8), (suite.address, 2**40), (suite.address, -1), (2**64, 8)]:
        with pytest.raises(TargetError) as caught, open_elf(image) as elf:
            elf.memory(address, size)
        assert caught.value.verdict.details == f"it has no {size} bytes at {address:#x}"


@pytest.mark.parametrize("compiler", COMPILERS)
def test_pointers(tmp_path: Path, compiler: str) -> None:
    image = build_image(tmp_path, compiler=compiler)
    table = symbol(image, "pc_cases")
    with open_elf(image) as elf:
        pointers = elf.pointers(table.address, table.size)
        width = elf.facts.bits_per_long // 8
        assert pointers[table.address] == symbol(image, "pc_one").address
        assert pointers[table.address + 3 * width] == symbol(image, "pc_two").address
        assert pointers[table.address + 6 * width] == 0
        assert elf.pointers(table.address, 0) == {}


@pytest.mark.parametrize(
    ("compiler", "flags"),
    [("powerpc64-linux-gnu-gcc", ["-mabi=elfv1"]), ("arm-linux-gnueabihf-gcc", ["-mthumb"])],
)
def test_pointers_to_functions_that_are_not_their_entries(
    tmp_path: Path, compiler: str, flags: list[str]
) -> None:
    image = build_image(tmp_path, *flags, compiler=compiler)
    function = symbol(image, "pc_one")
    label = symbol(image, "after_call")
    with open_elf(image) as elf:
        entry = elf.entry(function)
        assert entry != function.address
        assert entry % 2 == 0
        assert entry < label.address & ~1 < entry + function.size
        table = symbol(image, "pc_cases")
        assert elf.pointers(table.address, table.size)[table.address] == function.address


@pytest.mark.parametrize("flag", ["-gz=none", "-gz=zlib"])
def test_a_section_as_a_stream(tmp_path: Path, flag: str) -> None:
    image = build_image(tmp_path, flag)
    with open_elf(image) as elf:
        section = elf.elf.get_section_by_name(".debug_info")
        stream = elf.window(section)
        content = elf.content(section)
        assert stream.read() == content
        assert stream.read(1) == b""
        assert stream.seek(-4, 2) == len(content) - 4
        assert stream.read(100) == content[-4:]
        stream.seek(10)
        assert stream.read(3) == content[10:13]
        stream.seek(len(content) + 100)
        assert stream.read(1) == b""
