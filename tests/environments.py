# SPDX-License-Identifier: GPL-2.0-only
"""Artifacts of several architectures, as sessions leave them, made without a kernel."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from simulated import report_lines

from pytest_pageconsistency import summary
from pytest_pageconsistency.artifacts import failure_document, write_outcomes
from pytest_pageconsistency.case_document import CaseDocuments
from pytest_pageconsistency.cases import Program, Recorder, record
from pytest_pageconsistency.crosscheck import Boot, CaseResult, cross_check, expected_values
from pytest_pageconsistency.generate import SUITE_NAME, make_suite
from pytest_pageconsistency.oracle import Abi
from pytest_pageconsistency.schema import RESULT_SCHEMA
from pytest_pageconsistency.target import Target
from pytest_pageconsistency.verdict import Kind, Verdict

UM = Target("um", Abi(64, "little"))
ARM = Target("arm", Abi(32, "little"))
S390 = Target("s390", Abi(64, "big"))


def flip(dual_bitmap: Recorder, bit: int) -> None:
    db = dual_bitmap(nbits=100)
    db.flip("secondary", bit)
    db.consistent(bit)
    db.validate()


def fill(dual_bitmap: Recorder, bits: int) -> None:
    db = dual_bitmap(nbits=bits)
    for bit in range(bits):
        db.set(bit)
    db.words("primary")
    db.validate()


def retry(dual_bitmap: Recorder, bad_reads: int) -> None:
    dual_bitmap(nbits=64)
    db = dual_bitmap(nbits=40)
    db.consistent_retry(7, bad_reads)
    db.validate_retry(7, bad_reads, "primary")


CASES: Mapping[str, tuple[Callable[..., None], str, int]] = {
    "test_flips.py::test_is_seen[0]": (flip, "bit", 0),
    "test_flips.py::test_is_seen[63]": (flip, "bit", 63),
    "test_flips.py::test_is_seen[99]": (flip, "bit", 99),
    "test_fill.py::test_fill[8]": (fill, "bits", 8),
    "test_fill.py::test_fill[70]": (fill, "bits", 70),
    "retry/test_retry.py::TestReads::test_bad[1]": (retry, "bad_reads", 1),
    "retry/test_retry.py::TestReads::test_bad[4]": (retry, "bad_reads", 4),
}

FLIP = "test_flips.py::test_is_seen[63]"


@dataclass
class Damage:
    """What a kernel does wrong, by the names of the cases.

    `values` gives a position and what is observed there, `broken_off` the number of values after
    which the kernel dies, `not_ok` the cases that KUnit fails.
    """

    values: dict[str, tuple[int, int]] = field(default_factory=dict)
    broken_off: dict[str, int] = field(default_factory=dict)
    not_ok: tuple[str, ...] = ()


def case_id(name: str, arch: str) -> str:
    return name.replace("[", f"[{arch}-", 1)


def programs(target: Target) -> dict[str, Program]:
    """By the cases' names."""
    return {
        name: record(partial(body, **{argument: value}), target.abi, case_id(name, target.arch))
        for name, (body, argument, value) in CASES.items()
    }


def results(target: Target, damage: Damage) -> list[CaseResult]:
    """What is made of a boot of all cases."""
    names = {program.case_id: name for name, program in programs(target).items()}
    suite = make_suite(list(programs(target).values()), target, {})
    lines = ["KTAP version 1", "1..1", "    KTAP version 1", f"    # Subtest: {SUITE_NAME}"]
    lines.append(f"    1..{len(suite.cases)}")
    for number, case in enumerate(suite.cases, 1):
        name = names[case.program.case_id]
        values = expected_values(case.program)
        if name in damage.values:
            position, value = damage.values[name]
            values[position] = value
        if name in damage.broken_off:
            lines += report_lines(suite, case, values[: damage.broken_off[name]])[:-1]
            lines.append("Kernel panic - not syncing: Fatal exception in interrupt")
            break
        lines += report_lines(suite, case, values)
        lines.append(f"    {'not ' * (name in damage.not_ok)}ok {number} {case.name.function}")
    else:
        lines.append(f"ok 1 {SUITE_NAME}")
    console = "\n".join(lines) + "\n"
    return list(cross_check(suite, Boot(console)).values())


def document(target: Target, damage: Damage, version: str = "6.12.63") -> dict[str, Any]:
    """result.json of a boot of all cases."""
    exec_command = ["python3", "kunit.py", "exec", f"--arch={target.arch}", SUITE_NAME]
    cases = CaseDocuments(target.arch, exec_command)
    text = json.dumps([cases.document(result) for result in results(target, damage)])
    suite = make_suite(list(programs(target).values()), target, {})
    return {
        "schema": RESULT_SCHEMA,
        "target": {
            "arch": target.arch,
            "bits_per_long": target.abi.bits_per_long,
            "byteorder": target.abi.byteorder,
        },
        "tree": {"path": "/src/linux", "version": version, "commit": "c0ffee" * 6, "edited": True},
        "header": {"origin": "tree", "path": "/src/linux/x.h", "sha256": "ab" * 32},
        "checker": {"origin": "ours", "path": "/src/ours/x.c", "sha256": "cd" * 32},
        "build_id": "0123456789abcdef",
        "timed_out": False,
        "seconds": {"config": 1.25, "build": 40.5, "boot": 2.0},
        "command": exec_command,
        "cases": json.loads(text.replace(suite.build_id, "0123456789abcdef")),
    }


def outcomes_of(content: Mapping[str, Any]) -> dict[str, str]:
    """What pytest says where only the kernel is at fault."""
    kinds = {"passed": "passed", "not run": "error"}
    return {case["id"]: kinds.get(case["verdict"], "failed") for case in content["cases"]}


def put(
    directory: Path, content: Mapping[str, Any], outcomes: Mapping[str, str] | None = None
) -> None:
    """Leave a session's result in `directory`, which is called as the architecture."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "result.json").write_text(json.dumps(content), encoding="utf-8")
    if outcomes is not None:
        write_outcomes(directory.parent, {directory.name: outcomes})


def put_failure(directory: Path, arch: str, verdict: Verdict) -> None:
    """Leave what becomes of a target that never booted, with all cases planned."""
    planned = [case_id(name, arch) for name in CASES]
    put(directory, failure_document(arch, verdict, planned), dict.fromkeys(planned, "error"))


def put_four(directory: Path) -> None:
    """Leave one of everything: four environments of two trees."""
    values = {
        "test_flips.py::test_is_seen[63]": (1, 2),
        "test_fill.py::test_fill[70]": (71, 0x37),
        "retry/test_retry.py::TestReads::test_bad[4]": (4, 5),
    }
    not_ok = ("test_flips.py::test_is_seen[0]",)
    um = document(UM, Damage(values, not_ok=not_ok), "6.1.158")
    put(directory / "6.1/um", um, outcomes_of(um))
    crash = Damage({"test_flips.py::test_is_seen[63]": (1, 2)}, {"test_fill.py::test_fill[70]": 45})
    arm = document(ARM, crash)
    put(directory / "6.12/arm", arm, outcomes_of(arm))
    s390 = document(S390, Damage())
    absent = s390["cases"].pop()
    outcomes = outcomes_of(s390)
    outcomes["test_flips.py::test_is_seen[s390-0]"] = "failed"
    outcomes["test_flips.py::test_is_seen[s390-63]"] = "xfailed"
    del outcomes["test_flips.py::test_is_seen[s390-99]"]
    assert absent["id"] not in outcomes
    put(directory / "6.12/s390", s390, outcomes)
    verdict = Verdict(
        Kind.BUILD_ERROR,
        "the header under test does not compile: correct it (include/linux/dual_bitmap.h below)",
        "include/linux/dual_bitmap.h:70:9: error: implicit declaration of function 'foo'\n"
        "   70 |         foo();\n"
        "      |         ^~~",
    )
    put_failure(directory / "6.12/sparc", "sparc", verdict)


def run(*arguments: str | Path) -> int:
    """The exit status of `pageconsistency summary`."""
    parser = argparse.ArgumentParser()
    summary.add_command(parser.add_subparsers(required=True))
    options = parser.parse_args(["summary", *map(str, arguments)])
    status: int = options.run(options)
    return status


@pytest.fixture(scope="module")
def passed() -> dict[str, Any]:
    """result.json of a boot in which everything agrees."""
    return document(UM, Damage())


@pytest.fixture
def four(tmp_path: Path) -> Path:
    """A directory with one of everything."""
    put_four(tmp_path / "four")
    return tmp_path / "four"


def anonymous(text: str) -> str:
    """Without the line numbers of the cases in tests/environments.py."""
    return re.sub(r"environments\.py:\d+", "environments.py:N", text)
