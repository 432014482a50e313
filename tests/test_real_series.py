# SPDX-License-Identifier: GPL-2.0-only
"""The checker's series on real trees: it applies, is what kunit/ gives, and builds cleanly."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from series_tree import KUNIT, apply_mails, linked_tree, put

from pytest_pageconsistency.architecture import read_architecture
from pytest_pageconsistency.kernel.process import Limits, run
from pytest_pageconsistency.kernel.series import (
    CHECKER,
    DUAL_BITMAP,
    HEADER,
    is_applied,
    series_files,
    series_steps,
)
from pytest_pageconsistency.kernel.tree import ARCHIVES, Tree, find_tree
from pytest_pageconsistency.progress import SilentProgress
from pytest_pageconsistency.series import series_mails

pytestmark = pytest.mark.kernel

VERSIONS = ("6.12", "6.1")
CHECKER_OBJECT = "mm/page_consistency.o"
HOOK_OBJECTS = ("mm/page_alloc.o", "mm/mm_init.o", "init/main.o")
OPTIONS = {
    "panic": "CONFIG_DEBUG_PAGE_CONSISTENCY=y\nCONFIG_DEBUG_PAGE_CONSISTENCY_PANIC=y\n",
    "warn": "CONFIG_DEBUG_PAGE_CONSISTENCY=y\n# CONFIG_DEBUG_PAGE_CONSISTENCY_PANIC is not set\n",
}
OPTIONS["conforming"] = OPTIONS["warn"] + "CONFIG_DEBUG_PAGE_CONSISTENCY_CONFORMING=y\n"
CONFIG = "CONFIG_EXPERT=y\nCONFIG_DEBUG_KERNEL=y\nCONFIG_PRINTK=y\nCONFIG_BUG=y\n"
ARCH_CONFIG = {"um": "CONFIG_64BIT=y\n", "x86_64": "CONFIG_SMP=y\n", "i386": "CONFIG_SMP=y\n"}


def source_tree(version: str, cache: Path) -> Tree:
    """Debian's source of this version, whose line numbers stand in the shipped patches."""
    source = ARCHIVES / f"linux-source-{version}.tar.xz"
    if not source.exists():
        pytest.skip(f"apt-get install linux-source-{version}")
    return find_tree(str(source), cache, SilentProgress())


@pytest.fixture(scope="module", params=VERSIONS)
def tree(request: pytest.FixtureRequest, kernel_cache: Path) -> Tree:
    return source_tree(request.param, kernel_cache)


def shipped(tree: Tree) -> Path:
    return KUNIT / "series" / ".".join(tree.version.split(".")[:2])


def without_positions(mail: bytes) -> bytes:
    """What remains the same from one stable release to the next."""
    return re.sub(rb"^(@@) -\d+,(\d+) \+\d+,(\d+) |^For Linux .*", rb"\1 \2 \3 ", mail, flags=re.M)


def test_the_shipped_patches_are_what_the_sources_give(tree: Tree) -> None:
    made = series_mails(tree, KUNIT)
    found = {path.name: path.read_bytes() for path in shipped(tree).iterdir()}
    if any(f"For Linux {tree.version}.\n".encode() not in mail for mail in found.values()):
        made = {name: without_positions(mail) for name, mail in made.items()}
        found = {name: without_positions(mail) for name, mail in found.items()}
    assert found == made, "make series"


def test_git_applies_the_shipped_patches(tree: Tree, tmp_path: Path) -> None:
    steps = series_steps(tree.path, KUNIT)
    expected = {path: content for step in steps for path, content in step.items()}
    touched = {
        path: (tree.path / path).read_bytes() for path in expected if (tree.path / path).exists()
    }
    repository = put(tmp_path, touched)
    apply_mails(repository, shipped(tree))
    found = {
        path.relative_to(repository).as_posix(): path.read_bytes()
        for path in repository.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
    assert found == expected
    assert is_applied(repository)


def test_checkpatch_is_content(tree: Tree, kernel_cache: Path) -> None:
    # The newer checkpatch knows more; the older one has a tree to look things up in.
    script = source_tree(VERSIONS[0], kernel_cache).path / "scripts/checkpatch.pl"
    patches = sorted(shipped(tree).iterdir())
    command = ["perl", str(script), "--strict", f"--root={tree.path}", *patches]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("total: 0 errors, 0 warnings, 0 checks") == len(patches) == 3


def test_kernel_doc_is_content(kernel_cache: Path) -> None:
    script = source_tree(VERSIONS[0], kernel_cache).path / "scripts/kernel-doc"
    files = [str(KUNIT / path) for path in (CHECKER, HEADER, DUAL_BITMAP)]
    command = ["perl", str(script), "-none", "-Wall", "-Werror", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@dataclass(frozen=True)
class Build:
    """A build directory, and the tree and the architecture that it is for."""

    tree: Path
    arch: str
    directory: Path

    def make(self, *targets: str) -> str:
        prefix = read_architecture(self.arch).cross_compile if self.arch != "um" else ""
        if prefix and not shutil.which(f"{prefix}gcc"):
            pytest.skip(f"apt-get install {read_architecture(self.arch).compiler_package}")
        done = run(
            [
                *("make", "-s", "-j2", "-C", str(self.tree), f"O={self.directory}"),
                *(f"ARCH={self.arch}", f"CROSS_COMPILE={prefix}", *targets),
            ]
        )
        assert done.returncode == 0, done.output
        return done.output

    def configure(self, options: str) -> list[str]:
        """Configure with `options` and little else; returns those that Kconfig dropped."""
        self.directory.mkdir(exist_ok=True)
        wanted = self.directory / "wanted.config"
        wanted.write_text(CONFIG + ARCH_CONFIG.get(self.arch, "") + options)
        self.make("allnoconfig", f"KCONFIG_ALLCONFIG={wanted}")
        config = (self.directory / ".config").read_text().splitlines()
        return [line for line in wanted.read_text().splitlines() if line not in config]

    def warnings(self, objects: Sequence[str]) -> set[str]:
        """What the compiler says with W=1, less the numbers of the lines."""
        for name in objects:
            (self.directory / name).unlink(missing_ok=True)
        output = self.make("W=1", *objects)
        lines = [line for line in output.splitlines() if re.search(r"(warning|error): ", line)]
        return {re.sub(r":\d+:\d+:", ":", line).replace(str(self.tree), "") for line in lines}

    def calls(self, objects: Sequence[str]) -> set[str]:
        """Which symbols of the checker the objects want from others."""
        command = ["nm", "--undefined-only", *(str(self.directory / name) for name in objects)]
        prefix = read_architecture(self.arch).cross_compile if self.arch != "um" else ""
        command[0] = prefix + command[0]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return set(re.findall(r"\w*page_consistency\w*", output))


HOOKED = {
    "__page_consistency_alloc",
    "__page_consistency_free",
    "page_consistency_enabled",
    "page_consistency_init",
}


@pytest.mark.parametrize(
    ("arch", "version", "options"),
    [
        ("um", "6.12", ("panic", "conforming")),
        ("um", "6.1", ("warn",)),
        ("i386", "6.12", ("panic",)),
        ("s390", "6.12", ("warn",)),
        *(
            pytest.param(arch, version, tuple(OPTIONS), marks=pytest.mark.matrix)
            for version in VERSIONS
            for arch in ("x86_64", "i386", "s390", "m68k")
        ),
    ],
)
def test_it_compiles_without_a_warning(
    tmp_path: Path, kernel_cache: Path, arch: str, version: str, options: tuple[str, ...]
) -> None:
    """With the option off and on; the tree's own warnings are those with it off."""
    source = source_tree(version, kernel_cache)
    files = series_files(source.path, KUNIT)
    build = Build(linked_tree(source.path, tmp_path / "linux", files), arch, tmp_path / "build")
    objects = [name for name in HOOK_OBJECTS if f"{name[:-1]}c" in files]
    assert build.configure("") == []
    known = build.warnings(objects)
    assert not [line for line in known if "page_consistency" in line]
    assert build.calls(objects) == set()
    for name in options:
        assert build.configure(OPTIONS[name]) == []
        assert build.warnings([*objects, CHECKER_OBJECT]) <= known
        assert build.calls(objects) == HOOKED


def test_memory_hotplug_switches_it_off(tmp_path: Path, kernel_cache: Path) -> None:
    """Kconfig says nothing of it."""
    source = source_tree(VERSIONS[0], kernel_cache)
    tree = linked_tree(source.path, tmp_path / "linux", series_files(source.path, KUNIT))
    build = Build(tree, "x86_64", tmp_path / "build")
    hotplug = "CONFIG_MEMORY_HOTPLUG=y\n"
    assert build.configure(OPTIONS["panic"]) == []
    assert build.configure(hotplug + OPTIONS["panic"]) == OPTIONS["panic"].splitlines()


@pytest.mark.matrix
@pytest.mark.parametrize("version", VERSIONS)
def test_a_kernel_boots_with_it(tmp_path: Path, kernel_cache: Path, version: str) -> None:
    """As far as there is no user space: tests of the live kernel go on from there."""
    source = source_tree(version, kernel_cache)
    files = series_files(source.path, KUNIT)
    build = Build(linked_tree(source.path, tmp_path / "linux", files), "um", tmp_path / "build")
    assert build.configure(OPTIONS["panic"]) == []
    build.make("vmlinux")
    kernel = [str(build.directory / "vmlinux"), "mem=64M"]
    console = run(kernel, limits=Limits(seconds=120)).output
    said = re.findall(r"^(?:\[.*\] )?page_consistency: (.*?)\r?$", console, re.M)
    assert re.fullmatch(r"PFN range \[0-(\d+)\), \1 bits, \d+ KB per bitmap", said[0])
    assert said[1:] == ["Initialized successfully, tracking enabled"]
    assert "WARNING: " not in console
    assert "No working init found" in console
