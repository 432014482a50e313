# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import argparse
import tarfile
from pathlib import Path

import pytest
from fake_kernel import make_fake_tools, make_fake_tree
from golden import check_golden

from pytest_pageconsistency import doctor
from pytest_pageconsistency.architecture import described_architectures
from pytest_pageconsistency.doctor import add_command, examine, install_line, report
from pytest_pageconsistency.kernel.machine import Machine
from pytest_pageconsistency.kernel.qemu_configs import QEMU_CONFIGS, QemuConfig
from pytest_pageconsistency.verdict import Kind, TargetError

CONFIGS: dict[str, QemuConfig | None] = {
    name: QemuConfig(name, name, emulator, None)
    for name, emulator in {
        "alpha": "qemu-system-alpha",
        "brandnew": None,
        "loongarch": "qemu-system-loongarch64",
        "riscv": "qemu-system-riscv64",
        "s390": "qemu-system-s390x",
        "um": None,
        "x86_64": "qemu-system-x86_64",
    }.items()
}


def machine(*missing: str) -> Machine:
    """A Debian of x86_64 that has all but `missing`."""
    return Machine(
        kind="x86_64",
        which=lambda tool: None if tool in missing else f"/usr/bin/{tool}",
        is_file=lambda path: path not in missing,
        has_header=lambda _compiler, header: header not in missing,
    )


def text(configs: dict[str, QemuConfig | None], here: Machine, *, everything: bool = True) -> str:
    examinations = examine(configs, here)
    return f"{report(examinations)}\n{install_line(examinations, everything=everything)}\n"


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_command(parser.add_subparsers())
    options = parser.parse_args(["doctor", *arguments])
    status: int = options.run(options)
    return status


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own tools and trees out of it."""
    monkeypatch.delenv("KUNIT_TREE", raising=False)
    monkeypatch.setenv("PAGECONSISTENCY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(make_fake_tools(tmp_path / "bin")))
    monkeypatch.setattr(doctor, "ARCHIVES", tmp_path / "archives")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of User Mode Linux and of an emulated architecture that lacks its emulator."""
    path = make_fake_tree(tmp_path / "linux")
    config = path / QEMU_CONFIGS / "brandnew.py"
    config.parent.mkdir(parents=True)
    config.write_text("QEMU_ARCH = QemuArchParams(linux_arch='new', qemu_arch='new')\n", "utf-8")
    return path


def test_a_machine_that_has_some(request: pytest.FixtureRequest) -> None:
    lacks = ("s390x-linux-gnu-gcc", "s390x-linux-gnu-ld", "qemu-system-alpha", "gelf.h")
    opensbi = "/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin"
    check_golden(request, "doctor.txt", text(CONFIGS, machine(*lacks, opensbi)))


def test_a_machine_that_lacks_what_all_need(request: pytest.FixtureRequest) -> None:
    here = machine("flex", "bison", "stdio.h", "gcc")
    check_golden(request, "doctor.general.txt", text(CONFIGS, here))


def test_no_tree(request: pytest.FixtureRequest) -> None:
    configs: dict[str, QemuConfig | None] = dict.fromkeys(("um", "riscv", "brandnew"))
    here = machine("riscv64-linux-gnu-gcc", "flex")
    few = text(configs, here, everything=False)
    check_golden(request, "doctor.no-tree.txt", few + "\n" + text(configs, here))


def test_nothing_to_install() -> None:
    assert install_line(examine({"um": CONFIGS["um"]}, machine()), everything=True) == ""


def test_the_trees_own_architectures(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--kunit-tree", str(tree)) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"Linux 6.12.1 in {tree}\n\narchitecture ")
    assert [line.split()[:2] for line in printed.splitlines()[3:5]] == [
        ["um", "ready"],
        ["brandnew", "missing"],
    ]
    assert printed.endswith("  apt-get install --no-install-recommends qemu-system-new\n")


@pytest.mark.parametrize(
    ("names", "status"),
    [(["um"], 0), (["um", "um"], 0), (["brandnew"], 1), (["um", "brandnew"], 1)],
)
def test_status_of_those_named(
    names: list[str], status: int, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--kunit-tree", str(tree), *names) == status
    table = capsys.readouterr().out.splitlines()[3:]
    assert [line.split()[0] for line in table[: len(set(names))]] == list(dict.fromkeys(names))


def test_the_tree_of_the_environment(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUNIT_TREE", str(tree))
    assert run("um") == 0
    assert f"in {tree}\n" in capsys.readouterr().out


def test_an_architecture_that_the_tree_does_not_have(tree: Path) -> None:
    with pytest.raises(TargetError, match="no architecture 'foo': it has brandnew, um") as caught:
        run("--kunit-tree", str(tree), "foo")
    assert caught.value.verdict.kind is Kind.CONFIG_ERROR


def test_a_tree_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="there is no kernel tree at"):
        run("--kunit-tree", str(tmp_path / "nowhere"))


def test_without_a_tree_all_that_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    printed = capsys.readouterr().out
    assert printed.startswith("There is no kernel tree: install one,")
    named = [line.split()[0] for line in printed.splitlines() if " no tree " in line]
    assert named == described_architectures()
    assert printed.endswith("  apt-get install --no-install-recommends linux-source\n")
    assert run("um") == 1


def test_an_archive_is_unpacked_with_progress_on_stderr(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("PAGECONSISTENCY_CACHE", str(tmp_path / "cache"))
    archive = tmp_path / "linux.tar"
    with tarfile.open(archive, "w") as opened:
        opened.add(tree, "linux-6.12.1")
    assert run("--kunit-tree", str(archive)) == 0
    printed = capsys.readouterr()
    assert "unpacking linux.tar ..." in printed.err
    assert printed.out.startswith("Linux 6.12.1 in ")
