# SPDX-License-Identifier: GPL-2.0-only
"""scripts/install-packages reads with sed what the package reads as TOML: they must agree."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pytest_pageconsistency.architecture import described_architectures, read_architecture

SCRIPT = Path(__file__).parent.parent / "scripts/install-packages"


def installs(place: Path, *arguments: str, machine: str, installed: str = "nothing") -> set[str]:
    """What apt-get is told to install, but for kernel sources, where only `installed` is there."""
    log = place / "log"
    commands = {
        "apt-cache": "",
        "apt-get": f'echo "$@" >>{log}',
        "dpkg-query": f"case $4 in {installed}) echo install ok installed;; *) false;; esac",
        "id": "echo 0",
        "uname": f"echo {machine}",
    }
    for name, command in commands.items():
        (place / name).write_text(f"#!/bin/sh\n{command}\n", "utf-8")
        (place / name).chmod(0o755)
    path = f"{place}:{os.environ['PATH']}"
    subprocess.run([SCRIPT, *arguments], check=True, env={"PATH": path}, capture_output=True)
    calls = log.read_text("utf-8").splitlines() if log.exists() else []
    words = {word for call in calls if call.startswith("install ") for word in call.split()[1:]}
    return {word for word in words if not word.startswith(("-", "linux-source"))}


@pytest.mark.parametrize("name", described_architectures())
def test_the_packages_of_an_architecture(name: str, tmp_path: Path) -> None:
    facts = read_architecture(name)
    packages = {
        facts.compiler_package,
        facts.emulator_package,
        facts.firmware_package,
        facts.host_header_package,
    }
    found = installs(tmp_path, name, machine="elsewhere")
    assert {"make", "flex", "libc6-dev"} < found
    assert packages - {""} <= found
    (tmp_path / "log").unlink()
    assert found - installs(tmp_path, machine="elsewhere") == packages - {""}


def test_a_machine_compiles_for_itself_with_gcc(tmp_path: Path) -> None:
    found = installs(tmp_path, "x86_64", machine="x86_64")
    assert "gcc-x86-64-linux-gnu" not in found
    assert {"gcc", "qemu-system-x86", "libelf-dev"} < found


def test_several(tmp_path: Path) -> None:
    found = installs(tmp_path, "um,s390", "arm64", machine="x86_64", installed="gcc-s390x-*")
    assert {"gcc-aarch64-linux-gnu", "qemu-system-misc", "qemu-system-arm"} < found
    assert "gcc-s390x-linux-gnu" not in found


@pytest.mark.parametrize("words", [("all",), ("be", "brandnew"), ("../um",), ()])
def test_words_that_bring_nothing_more(words: tuple[str, ...], tmp_path: Path) -> None:
    found = installs(tmp_path, *words, machine="x86_64")
    assert "make" in found
    assert not any(word.startswith(("gcc-", "qemu-")) for word in found)


def test_nothing_is_missing(tmp_path: Path) -> None:
    assert installs(tmp_path, "s390", machine="x86_64", installed="*") == set()
