# SPDX-License-Identifier: GPL-2.0-only
"""Programs in, judged cases out: generate, build, boot, parse and cross-check one target."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_pageconsistency.cases import Program
from pytest_pageconsistency.crosscheck import Boot, CaseResult, cross_check
from pytest_pageconsistency.generate import SUITE_NAME, Suite, make_suite
from pytest_pageconsistency.kernel.kunit import KernelRequest, KernelRun, run_kernel
from pytest_pageconsistency.kernel.shadow import HEADER
from pytest_pageconsistency.kernel.tree import Tree, find_tree
from pytest_pageconsistency.progress import Progress
from pytest_pageconsistency.resources import kunit_directory
from pytest_pageconsistency.target import Target
from pytest_pageconsistency.verdict import Kind, TargetError


@dataclass(frozen=True)
class Settings:
    """What the user chose; paths are absolute, `timeout` is a boot's in seconds.

    `tree` is a directory or an archive, None for the newest Debian source; `header` replaces the
    header under test.
    """

    tree: str | None
    header: Path | None
    kconfig: tuple[str, ...]
    make_options: tuple[str, ...]
    jobs: int
    timeout: float
    cache: Path


@dataclass(frozen=True)
class HeaderUnderTest:
    """The text of the header, and where it came from: "given", "tree" or "ours"."""

    origin: str
    path: Path
    content: bytes

    @property
    def sha256(self) -> str:
        """Identifies the content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, repr=False)
class TargetResult:
    """Everything about one build and boot; `results` has the pytest ids as keys."""

    target: Target
    tree: Tree
    header: HeaderUnderTest
    suite: Suite
    kunitconfig: str
    run: KernelRun
    results: Mapping[str, CaseResult]


def run_programs(
    programs: Sequence[Program], target: Target, settings: Settings, progress: Progress
) -> TargetResult:
    """Let a kernel for `target` take the steps of all programs, in one suite and one boot.

    Raises TargetError where it does not come to a boot; what the kernel did is in the results.
    """
    check_programs(programs, target)
    tree = find_tree(settings.tree, settings.cache, progress)
    header = find_header(tree, settings.header)
    kunitconfig = (kunit_directory() / "kunitconfig" / f"{target.arch}.config").read_text()
    identity = {
        "header": header.sha256,
        "kunitconfig": kunitconfig,
        "kconfig": "\n".join(settings.kconfig),
        "make": "\n".join(settings.make_options),
    }
    suite = make_suite(programs, target, identity)
    request = KernelRequest(
        tree=tree,
        arch=target.arch,
        suite=suite.files,
        header=header.content,
        kunitconfig=kunitconfig,
        kconfig=settings.kconfig,
        make_options=settings.make_options,
        jobs=settings.jobs,
        timeout=settings.timeout,
        cache=settings.cache,
        filter_glob=SUITE_NAME,
        image_must_define=suite.functions,
    )
    run = run_kernel(request, progress)
    _check_abi(target, run)
    results = cross_check(suite, Boot(run.console, run.timed_out, run.overflowed))
    return TargetResult(target, tree, header, suite, kunitconfig, run, results)


def check_programs(programs: Sequence[Program], target: Target) -> None:
    """TargetError (CASE_ERROR) for programs whose run would prove nothing, or something else."""
    if not programs:
        raise TargetError(Kind.CASE_ERROR, "there are no programs to run")
    if len({program.case_id for program in programs}) < len(programs):
        raise TargetError(Kind.CASE_ERROR, "two programs have the same id")
    for program in programs:
        if not program.steps:
            raise TargetError(Kind.CASE_ERROR, f"{program.case_id} has no steps")
        if program.abi != target.abi:
            raise TargetError(
                Kind.CASE_ERROR, f"{program.case_id} was recorded for another ABI: {program.abi}"
            )


def find_header(tree: Tree, given: Path | None) -> HeaderUnderTest:
    """The header under test: the one that was given, else the tree's, else ours."""
    if given is not None:
        try:
            return HeaderUnderTest("given", given, given.read_bytes())
        except OSError as error:
            message = f"cannot read the header {given}: {error.strerror}"
            raise TargetError(Kind.CONFIG_ERROR, message) from error
    path = tree.path / HEADER
    if path.is_file():
        return HeaderUnderTest("tree", path, path.read_bytes())
    path = kunit_directory() / HEADER
    return HeaderUnderTest("ours", path, path.read_bytes())


def _check_abi(target: Target, run: KernelRun) -> None:
    """The oracle ran for one word width and byte order: the image must have them."""
    built = (run.elf.bits_per_long, run.elf.byteorder)
    if built != (target.bits_per_long, target.byteorder):
        raise TargetError(
            Kind.CONFIG_ERROR,
            f"the kernel built for {target.arch} has {built[0]}-bit words, {built[1]}-endian; "
            f"the oracle ran for {target.bits_per_long}-bit, {target.byteorder}-endian",
        )
