# SPDX-License-Identifier: GPL-2.0-only
"""The data files, as a whole: what is in them must agree with itself."""

from __future__ import annotations

import re

import pytest
from elftools.elf.enums import ENUM_E_MACHINE

from pytest_pageconsistency.architecture import (
    Architecture,
    described_architectures,
    read_architecture,
)
from pytest_pageconsistency.kernel.toolchain import package_of
from pytest_pageconsistency.verdict import Kind, TargetError

every_architecture = pytest.mark.parametrize("name", described_architectures())


def test_one_in_full() -> None:
    assert read_architecture("riscv") == Architecture(
        "riscv",
        cross_compile="riscv64-linux-gnu-",
        native=("riscv64",),
        compiler_package="gcc-riscv64-linux-gnu",
        emulator_package="qemu-system-misc",
        firmware="/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin",
        firmware_package="qemu-system-data",
        elf_machine="EM_RISCV",
    )


def test_of_an_unknown_one_nothing_is_known() -> None:
    assert read_architecture("brand-new") == Architecture("brand-new")


@pytest.mark.parametrize(
    "name", ["", ".", "../um", "a/b", "/um", "um\n", "-um", "um.toml", "ümlaut"]
)
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(TargetError, match="cannot be an architecture's name") as caught:
        read_architecture(name)
    assert caught.value.verdict.kind is Kind.CONFIG_ERROR


def test_um_has_its_quirks() -> None:
    um = read_architecture("um")
    assert "# CONFIG_HOSTFS is not set" in um.kconfig
    assert (um.cross_compile, um.emulator_package, um.elf_machine) == ("", "", "")


@every_architecture
def test_prefix_and_package_belong_together(name: str) -> None:
    architecture = read_architecture(name)
    prefix = architecture.cross_compile
    assert not prefix or prefix.endswith("-")
    assert architecture.compiler_package == (
        package_of(f"{prefix}gcc", prefix, prefix) if prefix else ""
    )
    assert bool(architecture.firmware) is bool(architecture.firmware_package)
    assert bool(architecture.host_header) is bool(architecture.host_header_package)


@every_architecture
def test_facts_have_their_form(name: str) -> None:
    architecture = read_architecture(name)
    machine = architecture.elf_machine
    assert machine in ENUM_E_MACHINE or machine.isdigit() or name == "um"
    for line in architecture.kconfig:
        assert re.fullmatch(r"# CONFIG_\w+ is not set|CONFIG_\w+=\S+", line)
    assert not architecture.note.endswith(".")
    assert isinstance(architecture.native, tuple)
