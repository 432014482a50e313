# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_pageconsistency.architecture import Architecture
from pytest_pageconsistency.kernel.machine import Machine, has_header
from pytest_pageconsistency.kernel.qemu_configs import QemuConfig
from pytest_pageconsistency.kernel.tools import (
    cross_compile_prefix,
    missing_tools,
    require_tools,
)
from pytest_pageconsistency.verdict import Kind, TargetError

UM = Architecture("um", native=("x86_64",))
S390 = Architecture(
    "s390",
    cross_compile="s390x-linux-gnu-",
    native=("s390x",),
    compiler_package="gcc-s390x-linux-gnu",
    emulator_package="qemu-system-misc",
)
RISCV = Architecture(
    "riscv",
    cross_compile="riscv64-linux-gnu-",
    firmware="/usr/share/qemu/opensbi.bin",
    firmware_package="qemu-system-data",
)
X86_64 = Architecture("x86_64", native=("x86_64",), host_header="gelf.h", host_header_package="elf")


def emulated(architecture: Architecture, emulator: str | None) -> QemuConfig:
    return QemuConfig(architecture.name, architecture.name, emulator, None)


def lacking_machine(*missing: str, kind: str = "x86_64") -> Machine:
    """A machine that has all but `missing`."""
    return Machine(
        kind=kind,
        which=lambda tool: None if tool in missing else f"/bin/{tool}",
        is_file=lambda path: path not in missing,
        has_header=lambda _compiler, header: header not in missing,
    )


def refusal(
    *missing: str,
    architecture: Architecture = UM,
    emulator: str | None = None,
    options: tuple[str, ...] = (),
    given: str | None = None,
    kind: Kind = Kind.TOOL_MISSING,
) -> str:
    """The message on a machine that has all but `missing`."""
    config = emulated(architecture, emulator)
    with pytest.raises(TargetError) as caught:
        require_tools(architecture, config, options, given, lacking_machine(*missing))
    assert caught.value.verdict.kind is kind
    return caught.value.verdict.message


def test_nothing_missing() -> None:
    require_tools(UM, emulated(UM, None), (), None, lacking_machine())
    require_tools(S390, emulated(S390, "qemu-system-s390x"), (), None, lacking_machine())


def test_one_missing() -> None:
    assert refusal("flex") == "flex is missing; install it with: apt-get install flex"


def test_all_missing_at_once_in_one_line() -> None:
    assert refusal("flex", "bison", "ld", "nm") == (
        "flex, bison, ld and nm are missing; install them with: apt-get install binutils bison flex"
    )


@pytest.mark.parametrize(
    ("options", "missing", "package"),
    [
        (("CC=gcc-12",), "gcc-12", "gcc-12"),
        (("CC=ccache gcc-12 -pipe",), "gcc-12", "gcc-12"),
        (("CC=ccache gcc",), "ccache", "ccache"),
        (("CC=aarch64-linux-gnu-gcc-12",), "aarch64-linux-gnu-gcc-12", "gcc-12-aarch64-linux-gnu"),
        (("HOSTCC=clang",), "clang", "clang"),
        (("LLVM=1",), "clang", "clang"),
        (("LLVM=1",), "ld.lld", "lld"),
        (("LLVM=-15",), "llvm-ar-15", "llvm-15"),
        (("LLVM=-15",), "ld.lld-15", "lld-15"),
        (("LLVM=1", "LD=ld.bfd"), "ld.bfd", "ld.bfd"),
        (("CROSS_COMPILE=s390x-linux-gnu-",), "s390x-linux-gnu-gcc", "gcc-s390x-linux-gnu"),
        (
            ("CROSS_COMPILE=arm-linux-gnueabihf-",),
            "arm-linux-gnueabihf-ld",
            "binutils-arm-linux-gnueabihf",
        ),
        (("CROSS_COMPILE=s390x-linux-gnu-",), "gcc", "gcc"),
    ],
)
def test_make_options_decide_what_is_needed(
    options: tuple[str, ...], missing: str, package: str
) -> None:
    expected = f"{missing} is missing; install it with: apt-get install {package}"
    assert refusal(missing, options=options) == expected


@pytest.mark.parametrize(
    ("options", "unneeded"), [(("LLVM=1",), "gcc"), (("LLVM=1",), "ld"), (("LLVM=0",), "clang")]
)
def test_what_make_would_not_call_is_not_asked_for(options: tuple[str, ...], unneeded: str) -> None:
    require_tools(UM, emulated(UM, None), options, None, lacking_machine(unneeded))


def test_a_path_is_no_package() -> None:
    message = refusal("/opt/cc", options=("CC=/opt/cc",), kind=Kind.CONFIG_ERROR)
    assert message == "/opt/cc is missing; correct the make options"


def test_a_prefix_that_is_no_triplet_is_no_package() -> None:
    options = ("CROSS_COMPILE=foo-",)
    message = refusal("foo-gcc", "flex", options=options, kind=Kind.CONFIG_ERROR)
    assert message == (
        "flex and foo-gcc are missing; correct the make options; "
        "install the rest with: apt-get install flex"
    )


def test_compiler_binutils_and_emulator_in_one_sentence() -> None:
    missing = ("s390x-linux-gnu-gcc", "s390x-linux-gnu-ld", "qemu-system-s390x")
    assert refusal(*missing, architecture=S390, emulator="qemu-system-s390x") == (
        "s390x-linux-gnu-gcc, s390x-linux-gnu-ld and qemu-system-s390x are missing; install them "
        "with: apt-get install binutils-s390x-linux-gnu gcc-s390x-linux-gnu qemu-system-misc"
    )


def test_the_data_file_names_the_compilers_package() -> None:
    odd = replace(S390, cross_compile="s390-", compiler_package="gcc-for-s390")
    assert refusal("s390-gcc", architecture=odd).endswith("apt-get install gcc-for-s390")
    assert refusal("s390-ld", architecture=odd).endswith("apt-get install binutils-s390")


def test_an_emulator_that_no_data_file_knows() -> None:
    new = Architecture("new", native=("x86_64",))
    assert refusal("qemu-system-x86_64", architecture=new, emulator="qemu-system-x86_64") == (
        "qemu-system-x86_64 is missing; install it with: apt-get install qemu-system-x86-64"
    )


def test_missing_firmware() -> None:
    missing = "/usr/share/qemu/opensbi.bin"
    assert refusal(missing, architecture=RISCV, emulator="qemu-system-riscv64") == (
        f"{missing} is missing; install it with: apt-get install qemu-system-data"
    )


def test_a_header_of_the_host() -> None:
    message = "is missing; install it with: apt-get install"
    assert refusal("gelf.h", architecture=X86_64) == f"gelf.h {message} elf"
    assert refusal("stdio.h") == f"stdio.h {message} libc6-dev"
    require_tools(UM, emulated(UM, None), (), None, lacking_machine("gelf.h"))


def test_without_a_tree_nothing_of_qemu_is_needed() -> None:
    machine = lacking_machine("/usr/share/qemu/opensbi.bin", "qemu-system-riscv64")
    assert missing_tools(RISCV, None, (), None, machine) == []


def test_a_wrong_prefix() -> None:
    missing = ("foo-gcc", "foo-ld", "flex")
    message = refusal(*missing, architecture=S390, given="foo-", kind=Kind.CONFIG_ERROR)
    assert message == (
        "--kunit-cross-compile: there is no foo-gcc for s390; "
        "give what stands before gcc in the name of its compiler"
    )


def test_a_right_prefix_of_what_is_not_installed() -> None:
    prefix = "s390x-linux-gnu-"
    message = refusal(f"{prefix}gcc", architecture=S390, given=prefix)
    assert message.endswith("apt-get install gcc-s390x-linux-gnu")


def test_a_given_prefix_wins() -> None:
    require_tools(S390, None, (), "foo-", lacking_machine("s390x-linux-gnu-gcc"))


def test_an_architecture_whose_compiler_nobody_knows() -> None:
    new = Architecture("new")
    assert refusal(architecture=new) == (
        "a compiler for new is missing; name the prefix of one with --kunit-cross-compile"
    )
    assert refusal("qemu-system-new", architecture=new, emulator="qemu-system-new") == (
        "a compiler for new and qemu-system-new are missing; "
        "name the prefix of one with --kunit-cross-compile; "
        "install the rest with: apt-get install qemu-system-new"
    )


@pytest.mark.parametrize(
    ("given", "option"), [("new-", "V=1"), ("", "V=1"), (None, "LLVM=1"), (None, "CC=new-cc")]
)
def test_whatever_names_a_compiler(given: str | None, option: str) -> None:
    require_tools(Architecture("new"), None, (option,), given, lacking_machine())


@pytest.mark.parametrize(
    ("given", "options", "kind", "prefix"),
    [
        (None, (), "x86_64", "s390x-linux-gnu-"),
        (None, (), "s390x", ""),
        ("foo-", (), "s390x", "foo-"),
        ("", (), "x86_64", ""),
        (None, ("LLVM=1",), "x86_64", ""),
        (None, ("LLVM=0",), "x86_64", "s390x-linux-gnu-"),
        ("foo-", ("LLVM=1",), "x86_64", "foo-"),
        (None, ("CROSS_COMPILE=foo-",), "x86_64", ""),
        ("foo-", ("CROSS_COMPILE=bar-",), "x86_64", ""),
    ],
)
def test_prefix_where_only_plain_gcc_is_installed(
    given: str | None, options: tuple[str, ...], kind: str, prefix: str
) -> None:
    machine = lacking_machine("s390x-linux-gnu-gcc", kind=kind)
    assert cross_compile_prefix(S390, given, options, machine) == prefix


def test_prefix_of_an_installed_compiler() -> None:
    for kind in ("x86_64", "s390x"):
        assert cross_compile_prefix(S390, None, (), lacking_machine(kind=kind)) == (
            "s390x-linux-gnu-"
        )


def test_a_native_compiler_is_looked_for_without_prefix() -> None:
    machine = lacking_machine("s390x-linux-gnu-gcc", "gcc", kind="s390x")
    missing = missing_tools(S390, None, (), None, machine)
    assert [(tool.name, tool.package) for tool in missing] == [("gcc", "gcc")]


def test_headers_are_asked_of_the_compiler() -> None:
    assert has_header("gcc", "stdio.h")
    assert not has_header("gcc", "no-such-header.h")
    assert not has_header("no-such-compiler", "stdio.h")
    assert not has_header("", "stdio.h")
