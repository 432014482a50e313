# SPDX-License-Identifier: GPL-2.0-only
"""Programs in, judged cases out: generate, build, boot, parse and cross-check one target."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_pageconsistency.architecture import read_architecture
from pytest_pageconsistency.built_suite import remember_suite, reuse_suite
from pytest_pageconsistency.cases import Program
from pytest_pageconsistency.configuration import find_configuration
from pytest_pageconsistency.cores import Cores
from pytest_pageconsistency.crosscheck import Boot, CaseResult, cross_check
from pytest_pageconsistency.generate import SUITE_NAME, Suite, make_suite
from pytest_pageconsistency.identity import identity_of
from pytest_pageconsistency.kernel.boot import BootOptions
from pytest_pageconsistency.kernel.kunit import KernelRequest, KernelRun, run_kernel
from pytest_pageconsistency.kernel.place import place_of
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.progress import Progress
from pytest_pageconsistency.settings import Settings
from pytest_pageconsistency.target import Target
from pytest_pageconsistency.under_test import (
    CheckerUnderTest,
    UnderTest,
    find_checker,
    find_header,
)
from pytest_pageconsistency.verdict import Kind, TargetError

_ANNOTATED_CASES = 10
"""Cases whose traces get names; each takes some 0.3 s, and a broken kernel complains in all."""


@dataclass(frozen=True, repr=False)
class Plan:
    """What is to be built and booted for a target, and why."""

    target: Target
    header: UnderTest
    checker: CheckerUnderTest
    suite: Suite
    request: KernelRequest
    identity: Mapping[str, str]
    """What the kernel is built from beside the suite."""
    reused: bool
    """Whether the suite is one that the place was built with before."""


@dataclass(frozen=True, repr=False)
class TargetResult:
    """Everything about one build and boot; `results` has the pytest ids as keys."""

    target: Target
    tree: Tree
    header: UnderTest
    checker: CheckerUnderTest
    suite: Suite
    run: KernelRun
    results: Mapping[str, CaseResult]


def make_plan(
    programs: Sequence[Program], target: Target, settings: Settings, progress: Progress
) -> Plan:
    """Put all programs into one suite for a kernel of `target`.

    TargetError: CASE_ERROR for programs that would prove nothing, and as `find_configuration`.
    """
    check_programs(programs, target)
    configuration = find_configuration(target.arch, settings, progress)
    header = find_header(configuration.tree, settings.header)
    checker = find_checker(configuration.tree, settings.checker)
    identity = identity_of(configuration, header, checker)
    place = place_of(configuration)
    architecture = read_architecture(target.arch)
    reused = reuse_suite(place, programs, identity, architecture.command_line_room)
    suite = reused.suite if reused else make_suite(programs, target, identity)
    chosen = (f"{SUITE_NAME}={reused.selection}",) if reused and reused.selection else ()
    request = KernelRequest(
        configuration=configuration,
        suite=suite.files,
        header=header.content,
        changed=checker.files,
        options=BootOptions(
            SUITE_NAME, settings.timeout, settings.qemu_args, kernel_arguments=chosen
        ),
        abi=target.abi,
        machine=architecture.elf_machine or None,
        functions=suite.functions,
    )
    return Plan(target, header, checker, suite, request, identity, reused is not None)


def carry_out(plan: Plan, cores: Cores, progress: Progress, turn: int = 0) -> KernelRun:
    """Build and boot what was planned; as `run_kernel`."""
    run = run_kernel(plan.request, cores, progress, turn)
    if not plan.reused:
        # Nobody needs it but for speed.
        with contextlib.suppress(OSError):
            remember_suite(place_of(plan.request.configuration), plan.suite)
    return run


def judge(plan: Plan, run: KernelRun) -> TargetResult:
    """Cross-check what the kernel was observed to do with the oracle."""
    results = cross_check(plan.suite, Boot(run.console, run.timed_out, run.overflowed))
    complaints = [
        case_id
        for case_id, result in results.items()
        if result.verdict.kind in (Kind.CRASH, Kind.KERNEL_FAILURE)
    ]
    if complaints:
        from pytest_pageconsistency.kernel.trace import annotate  # loads pyelftools
    for case_id in complaints[:_ANNOTATED_CASES]:
        console = tuple(annotate(run.image, results[case_id].console))
        results[case_id] = replace(results[case_id], console=console)
    tree = plan.request.configuration.tree
    return TargetResult(plan.target, tree, plan.header, plan.checker, plan.suite, run, results)


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
