# SPDX-License-Identifier: GPL-2.0-only
"""The checker's patches as mails: git takes them, and those shipped are what kunit/ gives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fake_kernel import make_fake_tree
from golden import check_golden
from series_tree import KUNIT, TREE, apply_mails, git, put

from pytest_pageconsistency import cli
from pytest_pageconsistency.kernel.patch_mail import AUTHOR, Patch, mails
from pytest_pageconsistency.kernel.series import (
    CHECKER,
    DOCUMENT,
    DUAL_BITMAP,
    HEADER,
    KCONFIG_TEXT,
    series_steps,
)
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.series import series_mails

VERSIONS = ("6.1", "6.12")


def write(directory: Path, contents: dict[str, bytes]) -> Path:
    directory.mkdir()
    for name, content in contents.items():
        (directory / name).write_bytes(content)
    return directory


def added_lines(patches: str, path: str) -> str:
    """All that the patches add to a file."""
    diffs = re.findall(
        rf"^diff --git a/{re.escape(path)} b/.*\n((?:(?!diff --git |-- \n).*\n)*)", patches, re.M
    )
    lines = "".join(diffs).splitlines(keepends=True)
    return "".join(line[1:] for line in lines if re.match(r"\+(?!\+\+ )", line))


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_shipped_has_our_files(version: str) -> None:
    """The whole of it, compared on the tree it is for, is in test_real_series."""
    paths = sorted((KUNIT / "series" / version).iterdir())
    patches = "".join(path.read_text() for path in paths)
    for path in (DUAL_BITMAP, HEADER, CHECKER, DOCUMENT):
        assert added_lines(patches, path) == (KUNIT / path).read_text(), "make series"
    entries = added_lines(patches, "mm/Kconfig.debug")
    assert entries.strip() == (KUNIT / KCONFIG_TEXT).read_text().strip()
    hooks = added_lines(patches, "mm/page_alloc.c")
    assert [line.strip() for line in hooks.splitlines()] == [
        "#include <linux/page_consistency.h>",
        "page_consistency_free(page, order);",
        "page_consistency_free(page, order);",
        "page_consistency_alloc(page, order);",
    ]
    place = "init/main.c" if version == "6.1" else "mm/mm_init.c"
    assert "\tpage_consistency_init();\n" in added_lines(patches, place)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_shipped_has_our_words(version: str) -> None:
    paths = sorted((KUNIT / "series" / version).iterdir())
    messages = sorted((KUNIT / "series/messages").iterdir())
    assert len(paths) == len(messages)
    for number, (path, message) in enumerate(zip(paths, messages, strict=True), 1):
        subject, _, body = message.read_text().partition("\n")
        head = path.read_text().partition("\n---\n")[0]
        assert head.endswith(
            f"\nSubject: [PATCH {number}/3] {subject}\n\n{body.strip()}\n\nSigned-off-by: {AUTHOR}"
        )


def test_git_applies_them(tmp_path: Path) -> None:
    tree = Tree(put(tmp_path / "linux", TREE), "6.12.1")
    patches = write(tmp_path / "patches", series_mails(tree, KUNIT))
    repository = put(tmp_path / "git", TREE)
    apply_mails(repository, patches)
    for number, step in enumerate(series_steps(tree.path, KUNIT)):
        commit = f"HEAD~{2 - number}"
        names = git(repository, "show", "--format=", "--name-only", commit).split()
        assert sorted(names) == sorted(step)
        for path, content in step.items():
            assert git(repository, "show", f"{commit}:{path}").encode() == content
    assert git(repository, "status", "--porcelain") == ""


def test_a_mail(request: pytest.FixtureRequest) -> None:
    before = b"int f(void)\n{\n\n\n\n\treturn 0;\n}\n"
    after = before.replace(b"\treturn", b"\tg();\n\treturn")
    changes = {"lib/f.c": (before, after), "lib/g.c": (None, b"void g(void)\n{\n}\n")}
    patch = Patch("lib: call g()", "Because.\n", "For Linux 1.0.", changes)
    ((name, mail),) = mails([patch]).items()
    assert name == "0001-lib-call-g.patch"
    check_golden(request, "patch.txt", mail.decode())


@pytest.mark.parametrize(
    "before", [b"a\n\x0cb\nc\n", b"caf\xe9\nb\n", b"caf\xc3\xa9\n", b"a\nb", b"a\r\nb\n", b""]
)
def test_bytes_survive_git(tmp_path: Path, before: bytes) -> None:
    after = before + b"\nmore" if before else b"new\n"
    patch = Patch("one", "Why.", "", {"file": (before or None, after)})
    patches = write(tmp_path / "patches", mails([patch]))
    repository = put(tmp_path / "git", {"file": before} if before else {"other": b"x"})
    git(repository, "init", "--quiet")
    git(repository, "config", "am.keepcr", "true")
    apply_mails(repository, patches)
    assert (repository / "file").read_bytes() == after


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = put(make_fake_tree(tmp_path / "linux"), TREE)
    arguments = ["series", str(tmp_path / "out/patches"), f"--kunit-tree={tree}"]
    assert cli.main(arguments) == 0
    written = sorted((tmp_path / "out/patches").iterdir())
    assert capsys.readouterr().out == "".join(f"{path}\n" for path in written)
    expected = series_mails(Tree(tree, "6.12.1"), KUNIT)
    assert {path.name: path.read_bytes() for path in written} == expected


def test_the_command_on_a_tree_without_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = make_fake_tree(tmp_path / "linux")
    assert cli.main(["series", str(tmp_path / "out"), f"--kunit-tree={tree}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("pageconsistency: config error: the checker's series does not fit ")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
