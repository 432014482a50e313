# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from images import HEADER, build_image, symbol

from pytest_pageconsistency.kernel import dwarf
from pytest_pageconsistency.kernel.dwarf import DebugInfo, unit_name
from pytest_pageconsistency.kernel.elf import open_elf
from pytest_pageconsistency.kernel.layout import BuiltTypes, built_types

SUITE_NAME = "/shadow/mm/pageconsistency/suite.c"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_image(tmp_path_factory.mktemp("image"))


@pytest.mark.parametrize(
    ("function", "source"),
    [("pc_one", "suite.c"), ("other", "suite.c"), ("pc_begin", "pc_runtime.c")],
)
def test_the_unit_of_a_function(image: Path, function: str, source: str) -> None:
    found = symbol(image, function)
    with open_elf(image) as elf:
        debug = DebugInfo(elf)
        for address in (found.address, found.address + found.size - 1):
            assert unit_name(debug.unit_at(address)).endswith(
                f"/shadow/mm/pageconsistency/{source}"
            )


def test_no_unit_holds_other_addresses(image: Path) -> None:
    with open_elf(image) as elf:
        debug = DebugInfo(elf)
        for address in (0, symbol(image, "pc_cases").address, 2**64 - 1):
            assert debug.unit_at(address) is None


def test_units_by_name(image: Path) -> None:
    with open_elf(image) as elf:
        debug = DebugInfo(elf)
        assert unit_name(debug.unit_named("pageconsistency/suite.c")).endswith(SUITE_NAME)
        assert debug.unit_named("pageconsistency/other.c") is None


def test_an_image_without_the_table_of_addresses(image: Path, tmp_path: Path) -> None:
    bare = tmp_path / "vmlinux"
    subprocess.run(["objcopy", "-R", ".debug_aranges", image, bare], check=True)
    with open_elf(bare) as elf:
        debug = DebugInfo(elf)
        assert debug.unit_at(symbol(image, "pc_one").address) is None
        assert debug.unit_named(SUITE_NAME) is not None


def test_an_image_without_debug_information(tmp_path: Path) -> None:
    with open_elf(build_image(tmp_path, "-g0")) as elf:
        debug = DebugInfo(elf)
        assert debug.unit_at(symbol(elf.path, "pc_one").address) is None
        assert debug.unit_named(SUITE_NAME) is None


def test_other_units_are_not_read(image: Path, tmp_path: Path) -> None:
    function = symbol(image, "pc_one")
    with open_elf(image) as elf:
        unit = DebugInfo(elf).unit_at(function.address)
        assert unit is not None
        section = elf.elf.get_section_by_name(".debug_info")
        start = section["sh_offset"] + unit.cu_offset + unit.size
        end = section["sh_offset"] + section["sh_size"]
        expected = built_types(unit)
    assert end - start > 100
    content = image.read_bytes()
    damaged = tmp_path / "vmlinux"
    damaged.write_bytes(content[:start] + b"\xff" * (end - start) + content[end:])
    with open_elf(damaged) as elf:
        assert built_types(DebugInfo(elf).unit_at(function.address)) == expected


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("width", [4, 8])
@pytest.mark.parametrize("wide", [False, True])
def test_tables_of_addresses(order: str, width: int, wide: bool) -> None:
    word = "Q" if width == 8 else "I"
    table = b""
    for unit, ranges in {0x10: [(0x1000, 0x20)], 0x2000: [(0x3000, 1), (0x5000, 0x100)]}.items():
        body = struct.pack(f"{order}H{'Q' if wide else 'I'}BB", 2, unit, width, 0)
        body += bytes(-(len(body) + (12 if wide else 4)) % (2 * width))
        body += b"".join(struct.pack(f"{order}2{word}", *pair) for pair in ranges)
        table += struct.pack(
            f"{order}IQ" if wide else f"{order}I", *([2**32 - 1] * wide), len(body)
        )
        table += body
    expected = [(0x1000, 0x1020, 0x10), (0x3000, 0x3001, 0x2000), (0x5000, 0x5100, 0x2000)]
    assert list(dwarf._address_ranges(table, order)) == expected


TYPES = """\
typedef const unsigned long word_t;
struct inner;
enum colour { RED = -1, GREEN = 1u << 30 };
struct dual_bitmap {
	word_t a;
	unsigned char b[2][3];
	const char *const *c;
	void *d;
	int (*e)(long);
	struct inner *f;
	enum colour g;
	short h : 3;
	unsigned short i : 5;
	long long unsigned j;
	union { int k; } l;
	_Bool m;
	signed char n[];
};
enum dual_bitmap_index { FIRST = -5, LAST = 7 };
struct dual_bitmap *type;
enum dual_bitmap_index index;
"""


def types_of(tmp_path: Path, source: str, debug: str) -> BuiltTypes:
    path = tmp_path / "types.c"
    path.write_text(source)
    output = tmp_path / "types"
    command = ["gcc", debug, "-nostdlib", "-static", "-Wl,-e,0", "-o", output, path]
    subprocess.run(command, check=True)
    with open_elf(output) as elf:
        unit: Any = DebugInfo(elf).unit_named("types.c")
        return built_types(unit)


@pytest.mark.parametrize("debug", ["-gdwarf-3", "-gdwarf-4", "-gdwarf-5"])
def test_types_of_all_kinds(tmp_path: Path, debug: str) -> None:
    types = types_of(tmp_path, TYPES, debug)
    assert types.structure is not None
    members = {member.name: member.type for member in types.structure.members}
    assert members == {
        "a": "unsigned long",
        "b": "unsigned char[2][3]",
        "c": "char **",
        "d": "void *",
        "e": "function *",
        "f": "struct inner *",
        "g": "enum colour",
        "h": "short : 3",
        "i": "unsigned short : 5",
        "j": "unsigned long long",
        "l": "union ",
        "m": "_Bool",
        "n": "signed char[]",
    }
    assert types.enumerators == {"FIRST": -5, "LAST": 7}
    assert types.sizeof_long == struct.calcsize("l")


@pytest.mark.parametrize("debug", ["-gdwarf-3", "-gdwarf-4", "-gdwarf-5"])
def test_offsets_of_all_kinds(tmp_path: Path, debug: str) -> None:
    source = "struct dual_bitmap { char a; int b; unsigned c : 4, d : 28; short e; } type;\n"
    structure = types_of(tmp_path, source, debug).structure
    assert structure is not None
    offsets = {member.name: member.offset for member in structure.members}
    assert offsets["b"] == 4
    assert offsets["c"] == 8
    assert offsets["e"] == 12
    assert structure.size == 16


def test_a_type_that_never_ends(tmp_path: Path) -> None:
    structure = types_of(
        tmp_path, f"struct dual_bitmap {{ int {'*' * 50}a; }} type;\n", "-g"
    ).structure
    assert structure is not None
    assert structure.members[0].type == "... " + "*" * 16


def test_a_unit_without_the_types(tmp_path: Path) -> None:
    assert types_of(tmp_path, "int nothing;\n", "-g") == BuiltTypes()


def test_a_type_that_is_only_declared(tmp_path: Path) -> None:
    source = "struct dual_bitmap;\nstruct dual_bitmap *type;\nlong size;\n"
    assert types_of(tmp_path, source, "-g") == BuiltTypes(sizeof_long=struct.calcsize("l"))


def test_types_behind_many_others(tmp_path: Path) -> None:
    others = "".join(f"struct s{n} {{ int a, b; }} v{n};\n" for n in range(2000))
    types = types_of(tmp_path, others + HEADER + "struct dual_bitmap type;\n", "-g")
    assert types.structure is not None
    assert types.structure.members[1].name == "nbits"
