# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest
from fake_kernel import make_fake_tree
from filelock import FileLock

from pytest_pageconsistency.kernel.process import Completed
from pytest_pageconsistency.kernel.tree import Tree, find_tree, tree_identity
from pytest_pageconsistency.progress import SilentProgress
from pytest_pageconsistency.verdict import Kind, TargetError

QUIET = SilentProgress()


def pack(tree: Path, archive: Path) -> Path:
    archive.parent.mkdir(parents=True, exist_ok=True)
    argv = ["tar", "--auto-compress", "--create", "--file", str(archive)]
    subprocess.run([*argv, "--directory", str(tree.parent), tree.name], check=True)
    return archive


def refused(source: str | None, tmp_path: Path) -> TargetError:
    with pytest.raises(TargetError) as caught:
        find_tree(source, tmp_path / "cache", QUIET, archives=tmp_path / "src")
    return caught.value


def listing(cache: Path) -> list[str]:
    return sorted(p.name for p in (cache / "trees").iterdir() if p.suffix != ".lock")


def test_a_directory(tmp_path: Path) -> None:
    tree = make_fake_tree(tmp_path / "linux", version="6.12.117")
    assert find_tree(str(tree), tmp_path / "cache", QUIET) == Tree(tree, "6.12.117")
    assert not (tmp_path / "cache").exists()


def test_a_relative_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = make_fake_tree(tmp_path / "linux")
    monkeypatch.chdir(tmp_path)
    assert find_tree("linux", tmp_path / "cache", QUIET).path == tree


def test_extraversion_is_part_of_the_version(tmp_path: Path) -> None:
    tree = make_fake_tree(tmp_path / "linux", version="7.2.0")
    makefile = tree / "Makefile"
    makefile.write_text(makefile.read_text().replace("EXTRAVERSION =", "EXTRAVERSION = -rc3"))
    assert find_tree(str(tree), tmp_path, QUIET).version == "7.2.0-rc3"


@pytest.mark.parametrize("suffix", ["xz", "gz"])
def test_an_archive_is_unpacked_once(tmp_path: Path, suffix: str) -> None:
    packed = pack(make_fake_tree(tmp_path / "linux"), tmp_path / f"a.tar.{suffix}")
    tree = find_tree(str(packed), tmp_path / "cache", QUIET)
    (tree.path / "mark").touch()

    again = find_tree(str(packed), tmp_path / "cache", QUIET)

    assert again == tree
    assert (again.path / "mark").exists()
    assert again.version == "6.12.1"


def test_a_changed_archive_is_unpacked_again(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.xz"
    pack(make_fake_tree(tmp_path / "linux", version="6.1.1"), archive)
    old = find_tree(str(archive), tmp_path / "cache", QUIET)
    pack(make_fake_tree(tmp_path / "linux", version="6.1.22"), archive)
    new = find_tree(str(archive), tmp_path / "cache", QUIET)
    assert (old.version, new.version) == ("6.1.1", "6.1.22")


def test_the_newest_archive_is_the_default(tmp_path: Path) -> None:
    for version in ("6.1", "6.12", "6.9"):
        tree = make_fake_tree(tmp_path / "linux", version=f"{version}.0")
        pack(tree, tmp_path / f"src/linux-source-{version}.tar.xz")
    found = find_tree(None, tmp_path / "cache", QUIET, archives=tmp_path / "src")
    assert found.version == "6.12.0"


def test_no_tree_at_all(tmp_path: Path) -> None:
    verdict = refused(None, tmp_path).verdict
    assert verdict.kind is Kind.CONFIG_ERROR
    assert "apt-get install linux-source" in verdict.message
    assert "--kunit-tree" in verdict.message


def test_a_missing_path(tmp_path: Path) -> None:
    assert (
        "there is no kernel tree at" in refused(str(tmp_path / "absent"), tmp_path).verdict.message
    )


def test_a_directory_that_is_no_kernel_tree(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("all:\n")
    assert "is not a kernel tree" in refused(str(tmp_path), tmp_path).verdict.message


def test_a_file_that_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert "nor a .tar archive" in refused(str(tmp_path / "notes.txt"), tmp_path).verdict.message


def test_a_tree_older_than_kunit(tmp_path: Path) -> None:
    tree = make_fake_tree(tmp_path / "linux", version="4.19.1")
    (tree / "tools/testing/kunit/kunit.py").unlink()
    message = refused(str(tree), tmp_path).verdict.message
    assert "is Linux 4.19.1, too old for KUnit" in message


def test_a_cut_archive_leaves_nothing(tmp_path: Path) -> None:
    archive = pack(make_fake_tree(tmp_path / "linux"), tmp_path / "a.tar.xz")
    archive.write_bytes(archive.read_bytes()[:-200])
    verdict = refused(str(archive), tmp_path).verdict
    assert verdict.kind is Kind.CONFIG_ERROR
    assert "is cut short or damaged" in verdict.message
    assert verdict.details
    assert listing(tmp_path / "cache") == []


def test_an_archive_with_two_directories(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_fake_tree(tmp_path / "top" / name)
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("one", "two"):
            tar.add(tmp_path / "top" / name, name)
    assert "exactly one directory" in refused(str(archive), tmp_path).verdict.message
    assert listing(tmp_path / "cache") == []


def test_an_archive_that_leaves_its_directory(tmp_path: Path) -> None:
    tree = make_fake_tree(tmp_path / "linux")
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tree, "linux")
        tar.add(tree / "Makefile", "linux/../../escaped")
    message = refused(str(archive), tmp_path).verdict.message
    assert "outside its own directory" in message
    assert not list(tmp_path.rglob("escaped"))
    assert listing(tmp_path / "cache") == []


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*argv: object, **_keywords: object) -> Completed:
        output = "tar: linux/Makefile: Cannot write: No space left on device\n"
        return Completed((str(argv),), 2, output, False, False, 0.1)

    monkeypatch.setattr("pytest_pageconsistency.kernel.tree.run", full)
    archive = pack(make_fake_tree(tmp_path / "linux"), tmp_path / "a.tar.xz")
    verdict = refused(str(archive), tmp_path).verdict
    assert verdict.kind is Kind.CONFIG_ERROR
    assert verdict.message == f"the disk is full: make room in {tmp_path / 'cache/trees'}"
    assert listing(tmp_path / "cache") == []


@pytest.mark.parametrize(("missing", "package"), [("xz", "xz-utils"), ("tar", "tar")])
def test_a_missing_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, package: str
) -> None:
    monkeypatch.setattr("shutil.which", lambda tool: None if tool == missing else f"/bin/{tool}")
    archive = pack(make_fake_tree(tmp_path / "linux"), tmp_path / "a.tar.xz")
    verdict = refused(str(archive), tmp_path).verdict
    assert verdict.kind is Kind.TOOL_MISSING
    assert verdict.message == f"{missing} is missing; install it with: apt-get install {package}"


def test_what_a_killed_session_left_is_replaced(tmp_path: Path) -> None:
    archive = pack(make_fake_tree(tmp_path / "linux"), tmp_path / "a.tar.xz")
    tree = find_tree(str(archive), tmp_path / "cache", QUIET)
    place = tree.path.parent
    place.rename(place.with_name(f"{place.name}.partial"))
    assert find_tree(str(archive), tmp_path / "cache", QUIET) == tree
    assert listing(tmp_path / "cache") == [place.name]


def test_another_session_that_unpacks_is_waited_for(tmp_path: Path) -> None:
    archive = pack(make_fake_tree(tmp_path / "linux"), tmp_path / "a.tar.xz")
    tree = find_tree(str(archive), tmp_path / "cache", QUIET)
    held = FileLock(f"{tree.path.parent}.lock")
    notes: list[str] = []

    class Waiting(SilentProgress):
        def note(self, text: str) -> None:
            notes.append(text)
            held.release()

    held.acquire()
    assert find_tree(str(archive), tmp_path / "cache", Waiting()) == tree
    assert notes == [f"waiting for another session that uses {tmp_path / 'cache/trees'}"]


def test_a_cache_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    archive = pack(make_fake_tree(tmp_path / "linux"), tmp_path / "a.tar.xz")
    assert "a file is in the way of" in refused(str(archive), tmp_path).verdict.message


def git(tree: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(tree), *arguments], check=True, capture_output=True)


def test_identity_of_a_plain_tree(tmp_path: Path) -> None:
    tree = make_fake_tree(tmp_path / "linux")
    assert tree_identity(Tree(tree, "6.12.1")) == {"path": str(tree), "version": "6.12.1"}


def test_identity_of_a_checkout(tmp_path: Path) -> None:
    tree = Tree(make_fake_tree(tmp_path / "linux"), "6.12.1")
    git(tree.path, "init")
    git(tree.path, "add", ".")
    git(tree.path, "commit", "-m", "x")
    clean = tree_identity(tree)
    (tree.path / "mm/slab.c").write_text("int edited;\n")
    edited = tree_identity(tree)

    assert len(str(clean["commit"])) == 40
    assert clean["edited"] is False
    assert edited == clean | {"edited": True}


def test_identity_of_a_checkout_writes_nothing(tmp_path: Path) -> None:
    tree = Tree(make_fake_tree(tmp_path / "linux"), "6.12.1")
    git(tree.path, "init")
    git(tree.path, "add", ".")
    git(tree.path, "commit", "-m", "x")
    # A touched file makes a plain `git status` refresh the index.
    (tree.path / "mm/slab.c").touch()
    before = (tree.path / ".git/index").stat()
    tree_identity(tree)
    assert (tree.path / ".git/index").stat().st_mtime_ns == before.st_mtime_ns


def test_a_tree_inside_another_repository_has_no_commit(tmp_path: Path) -> None:
    git(tmp_path, "init")
    tree = Tree(make_fake_tree(tmp_path / "linux"), "6.12.1")
    assert set(tree_identity(tree)) == {"path", "version"}
