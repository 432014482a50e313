# SPDX-License-Identifier: GPL-2.0-only
"""Generated and exported C in a tree that has a dual-bitmap series applied, KUnit suite and all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from programs import UM, checker_program, programs
from recorded import put_cases

from pytest_pageconsistency.generate import SUITE_NAME, export_suite, make_suite
from pytest_pageconsistency.generate.export import EXPORT_NAME
from pytest_pageconsistency.kernel.environment import clean_environment
from pytest_pageconsistency.kernel.series import series_files
from pytest_pageconsistency.kernel.tree import Tree, find_tree
from pytest_pageconsistency.progress import SilentProgress
from pytest_pageconsistency.resources import kunit_directory

pytestmark = pytest.mark.kernel

SERIES_OPTION = "CONFIG_DEBUG_PAGE_CONSISTENCY_KUNIT_TEST"
EXPORT_OPTION = f"CONFIG_{EXPORT_NAME.upper()}_KUNIT_TEST"

SERIES_SUITE = """\
// SPDX-License-Identifier: GPL-2.0-only
#include <kunit/test.h>
#include <linux/dual_bitmap.h>

static void dual_bitmap_test_nothing(struct kunit *test)
{
}

static struct kunit_case dual_bitmap_cases[] = {
	KUNIT_CASE(dual_bitmap_test_nothing),
	{}
};

static struct kunit_suite dual_bitmap_suite = {
	.name = "dual_bitmap",
	.test_cases = dual_bitmap_cases,
};

kunit_test_suite(dual_bitmap_suite);
"""


@pytest.fixture(scope="module")
def tree(kernel_cache: Path) -> Tree:
    """The default kernel source."""
    return find_tree(os.environ.get("KUNIT_TREE"), kernel_cache, SilentProgress())


@pytest.fixture(scope="module")
def series_tree(tree: Tree, kernel_cache: Path) -> Path:
    """A tree of links to the source, with the series, its suite, and our exported suite."""
    place = kernel_cache / f"series-{tree.version}"
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run(["cp", "-as", f"{tree.path}/.", place], check=True)
    header = (kunit_directory() / "include/linux/dual_bitmap.h").read_text()
    series = series_files(tree.path, kunit_directory())
    files = {
        **{name: content.decode() for name, content in series.items()},
        "include/linux/dual_bitmap.h": f"{header}/* from the series */\n",
        "mm/dual_bitmap_kunit.c": SERIES_SUITE,
        **{f"mm/{EXPORT_NAME}/{name}": t for name, t in export_suite(programs(), UM).items()},
    }
    files["mm/Makefile"] += (
        f"obj-$({SERIES_OPTION}) += dual_bitmap_kunit.o\nobj-$({EXPORT_OPTION}) += {EXPORT_NAME}/\n"
    )
    files["mm/Kconfig.debug"] += (
        f"config {SERIES_OPTION.removeprefix('CONFIG_')}\n"
        '\ttristate "series" if !KUNIT_ALL_TESTS\n'
        "\tdepends on KUNIT\n\tdefault KUNIT_ALL_TESTS\n"
        f'source "mm/{EXPORT_NAME}/Kconfig"\n'
    )
    for name, text in files.items():
        path = place / name
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
    # kunit.py looks for the tree from its own real path.
    tools = place / "tools/testing/kunit"
    shutil.rmtree(tools)
    shutil.copytree(tree.path / "tools/testing/kunit", tools)
    return place


def c_files(directory: Path) -> list[Path]:
    """Everything in C that we write or generate, in `directory`."""
    suite = make_suite([*programs(), checker_program()], UM, {})
    files = {**suite.files, "dual_bitmap.h": b""}
    header = kunit_directory() / "include/linux/dual_bitmap.h"
    files["dual_bitmap.h"] = header.read_bytes()
    files[f"{EXPORT_NAME}_kunit.c"] = export_suite(programs(), UM)[
        f"{EXPORT_NAME}_kunit.c"
    ].encode()
    written = []
    for name, content in files.items():
        if name.endswith((".c", ".h")):
            (directory / name).write_bytes(content)
            written.append(directory / name)
    return written


def test_checkpatch_is_content(tree: Tree, tmp_path: Path) -> None:
    files = c_files(tmp_path)
    command = ["perl", str(tree.path / "scripts/checkpatch.pl"), "--strict", "--no-tree", "-f"]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("total: 0 errors, 0 warnings, 0 checks") == len(files)


def test_ours_beside_a_series(
    pytester: pytest.Pytester, series_tree: Path, kernel_cache: Path
) -> None:
    """The tree's header is under test, and its own suite does not get in the way."""
    put_cases(pytester)
    pytester.makepyfile(
        test_checker="""
        def test_a_double_alloc(page_consistency):
            page_consistency.boot(256, 356, panic=True)
            page_consistency.alloc(300)
            assert page_consistency.alloc(300).panics
        """
    )
    artifacts = pytester.path / "artifacts"
    result = pytester.runpytest_subprocess(
        f"--kunit-tree={series_tree}",
        f"--kunit-cache={kernel_cache}",
        f"--kunit-artifacts={artifacts}",
        f"--kunit-kconfig={SERIES_OPTION}=y",
        # The kernel has the checker's symbols, too: those of the suite are others.
        "--kunit-kconfig=CONFIG_DEBUG_PAGE_CONSISTENCY=y",
        f"--kunit-kconfig={EXPORT_OPTION}=y",
    )
    result.assert_outcomes(passed=5)
    assert (artifacts / "um/result.json").read_text().count('"origin": "tree"') == 2
    warnings_of_w1(pytester, artifacts)
    run_exported(artifacts)


def warnings_of_w1(pytester: pytest.Pytester, artifacts: Path) -> None:
    """Compile the generated and the exported suite with W=1: not a word."""
    shadow, build = places(artifacts)
    for directory in (f"mm/{SUITE_NAME}/", f"mm/{EXPORT_NAME}/"):
        done = subprocess.run(
            ["make", "-C", shadow, "ARCH=um", f"O={build}", "W=1", directory],
            capture_output=True,
            text=True,
            check=False,
            env=clean_environment(os.environ),
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert "  CC " in done.stdout, "nothing was compiled"


def run_exported(artifacts: Path) -> None:
    """Build and run the exported suite through kunit.py alone, without ours."""
    shadow, build = places(artifacts)
    kunitconfig = artifacts / "exported.config"
    lean = (artifacts / "um/kunitconfig").read_text()
    ours = "CONFIG_PAGECONSISTENCY_KUNIT_TEST=y"
    assert ours in lean
    kunitconfig.write_text(lean.replace(ours, f"{EXPORT_OPTION}=y"))
    done = subprocess.run(
        [
            sys.executable, shadow / "tools/testing/kunit/kunit.py", "run",
            f"--build_dir={build}", f"--kunitconfig={kunitconfig}", EXPORT_NAME,
        ],
        capture_output=True, text=True, check=False, timeout=600, stdin=subprocess.DEVNULL,
        env=clean_environment(os.environ),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Testing complete. Ran {len(programs())} tests: passed: 2" in done.stdout
    assert ours not in (build / ".config").read_text()


def places(artifacts: Path) -> tuple[Path, Path]:
    """Shadow tree and build directory of the last run."""
    text = (artifacts / "um/result.json").read_text()
    build = next(
        line.partition("--build_dir=")[2].rstrip('",')
        for line in text.splitlines()
        if "--build_dir=" in line
    )
    return Path(build).parent / "shadow", Path(build)
