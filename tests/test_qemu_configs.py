# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pageconsistency.kernel.qemu_configs import (
    QEMU_CONFIGS,
    QemuConfig,
    require_architecture,
    tree_architectures,
)
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.verdict import Kind, TargetError

PLAIN = """\
from ..qemu_config import QemuArchParams

QEMU_ARCH = QemuArchParams(linux_arch='mips',
                           kconfig='''
CONFIG_SERIAL=y''',
                           qemu_arch='mips64el',
                           kernel_path='vmlinux',
                           kernel_command_line='console=ttyS0',
                           extra_qemu_params=['-M', 'malta'])
"""
EXITS = """\
import os
import sys

FIRMWARE = 'no-such-firmware.bin'
FIRMWARE_PATH = '/nowhere/' + FIRMWARE

if not os.path.isfile(FIRMWARE_PATH):
    print('there is no firmware')
    sys.exit()

QEMU_ARCH = QemuArchParams(linux_arch='riscv', kconfig='', qemu_arch='riscv64',
                           kernel_path='Image', kernel_command_line='',
                           extra_qemu_params=['-bios', FIRMWARE_PATH])
"""


def make_tree(path: Path, **configs: str) -> Tree:
    directory = path / QEMU_CONFIGS
    directory.mkdir(parents=True)
    for name, text in configs.items():
        (directory / f"{name}.py").write_text(text, "utf-8")
    return Tree(path, "6.12.117")


def read(path: Path, text: str) -> QemuConfig:
    return tree_architectures(make_tree(path, some=text).path)["some"]


def test_what_a_tree_has(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, mips64el=PLAIN, arm="")
    (tmp_path / QEMU_CONFIGS / "__init__.py").touch()
    (tmp_path / QEMU_CONFIGS / "README").touch()
    found = tree_architectures(tree.path)
    assert list(found) == ["arm", "mips64el", "um"]
    path = tmp_path / QEMU_CONFIGS / "mips64el.py"
    assert found["mips64el"] == QemuConfig(
        "mips64el",
        "mips",
        "qemu-system-mips64el",
        path,
        kernel_path="vmlinux",
        kernel_command_line="console=ttyS0",
        extra_qemu_params=("-M", "malta"),
    )
    assert found["um"] == QemuConfig("um", "um", None, None)


def test_a_tree_from_before_qemu(tmp_path: Path) -> None:
    assert list(tree_architectures(tmp_path)) == ["um"]


def test_a_configuration_that_exits_is_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = read(tmp_path, EXITS)
    assert (config.linux_arch, config.emulator) == ("riscv", "qemu-system-riscv64")
    assert config.extra_qemu_params == ("-bios", "/nowhere/no-such-firmware.bin")
    assert capsys.readouterr().out == ""


def test_no_configuration_is_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    read(tmp_path / "tree", f"open({str(mark)!r}, 'w')\n{PLAIN}")
    assert not mark.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "QEMU_ARCH = ",
        "QEMU_ARCH = None",
        "QEMU_ARCH = QemuArchParams()",
        "QEMU_ARCH = QemuArchParams(linux_arch=f'a{1}', qemu_arch=choose())",
        "QEMU_ARCH = QemuArchParams(linux_arch='a' * 2, qemu_arch=2)",
        "NAME = 'a'\nNAME = f()\nQEMU_ARCH = QemuArchParams(linux_arch=NAME, qemu_arch=NAME)",
        "if True:\n    QEMU_ARCH = QemuArchParams(linux_arch='a', qemu_arch='a')",
        "\0",
        "# \N{LATIN SMALL LETTER U WITH DIAERESIS}",
    ],
)
def test_what_cannot_be_read_is_unknown(tmp_path: Path, text: str) -> None:
    config = read(tmp_path, text)
    assert (config.name, config.linux_arch, config.emulator) == ("some", None, None)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    tree = make_tree(tmp_path)
    (tmp_path / QEMU_CONFIGS / "some.py").write_bytes(b"\xff\xfe")
    (tmp_path / QEMU_CONFIGS / "gone.py").symlink_to("nowhere")
    found = tree_architectures(tree.path)
    assert [config.emulator for config in found.values()] == [None, None, None]


@pytest.mark.parametrize(
    "text",
    [
        "CPU = 'riscv'\nWORD = '64'\n"
        "QEMU_ARCH = QemuArchParams(linux_arch=CPU, qemu_arch=CPU + WORD)",
        "QEMU_ARCH = QemuArchParams('riscv', '', 'riscv64', 'Image', '', [])",
        "QEMU_ARCH = lib.QemuArchParams('riscv', kconfig='', qemu_arch='riscv' + '64')",
    ],
)
def test_other_ways_to_write_it(tmp_path: Path, text: str) -> None:
    config = read(tmp_path, text)
    assert (config.linux_arch, config.emulator) == ("riscv", "qemu-system-riscv64")


def test_how_it_boots_without_keywords(tmp_path: Path) -> None:
    arguments = "'a', '', 'b', 'Image', 'console=x', ['-M', 'virt'], 'mon:stdio'"
    config = read(tmp_path, f"QEMU_ARCH = QemuArchParams({arguments})")
    assert (config.kernel_path, config.kernel_command_line) == ("Image", "console=x")
    assert (config.extra_qemu_params, config.serial) == (("-M", "virt"), "mon:stdio")


@pytest.mark.parametrize("parameters", ["['-M', f()]", "words()", "'-M virt'", "[*words]"])
def test_arguments_that_are_computed_are_unknown(tmp_path: Path, parameters: str) -> None:
    text = f"QEMU_ARCH = QemuArchParams('a', '', 'b', 'Image', '', {parameters})"
    assert read(tmp_path, text).extra_qemu_params is None


def test_an_architecture_that_the_tree_has(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, mips64el=PLAIN)
    assert require_architecture(tree, "mips64el").linux_arch == "mips"
    assert require_architecture(tree, "um").path is None


@pytest.mark.parametrize("name", ["foo", "", "../um", "um.py"])
def test_an_architecture_that_it_does_not_have(tmp_path: Path, name: str) -> None:
    tree = make_tree(tmp_path, s390=PLAIN, arm=PLAIN)
    with pytest.raises(TargetError) as caught:
        require_architecture(tree, name)
    assert caught.value.verdict.kind is Kind.CONFIG_ERROR
    assert caught.value.verdict.message == (
        f"linux 6.12.117 has no architecture {name!r}: it has arm, s390, um"
    )
