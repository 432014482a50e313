# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that share a build directory, on the fake kernel: what is built again, what is not."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from fake_kernel import calls, make_fake_make
from test_incremental import settle
from test_kunit_runner import QUIET, request_for

from pytest_pageconsistency.cores import Cores
from pytest_pageconsistency.kernel.place import Configuration, Place, place_of
from pytest_pageconsistency.kernel.variants import Sources, Variant, held_variant
from pytest_pageconsistency.verdict import Kind, TargetError

ONE = Variant("one", "linux", "CONFIG_ONE=y\n")
TWO = Variant("two", "linux", "# CONFIG_ONE is not set\n")
SOURCES = Sources(
    suite={"Makefile": b"obj-y += suite.o\n", "Kconfig": b"config X\n", "suite.c": b"int a;\n"},
    changed={"mm/page_alloc.c": b"int hooked;\n"},
)


@pytest.fixture(autouse=True)
def _tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = make_fake_make(tmp_path / "tools")
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def base(tmp_path: Path) -> Configuration:
    configuration = request_for(tmp_path, cases=False).configuration
    # Make must do it all: User Mode Linux is linked without.
    settle(configuration.tree.path)
    return replace(configuration, arch="x86_64")


def steps(base: Configuration, variant: Variant, sources: Sources = SOURCES) -> list[str]:
    """What kunit.py is called for until the variant is there."""
    build = place_of(base).build
    before = len(calls(build)) if (build / "kunit-calls").exists() else 0
    with held_variant(base, variant, sources, Cores(2), QUIET) as built:
        assert (built.place.build / "linux").stat().st_size > 0
        assert variant.options in (built.place.build / ".config").read_text()
        assert built.build == build
    return [call[0] for call in calls(build)[before:]]


BUILT = ["config", "build"]


def test_each_is_built_once(base: Configuration) -> None:
    assert steps(base, ONE) == BUILT
    assert steps(base, TWO) == BUILT
    assert steps(base, ONE) == []
    assert steps(base, TWO) == []


def test_they_share_a_directory_and_each_keeps_its_own(base: Configuration) -> None:
    with held_variant(base, ONE, SOURCES, Cores(2), QUIET) as built:
        one = built.place
    with held_variant(base, TWO, SOURCES, Cores(2), QUIET) as built:
        two = built.place
    assert one.root != two.root
    assert (one.build / ".config").read_text() != (two.build / ".config").read_text()
    shadow = place_of(base).shadow
    assert (shadow / "mm/page_alloc.c").read_bytes() == b"int hooked;\n"


def test_an_edit_makes_both_anew(base: Configuration) -> None:
    for variant in (ONE, TWO):
        steps(base, variant)
    edited = replace(SOURCES, suite={**SOURCES.suite, "suite.c": b"int b;\n"})
    for variant in (ONE, TWO):
        assert steps(base, variant, edited) == BUILT
        assert steps(base, variant, edited) == []


def test_an_edit_of_the_tree_makes_both_anew(base: Configuration) -> None:
    for variant in (ONE, TWO):
        steps(base, variant)
    (base.tree.path / "Makefile").write_text("# edited\n")
    for variant in (ONE, TWO):
        assert steps(base, variant) == BUILT


def test_another_change_of_the_tree_makes_it_anew(base: Configuration) -> None:
    steps(base, ONE)
    hooked = replace(SOURCES, changed={"mm/page_alloc.c": b"int hooked_twice;\n"})
    assert steps(base, ONE, hooked) == BUILT


def test_other_options_of_the_same_name_make_it_anew(base: Configuration) -> None:
    steps(base, ONE)
    assert steps(base, replace(ONE, options="CONFIG_ONE=y\nCONFIG_MORE=y\n")) == BUILT


def test_a_kernel_that_was_not_put_aside_whole_is_built_anew(base: Configuration) -> None:
    steps(base, ONE)
    steps(base, TWO)
    aside = Place(place_of(base).root / "variants/one")
    aside.record.unlink()
    assert steps(base, ONE) == BUILT


def test_a_build_that_fails_leaves_no_old_kernel_behind(
    base: Configuration, tmp_path: Path
) -> None:
    steps(base, ONE)
    request_for(tmp_path, cases=False, build_stderr="mm/a.c:1:1: error: no", version="6.12.2")
    for _ in range(2):
        with pytest.raises(TargetError) as caught:
            steps(base, ONE)
        assert caught.value.verdict.kind in (Kind.TREE_ERROR, Kind.BUILD_ERROR)


def test_a_build_without_an_image_is_told(base: Configuration) -> None:
    with pytest.raises(TargetError) as caught:
        steps(base, replace(ONE, image="arch/none/Image"))
    assert caught.value.verdict.message.startswith("the build left no arch/none/Image: ")
