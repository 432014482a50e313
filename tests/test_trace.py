# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from images import COMPILERS, HEADER, SUITE, build_image, line_of, symbol

from pytest_pageconsistency.kernel.elf import open_elf
from pytest_pageconsistency.kernel.lines import Places
from pytest_pageconsistency.kernel.trace import annotate

CALL = f"mm/pageconsistency/suite.c:{line_of(SUITE, 'pc_begin(&db)')}"
PC_TWO = f"mm/pageconsistency/suite.c:{line_of(SUITE, 'test = 2')}"
INLINED = f"include/linux/dual_bitmap.h:{line_of(HEADER, 'in_header')}"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_image(tmp_path_factory.mktemp("image"))


def place(image: Path, label: str) -> tuple[int, str]:
    """A label in pc_one: its address, and how it is given in a trace."""
    address, start = symbol(image, label).address, symbol(image, "pc_one").address
    return address, f"pc_one+{address - start:#x}"


def one(image: Path, line: str) -> str:
    (annotated,) = annotate(image, [line])
    return annotated


@pytest.mark.parametrize(
    "line",
    [
        " 0x{0:016x}",
        " ? 0x{0:016x}",
        "[    0.123456]  0x{0:016x}",
        "[   12.345678][   T31]  ? 0x{0:016x}",
        " [<{0:016x}>] 0x{0:016x}",
        "([<{0:08x}>] 0x{0:08x})",
        " [<{0:08X}>]",
        " [<{0:08x}>] ? 0x{0:016x}",
        "[c0000000025f7ea0] [{0:016x}] 0x{0:016x}",
        " ra : {0:016x}",
        "LR is at 0x{0:08x}",
        "lr : 0x{0:016x}",
        "Call Trace: [<{0:08x}>]",
        "LR [{0:016x}] 0x{0:016x}",
    ],
)
def test_a_return_address_is_of_the_call(image: Path, line: str) -> None:
    address, name = place(image, "after_call")
    written = line.format(address)
    assert one(image, written) == f"{written} = {name} ({CALL})"


@pytest.mark.parametrize(
    "line",
    [
        "RIP: 0010:0x{0:016x}",
        "RIP: 0033:[<{0:016x}>]",
        "EIP: 0x{0:08x}",
        "pc : 0x{0:016x}",
        "PC is at 0x{0:08x}",
        "PC: [<{0:08x}>] 0x{0:08x}",
        "epc : 0x{0:016x}",
        "NIP [{0:016x}] 0x{0:016x}",
        "Krnl PSW : 0704c00180000000 {0:016x} (0x{0:016x})",
        "[    0.123456] RIP: 0010:0x{0:016x}",
    ],
)
def test_a_program_counter_is_of_its_own_line(image: Path, line: str) -> None:
    address, name = place(image, "in_header")
    written = line.format(address)
    assert one(image, written) == f"{written} = {name} ({INLINED})"


def test_several_addresses_on_a_line(image: Path) -> None:
    counter = symbol(image, "pc_two").address
    back, back_name = place(image, "after_call")
    line = f"NIP:  {counter:016x} LR: {back:016x} CTR: {counter:016x}"
    assert annotate(image, [line, "next"]) == [
        line,
        f"    {counter:016x} = pc_two+0x0 ({PC_TWO})",
        f"    {back:016x} = {back_name} ({CALL})",
        "next",
    ]


def test_something_after_the_address(image: Path) -> None:
    address, name = place(image, "after_call")
    line = f"[c0000000025f7e40] [{address:016x}] 0x{address:016x} (unreliable)"
    assert annotate(image, [line]) == [line, f"    {address:016x} = {name} ({CALL})"]


def test_arm_says_where_from(image: Path) -> None:
    address, name = place(image, "after_call")
    other = symbol(image, "pc_two").address + 1
    line = f"Function entered at [<{address:08x}>] from [<{other:08x}>]"
    assert annotate(image, [line]) == [
        line,
        f"    {address:08x} = {name} ({CALL})",
        f"    {other:08x} = pc_two+0x1 ({PC_TWO})",
    ]


def test_a_trace_that_begins_with_the_program_counter(image: Path) -> None:
    address, name = place(image, "in_header")
    lines = [f"pc : 0x{address:016x}", "Call trace:", f" 0x{address:016x}"]
    assert annotate(image, lines)[2] == f" 0x{address:016x} = {name} ({INLINED})"


def test_times_and_tasks_before_the_entry_of_a_trace(image: Path) -> None:
    back, name = place(image, "after_call")
    counter, _ = place(image, "pc_two")
    line = f"[   12.345678][   T31]  ? 0x{back:016x}"
    lines = [f"RIP: 0010:0x{counter:016x}", line]
    assert annotate(image, lines)[1] == f"{line} = {name} ({CALL})"


def test_a_warning_is_of_the_registers_or_of_a_call(image: Path) -> None:
    back, back_name = place(image, "after_call")
    warning = f"WARNING: CPU: 0 PID: 31 at mm/pageconsistency/suite.c:22 0x{back:016x}"
    assert one(image, warning) == f"{warning} = {back_name} ({CALL})"
    counter, counter_name = place(image, "in_header")
    warning = f"WARNING: CPU: 0 PID: 31 at include/linux/dual_bitmap.h:14 0x{counter:016x}"
    assert annotate(image, [warning, f"RIP: 0010:0x{counter:016x}"])[0] == (
        f"{warning} = {counter_name} ({INLINED})"
    )


def with_assembly(tmp_path: Path, *lines: str) -> Path:
    text = "\\n".join([".text", ".space 16", *lines, ".space 16"])
    return build_image(tmp_path, suite=f'{SUITE}asm("{text}");\n')


def test_a_pointer_to_a_function_is_no_return_address(tmp_path: Path) -> None:
    image = with_assembly(
        tmp_path,
        *(".type first, %function", "first: .space 8", ".size first, 8"),
        *(".type second, %function", "second: .space 8", ".size second, 8"),
    )
    line = f" ? 0x{symbol(image, 'second').address:016x}"
    assert one(image, line) == f"{line} = second+0x0"


def test_a_call_that_never_returns_may_be_the_last_instruction(tmp_path: Path) -> None:
    image = with_assembly(tmp_path, ".type last, %function", "last: .space 8", ".size last, 8")
    end = symbol(image, "last").address + 8
    assert one(image, f" 0x{end:08x}") == f" 0x{end:08x} = last+0x8"
    assert one(image, f"PC is at 0x{end:08x}") == f"PC is at 0x{end:08x}"


def test_assembly_without_a_size_reaches_to_the_next_function(tmp_path: Path) -> None:
    image = with_assembly(
        tmp_path,
        *(".type first, %function", "first: .space 64"),
        *(".type second, %function", "second: .space 8", ".size second, 8"),
    )
    start = symbol(image, "first").address
    assert one(image, f"PC is at 0x{start + 63:08x}").endswith(" = first+0x3f")
    assert one(image, f"PC is at 0x{start + 64:08x}").endswith(" = second+0x0")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Call Trace:",
        "RAX: 0000000000000000 RBX: {0:016x} RCX: 0000000000000000",
        "GPR04: {0:016x} 0000000000000000 0000000000000000 {0:016x}",
        "        {0:08x} 002a0d5d {0:08x} 0029ba9d",
        "           {0:016x}: 07fe\t\tbcr\t15,%r14",
        "Code: 7c635110 {0:08x} 7c0004ac",
        "    # pc_case: pc 99beedff8c 3 {0:x} {0:016x}",
        "build id 0123456789abcdef{0:016x}",
        "symbol_{0:016x}",
        "1.{0:016x}",
        " 0x00000001",
        " 0xffffffffffffffff",
        " [<00000000>]",
        "[12345678.123456] nothing",
        "\ud800 \x00 ÿ 0x" + "f" * 5000,
    ],
)
def test_lines_that_stay_as_they_are(image: Path, line: str) -> None:
    written = line.format(place(image, "after_call")[0])
    assert annotate(image, [written]) == [written]


def test_an_address_alone_on_its_line(image: Path) -> None:
    address, name = place(image, "in_header")
    lines = [f"unable to handle a fault at {address:016x}", f"RIP: 0010:0x{address:016x}"]
    assert annotate(image, lines)[0] == f"{lines[0]} = {name} ({INLINED})"


def test_a_kernel_that_says_where_it_runs(image: Path) -> None:
    address, name = place(image, "after_call")
    lines = [
        f" 0x{address + 0x1C000000:016x}",
        f" 0x{address:016x}",
        "Kernel Offset: 0x1c000000 from 0xffffffff81000000 (relocation range: 0x0-0x1)",
    ]
    assert annotate(image, lines) == [f"{lines[0]} = {name} ({CALL})", *lines[1:]]


def test_a_kernel_that_is_configured_to_run_elsewhere(tmp_path: Path) -> None:
    image = build_image(tmp_path)
    address, name = place(image, "after_call")
    line = f" [<{address + 0x3FFE0000000:016x}>]"
    assert one(image, line) == line
    image.with_name(".config").write_text("CONFIG_A=y\nCONFIG_KERNEL_IMAGE_BASE=0x3FFE0000000\n")
    assert one(image, line) == f"{line} = {name} ({CALL})"


def test_only_so_many_lines_are_annotated(image: Path) -> None:
    address, name = place(image, "after_call")
    lines = ["first", *[f" 0x{address:016x}"] * 5, "last"]
    annotated = annotate(image, lines, limit=2)
    assert annotated == ["first", *[f"{lines[1]} = {name} ({CALL})"] * 2, *lines[3:]]


@pytest.mark.parametrize("content", [None, b"", b"#!/bin/sh\n", b"\x7fELF" + b"\xff" * 100])
def test_an_image_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "vmlinux"
    if content is not None:
        path.write_bytes(content)
    lines = [" 0xffffffff81000000", "RIP: 0010:0xffffffff81000000"]
    assert annotate(path, lines) == lines


def test_an_image_without_symbols(tmp_path: Path) -> None:
    image = build_image(tmp_path, "-s")
    assert annotate(image, [" 0x00401000"]) == [" 0x00401000"]


@pytest.mark.parametrize("section", [".debug_info", ".debug_line", ".debug_abbrev"])
def test_damaged_debug_information_leaves_the_functions(tmp_path: Path, section: str) -> None:
    image = build_image(tmp_path)
    with open_elf(image) as elf:
        found = elf.elf.get_section_by_name(section)
        start, size = found["sh_offset"], found["sh_size"]
    with image.open("r+b") as stream:
        stream.seek(start)
        stream.write(b"\xff" * size)
    address, name = place(image, "after_call")
    assert one(image, f" 0x{address:016x}") == f" 0x{address:016x} = {name}"


def test_no_debug_information_leaves_the_functions(tmp_path: Path) -> None:
    image = build_image(tmp_path, "-g0")
    address, name = place(image, "after_call")
    assert one(image, f" 0x{address:016x}") == f" 0x{address:016x} = {name}"


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("debug", ["-gdwarf-4", "-gdwarf-5"])
def test_lines_of_every_compiler_there_is(tmp_path: Path, compiler: str, debug: str) -> None:
    image = build_image(tmp_path, compiler=compiler, debug=debug)
    back, inlined = (symbol(image, name).address for name in ("after_call", "in_header"))
    with open_elf(image) as elf:
        places = Places(elf)
        found = [places.find(back, is_return=True), places.find(inlined)]
    assert [place.function for place in found if place] == ["pc_one", "pc_one"]
    assert [place.source for place in found if place] == [CALL, INLINED]


def test_code_that_lies_in_another_order_than_it_was_written(tmp_path: Path) -> None:
    functions = "".join(
        f'__attribute__((section(".text.{name}"))) void {name}(int *p)\n{{\n\t*p = 1;\n}}\n'
        for name in ("b", "a")
    )
    image = build_image(
        tmp_path, "-Wl,--sort-section=name", "-falign-functions=1", suite=SUITE + functions
    )
    a, b = symbol(image, "a"), symbol(image, "b")
    assert a.address + a.size == b.address
    first = len(SUITE.splitlines()) + 3
    with open_elf(image) as elf:
        places = Places(elf)
        found = [places.find(a.address), places.find(b.address)]
    assert [place.source for place in found if place] == [
        f"mm/pageconsistency/suite.c:{first + 4}",
        f"mm/pageconsistency/suite.c:{first}",
    ]


def test_the_same_lines_as_addr2line(image: Path) -> None:
    with open_elf(image) as elf:
        places = Places(elf)
        addresses = [
            function.address + offset
            for function in elf.symbols
            if function.is_function
            for offset in range(function.size)
        ]
        ours = [getattr(places.find(address), "source", "") for address in addresses]
    theirs = subprocess.run(
        ["addr2line", "-e", image], input="\n".join(map(hex, addresses)), text=True,
        capture_output=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert len(addresses) > 50
    assert ours == [re.sub(r".*/shadow/| \(discriminator \d+\)", "", line) for line in theirs]
