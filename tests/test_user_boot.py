# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_pageconsistency.kernel.place import Place
from pytest_pageconsistency.kernel.qemu_configs import QemuConfig
from pytest_pageconsistency.kernel.user_boot import UserBoot, boot_user_space, image_path
from pytest_pageconsistency.kernel.variants import Built
from pytest_pageconsistency.progress import SilentProgress
from pytest_pageconsistency.verdict import Kind, TargetError

UM = QemuConfig("um", "um", None, None)
QEMU = QemuConfig(
    "some",
    "some",
    "qemu-system-some",
    Path("some.py"),
    kernel_path="boot/Image",
    kernel_command_line="console=ttyS0",
    extra_qemu_params=("-M", "virt"),
)
BOOT = UserBoot(b"program", ("healthy",), 20, ("-smp", "2"), ("quiet",))


def made(tmp_path: Path, image: str, text: str) -> Built:
    """A place whose "kernel" is a shell script."""
    place = Place(tmp_path / "aside")
    path = place.build / image
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return Built(place, tmp_path / "build", "marker")


def test_user_mode_linux_gets_its_archive_and_arguments(tmp_path: Path) -> None:
    built = made(tmp_path, "linux", 'printf "%s\\n" "$@"')
    done = boot_user_space(UM, built, BOOT, SilentProgress())
    archive = built.place.root / "initrd"
    assert b"program" in archive.read_bytes()
    words = done.output.splitlines()
    assert f"initrd={archive}" in words
    assert f"uml_dir={built.place.uml}/" in words
    # What stands after the dashes is for the program.
    assert words[words.index("--") :] == ["--", "healthy", "power-off"]
    assert words.index("quiet") < words.index("--")


def test_qemu_gets_what_the_tree_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = made(tmp_path, "boot/Image", "")
    emulator = tmp_path / "bin/qemu-system-some"
    emulator.parent.mkdir()
    emulator.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    emulator.chmod(0o755)
    monkeypatch.setenv("PATH", f"{emulator.parent}:/usr/bin:/bin")
    words = boot_user_space(QEMU, built, BOOT, SilentProgress()).output.splitlines()
    assert words[words.index("-kernel") + 1] == str(built.place.build / "boot/Image")
    assert words[words.index("-initrd") + 1] == str(built.place.root / "initrd")
    line = words[words.index("-append") + 1]
    assert line == "panic=-1 console=ttyS0 quiet -- healthy restart"
    assert words[-4:] == ["-M", "virt", "-smp", "2"]
    assert "-no-reboot" in words


def test_a_kernel_that_hangs_is_stopped(tmp_path: Path) -> None:
    built = made(tmp_path, "linux", "echo begun; sleep 60")
    done = boot_user_space(UM, built, replace(BOOT, timeout=0.3), SilentProgress())
    assert done.timed_out
    assert done.output == "begun\n"


def test_a_kernel_that_floods_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_pageconsistency.kernel.user_boot.OUTPUT_LIMIT", 10_000)
    built = made(tmp_path, "linux", "while :; do echo flood; done")
    done = boot_user_space(UM, built, BOOT, SilentProgress())
    assert done.overflowed
    assert len(done.output) <= 10_000


@pytest.mark.parametrize("field", ["kernel_command_line", "extra_qemu_params", "kernel_path"])
def test_a_tree_that_computes_how_it_boots(tmp_path: Path, field: str) -> None:
    built = made(tmp_path, "boot/Image", "")
    qemu = replace(QEMU, **{field: None})
    with pytest.raises(TargetError) as caught:
        boot_user_space(qemu, built, BOOT, SilentProgress())
    assert caught.value.verdict.kind is Kind.CONFIG_ERROR
    assert "some.py computes how some boots" in caught.value.verdict.message


def test_where_the_image_is() -> None:
    assert image_path(UM) == "linux"
    assert image_path(QEMU) == "boot/Image"
