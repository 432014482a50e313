# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import contextlib
import json
import struct
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
from images import CASES, COMPILERS, HEADER, SUITE, build_image, facts_of, symbol

from pytest_pageconsistency.kernel.elf import open_elf
from pytest_pageconsistency.kernel.image import ImageFacts, check_image
from pytest_pageconsistency.kernel.layout import Layout, Member
from pytest_pageconsistency.oracle import Abi
from pytest_pageconsistency.verdict import Kind, TargetError, Verdict

HOST = Abi(struct.calcsize("P") * 8, sys.byteorder)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_image(tmp_path_factory.mktemp("good"))


def check(image: Path, abi: Abi = HOST, functions: Collection[str] = CASES) -> ImageFacts:
    return check_image(image, abi=abi, machine=None, functions=functions)


def refused(image: Path, **arguments: object) -> Verdict:
    known: dict[str, object] = {"abi": HOST, "machine": None, "functions": CASES}
    with pytest.raises(TargetError) as caught:
        check_image(image, **{**known, **arguments})  # type: ignore[arg-type]
    return caught.value.verdict


def mismatch(image: Path, **arguments: object) -> str:
    verdict = refused(image, **arguments)
    assert verdict.kind is Kind.IMAGE_MISMATCH
    return verdict.message


def test_the_facts_of_a_good_image(good: Path) -> None:
    facts = check(good)
    word = HOST.bytes_per_long
    assert facts.machine == facts_of(good).machine
    assert facts.bits_per_long == HOST.bits_per_long
    assert facts.byteorder == HOST.byteorder
    assert facts.sizeof_long == word
    assert facts.layout == Layout(
        3 * word,
        (Member("bitmap", 0, "unsigned long *[2]"), Member("nbits", 2 * word, "unsigned int")),
    )
    assert facts.enumerators == {
        "DUAL_BITMAP_PRIMARY": 0,
        "DUAL_BITMAP_SECONDARY": 1,
        "DUAL_BITMAP_COUNT": 2,
    }
    assert facts.cases == 2


def test_the_facts_as_json(good: Path) -> None:
    facts = check(good)
    document = json.loads(json.dumps(facts.document()))
    assert document["cases"] == 2
    assert document["machine"] == facts.machine
    assert document["layout"]["size"] == facts.layout.size
    assert document["layout"]["members"][1] == {
        "name": "nbits",
        "offset": facts.layout.members[1].offset,
        "type": "unsigned int",
    }
    assert document["enumerators"]["DUAL_BITMAP_COUNT"] == 2


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("debug", ["-gdwarf-4", "-gdwarf-5"])
def test_images_of_every_compiler_there_is(tmp_path: Path, compiler: str, debug: str) -> None:
    machine, bits, order = COMPILERS[compiler]
    image = build_image(tmp_path, compiler=compiler, debug=debug)
    abi = Abi(bits, "big" if order == "big" else "little")
    facts = check_image(image, abi=abi, machine=machine, functions=CASES)
    # Also on m68k, which aligns pointers to two bytes.
    assert facts.layout.size == (24 if bits == 64 else 12)
    assert facts.cases == 2


def test_a_kernel_that_relocates_itself(tmp_path: Path) -> None:
    image = build_image(tmp_path, "-fPIE", "-static-pie")
    # Of such an arm64 kernel these words are zero until it runs.
    for name in ("pc_suite", "pc_cases", "registered"):
        place = symbol(image, name)
        with open_elf(image) as elf:
            offset = image.read_bytes().index(elf.memory(place.address, place.size))
        with image.open("r+b") as stream:
            stream.seek(offset)
            stream.write(bytes(place.size))
    assert check(image).cases == 2


def test_another_machine(good: Path) -> None:
    machine = facts_of(good).machine
    assert mismatch(good, machine="EM_S390") == (
        f"the kernel was built for {machine}, the target is EM_S390"
    )
    assert check_image(good, abi=HOST, machine=machine, functions=CASES).machine == machine


@pytest.mark.parametrize("abi", [Abi(32, "big"), Abi(64, "big"), Abi(32, "little")])
def test_another_width_or_byte_order(good: Path, abi: Abi) -> None:
    if abi == HOST:
        pytest.skip("this machine's own")
    assert mismatch(good, abi=abi) == (
        f"the kernel was built for {HOST.bits_per_long}-bit words, {HOST.byteorder}-endian; "
        f"the oracle ran for {abi.bits_per_long}-bit, {abi.byteorder}-endian"
    )


def test_cases_that_are_not_in_the_image(good: Path) -> None:
    assert mismatch(good, functions={*CASES, "pc_four", "pc_three"}) == (
        "the built kernel lacks pc_four, pc_three: see that its options are enabled"
    )


def test_only_so_many_names_are_listed(good: Path) -> None:
    message = mismatch(good, functions={f"pc_{n:03}" for n in range(500)})
    assert "lacks pc_000, pc_001, pc_002, ...: " in message


def altered(tmp_path: Path, old: str, new: str) -> Path:
    assert old in SUITE
    return build_image(tmp_path, suite=SUITE.replace(old, new))


def test_a_suite_that_is_not_registered(tmp_path: Path) -> None:
    image = altered(tmp_path, '".kunit_test_suites"', '".elsewhere"')
    assert mismatch(image) == (
        "the suite is not registered in the kernel's section of KUnit suites"
    )


def test_another_suite_is_registered(tmp_path: Path) -> None:
    other = (
        "static struct kunit_suite other_suite = { 0 };\n\nstatic struct kunit_suite *registered"
    )
    source = SUITE.replace("static struct kunit_suite *registered", other)
    source = source.replace("= &pc_suite;", "= &other_suite;\nvoid *volatile more = &pc_suite;")
    assert "is not registered" in mismatch(build_image(tmp_path, suite=source))


def test_a_suite_without_its_table(tmp_path: Path) -> None:
    image = altered(tmp_path, "0, pc_cases };", "0, 0 };\nvoid *volatile table = pc_cases;")
    assert "is not registered" in mismatch(image)


def test_a_kernel_without_the_section_of_suites(tmp_path: Path) -> None:
    image = build_image(tmp_path)
    subprocess.run(["objcopy", "-N", "__kunit_suites_end", image], check=True)
    assert "has no section of KUnit suites" in mismatch(image)


def test_a_case_that_does_not_run(tmp_path: Path) -> None:
    image = altered(
        tmp_path, '{ pc_two, "pc_two" },', "{ pc_one },\n};\n\nvoid *volatile two[] = { pc_two,"
    )
    assert mismatch(image) == "the registered suite does not run pc_two"


def test_a_case_that_nobody_asked_for(tmp_path: Path) -> None:
    image = altered(tmp_path, '{ pc_two, "pc_two" },', "{ pc_two }, { other },")
    assert mismatch(image) == "the registered suite also runs other"


def test_an_exported_suite_in_the_same_tree(tmp_path: Path) -> None:
    # Its suite and its table have the same names as ours, and it may hold the same cases.
    exported = SUITE.replace('{ pc_two, "pc_two" },', '{ pc_two, "pc_two" }, { other },')
    exported = exported.replace("keep", "kept").replace("after_call", "after_exported")
    (tmp_path / "exported.c").write_text(exported)
    header = HEADER.replace(".globl in_header\\nin_header: ", "")
    assert header != HEADER
    image = build_image(tmp_path, str(tmp_path / "exported.c"), header=header)
    assert check(image).cases == 2
    assert check(image, functions={*CASES, "other"}).cases == 3
    assert mismatch(image, functions={"pc_one"}) == "the registered suite also runs pc_two"


def test_a_compiler_that_makes_no_table_of_addresses(tmp_path: Path) -> None:
    image = build_image(tmp_path, source="pc_steps.c")
    bare = tmp_path / "bare"
    subprocess.run(["objcopy", "-R", ".debug_aranges", image, bare], check=True)
    assert check(bare) == check(image)


def built_header(tmp_path: Path, *changes: tuple[str, str]) -> Verdict:
    header = HEADER
    for old, new in changes:
        assert old in header
        header = header.replace(old, new)
    return refused(build_image(tmp_path, header=header))


PREFIX = "the header under test is not what the oracle models: "
NBITS = "\tunsigned int nbits;\n"
WORD = HOST.bytes_per_long
TYPEDEF = "typedef unsigned int u32;\n\nstruct dual_bitmap {"


def test_another_order_of_members(tmp_path: Path) -> None:
    verdict = built_header(
        tmp_path, (NBITS, ""), ("\tunsigned long *bitmap", f"{NBITS}\tunsigned long *bitmap")
    )
    assert verdict.kind is Kind.IMAGE_MISMATCH
    assert verdict.message == (
        f"{PREFIX}bitmap is 'unsigned long *[2]' at offset {WORD}, "
        "expected 'unsigned long *[2]' at offset 0; "
        f"nbits is 'unsigned int' at offset 0, expected 'unsigned int' at offset {2 * WORD}"
    )
    expected, built = verdict.details.splitlines()
    assert expected.startswith("expected: bitmap 'unsigned long *[2]' at offset 0, nbits ")
    assert built.startswith("built:    nbits 'unsigned int' at offset 0, bitmap ")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "unsigned int nbits;",
            "unsigned long nbits;",
            f"nbits is 'unsigned long' at offset {2 * WORD}, "
            f"expected 'unsigned int' at offset {2 * WORD}",
        ),
        (
            "unsigned int nbits;",
            "int nbits;",
            f"nbits is 'int' at offset {2 * WORD}, expected 'unsigned int' at offset {2 * WORD}",
        ),
        (
            "unsigned int nbits;",
            "unsigned int nbits : 31;",
            f"nbits is 'unsigned int : 31' at offset {2 * WORD}, "
            f"expected 'unsigned int' at offset {2 * WORD}",
        ),
        (
            "unsigned long *bitmap[DUAL_BITMAP_COUNT];",
            "unsigned char *bitmap[DUAL_BITMAP_COUNT];",
            "bitmap is 'unsigned char *[2]' at offset 0, expected 'unsigned long *[2]' at offset 0",
        ),
        (
            "unsigned int nbits;",
            "unsigned int nbits; long lock[2];",
            f"struct dual_bitmap also has lock, 'long[2]' at offset {3 * WORD}; "
            f"sizeof(struct dual_bitmap) is {5 * WORD}, expected {3 * WORD}",
        ),
        (
            "PRIMARY = 0,\n\tDUAL_BITMAP_SECONDARY = 1",
            "PRIMARY = 1,\n\tDUAL_BITMAP_SECONDARY = 0",
            "DUAL_BITMAP_PRIMARY is 1, expected 0; DUAL_BITMAP_SECONDARY is 0, expected 1",
        ),
        (
            "enum dual_bitmap_index {",
            "enum renamed {",
            "there is no enum dual_bitmap_index",
        ),
    ],
)
def test_a_header_that_differs(tmp_path: Path, old: str, new: str, told: str) -> None:
    verdict = built_header(tmp_path, (old, new))
    assert verdict.kind is Kind.IMAGE_MISMATCH
    assert verdict.message == PREFIX + told


def test_a_member_of_another_name(tmp_path: Path) -> None:
    verdict = built_header(tmp_path, ("nbits", "count"))
    assert verdict.message.startswith(
        f"{PREFIX}struct dual_bitmap has no member nbits; struct dual_bitmap also has count, "
    )


def test_a_structure_of_another_name(tmp_path: Path) -> None:
    image = build_image(
        tmp_path,
        header=HEADER.replace("struct dual_bitmap", "struct renamed"),
        suite=SUITE.replace("struct dual_bitmap", "struct renamed"),
    )
    assert mismatch(image) == f"{PREFIX}there is no struct dual_bitmap"


@pytest.mark.parametrize(
    "changes",
    [
        {"unsigned int nbits": "const volatile unsigned nbits"},
        {"unsigned int nbits": "u32 nbits", "struct dual_bitmap {": TYPEDEF},
        {"COUNT = 2,": "COUNT = 2,\n\tDUAL_BITMAP_LAST = 1,"},
    ],
    ids=["qualifiers", "typedef", "another enumerator"],
)
def test_what_makes_no_difference(tmp_path: Path, changes: dict[str, str]) -> None:
    header = HEADER
    for old, new in changes.items():
        assert old in header
        header = header.replace(old, new)
    assert check(build_image(tmp_path, header=header)).cases == 2


@pytest.mark.parametrize("flag", ["-g0", "-Wl,-S", "-gsplit-dwarf"])
def test_no_debug_information(tmp_path: Path, flag: str) -> None:
    verdict = refused(build_image(tmp_path, flag))
    assert verdict.kind is Kind.CONFIG_ERROR
    assert verdict.message.endswith(
        "vmlinux has no debug information of the suite: "
        "build without options that strip it or put it elsewhere"
    )


def test_no_symbols(tmp_path: Path) -> None:
    verdict = refused(build_image(tmp_path, "-s"))
    assert verdict.kind is Kind.CONFIG_ERROR
    assert "vmlinux has no symbols: build without options that strip them" in verdict.message


def test_compressed_debug_information(tmp_path: Path) -> None:
    assert check(build_image(tmp_path, "-gz=zlib")).cases == 2


def test_debug_information_that_cannot_be_decompressed(tmp_path: Path) -> None:
    image = build_image(tmp_path, "-gz=zlib")
    with open_elf(image) as elf:
        header = elf.elf.get_section_by_name(".debug_info")["sh_offset"]
    with image.open("r+b") as stream:
        stream.seek(header)
        stream.write(struct.pack("@I", 2))  # ELFCOMPRESS_ZSTD
    verdict = refused(image)
    assert verdict.kind is Kind.CONFIG_ERROR
    assert verdict.message == (
        f"cannot decompress .debug_info of {image}: switch its compression off"
    )


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF" + b"\xff" * 100])
def test_a_file_that_is_no_elf_file(tmp_path: Path, content: bytes) -> None:
    image = tmp_path / "vmlinux"
    image.write_bytes(content)
    verdict = refused(image)
    assert verdict.kind is Kind.CONFIG_ERROR
    assert verdict.message == f"{image} is not a sound ELF file: remove it and build again"


def test_no_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "vmlinux").kind is Kind.CONFIG_ERROR


def test_a_damaged_image_is_no_other_error(good: Path, tmp_path: Path) -> None:
    content = good.read_bytes()
    damaged = tmp_path / "vmlinux"
    kinds = set()
    for position in range(0, len(content), 211):
        damaged.write_bytes(content[:position] + b"\xff" * 8 + content[position + 8 :])
        # What is not read may be damaged.
        with contextlib.suppress(TargetError):
            check(damaged)
            continue
        kinds.add(refused(damaged).kind)
    assert kinds == {Kind.CONFIG_ERROR, Kind.IMAGE_MISMATCH}


def test_a_cut_image_is_refused(good: Path, tmp_path: Path) -> None:
    content = good.read_bytes()
    cut = tmp_path / "vmlinux"
    for size in range(0, len(content), 499):
        cut.write_bytes(content[:size])
        assert refused(cut).kind in {Kind.CONFIG_ERROR, Kind.IMAGE_MISMATCH}
