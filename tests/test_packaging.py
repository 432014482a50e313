# SPDX-License-Identifier: GPL-2.0-only
"""What is installed: a wheel and a checkout both find templates and kernel-side sources."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pytest_pageconsistency.resources import kunit_directory, templates_directory

ROOT = Path(__file__).parent.parent

SHOW = """
from pytest_pageconsistency.architecture import described_architectures, read_architecture
assert "um" in described_architectures() and read_architecture("um").kconfig
from pytest_pageconsistency.generate.suite import runtime_files
from pytest_pageconsistency.resources import kunit_directory, templates_directory
print(templates_directory() / "suite.c.j2", kunit_directory(), sorted(runtime_files())[0])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel."""
    place = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place],
        check=True,
        cwd=ROOT,
        capture_output=True,
    )
    (archive,) = place.glob("*.whl")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(place / "unpacked")
    return place / "unpacked"


def files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_the_wheel_holds_what_the_checkout_has(wheel: Path) -> None:
    package = wheel / "pytest_pageconsistency"
    assert files(package / "templates") == files(templates_directory())
    assert files(package / "kunit") == files(kunit_directory())
    assert {"mm/page_consistency.c", "series/messages/1.txt"} <= files(package / "kunit")
    architectures = files(ROOT / "pytest_pageconsistency/architectures")
    assert "um.toml" in architectures
    assert files(package / "architectures") == architectures
    assert (package / "conformance/__init__.py").is_file()


def test_an_installed_package_finds_its_own(wheel: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", SHOW],
        check=True,
        capture_output=True,
        text=True,
        cwd=wheel,
        env={"PYTHONPATH": str(wheel), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    template, kunit, first = done.stdout.split()
    assert Path(template).is_file()
    assert Path(template).is_relative_to(wheel)
    assert Path(kunit).is_relative_to(wheel)
    assert first == "Kconfig"


def test_the_plugin_is_registered(wheel: Path) -> None:
    (entry_points,) = wheel.glob("*.dist-info/entry_points.txt")
    assert "pageconsistency = pytest_pageconsistency.plugin" in entry_points.read_text()


def test_the_command_is_installed(wheel: Path) -> None:
    (entry_points,) = wheel.glob("*.dist-info/entry_points.txt")
    assert "pageconsistency = pytest_pageconsistency.cli:main" in entry_points.read_text()


def test_the_licence_is_gpl_2(wheel: Path) -> None:
    (metadata,) = wheel.glob("*.dist-info/METADATA")
    assert "License-Expression: GPL-2.0-only" in metadata.read_text()
