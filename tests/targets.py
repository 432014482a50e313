# SPDX-License-Identifier: GPL-2.0-only
"""Sessions of a real pytest for several architectures, on a fake kernel tree."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import simulated
from fake_kernel import calls, make_fake_make, make_fake_tree

from pytest_pageconsistency.cases import Recorder, record
from pytest_pageconsistency.generate import make_suite
from pytest_pageconsistency.oracle import Abi
from pytest_pageconsistency.target import Target

HOST = Abi(64, "little")
CASES = """
    import pytest

    @pytest.mark.parametrize("bit", [1, 2])
    def test_set(dual_bitmap, bit):
        dual_bitmap(8).set(bit)
"""


def consoles(architectures: Sequence[str], bits: Sequence[int] = (1, 2)) -> dict[str, str]:
    """What kernels print that agree with the oracle about CASES."""

    def body(bit: int) -> Any:
        def case(dual_bitmap: Recorder) -> None:
            dual_bitmap(8).set(bit)

        return case

    found = {}
    for arch in architectures:
        programs = [
            record(body(bit), HOST, f"test_targets.py::test_set[{arch}-{bit}]") for bit in bits
        ]
        suite = make_suite(programs, Target(arch, HOST), {})
        found[arch] = simulated.console(suite).replace(suite.build_id, "@BUILD@")
    return found


def make_tree(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree for two architectures more than um, and CASES for it."""
    tools = make_fake_make(pytester.path / "tools")
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    pytester.makepyfile(test_targets=CASES)
    return fake(pytester)


def fake(pytester: pytest.Pytester, **behaviour: Any) -> Path:
    names = ("fake1", "fake2")
    return make_fake_tree(
        pytester.path / "linux",
        **{
            "cases": True,
            "architectures": names,
            "console": consoles(("um", *names)),
            **behaviour,
        },
    )


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess(*common_arguments(pytester), *arguments)


def common_arguments(pytester: pytest.Pytester) -> list[str]:
    return [
        *("-p", "no:hypothesispytest"),  # it would take longer to start than everything else
        *("--kunit-tree=linux", f"--kunit-cache={pytester.path / 'cache'}"),
        "--kunit-make-option=CC=gcc",
    ]


def steps(pytester: pytest.Pytester) -> dict[str, list[str]]:
    """The steps of kunit.py that were taken for each architecture."""
    found: dict[str, list[str]] = {}
    for build in (pytester.path / "cache/kernels").glob("*/build"):
        arch = build.parent.name.rpartition("-")[0]
        found[arch] = [call[0] for call in calls(build)]
    return found


def document(pytester: pytest.Pytester, arch: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((pytester.path / f"out/{arch}/result.json").read_text())
    return loaded


ONCE = ["config", "config", "build", "exec"]
"""A kernel's steps: configured for its ABI, and again for the suite."""
