# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest
from programs import UM, programs

from pytest_pageconsistency.cases import record
from pytest_pageconsistency.ending import announce_end, has_ended
from pytest_pageconsistency.generate import make_suite
from pytest_pageconsistency.kernel.kunit import KernelRun
from pytest_pageconsistency.progress import SilentProgress
from pytest_pageconsistency.sharing import (
    Leadership,
    is_published,
    publish,
    publish_run,
    published,
)
from pytest_pageconsistency.verdict import Kind, TargetError, Verdict

QUIET = SilentProgress()
WORKER = """
import sys
from pathlib import Path
from pytest_pageconsistency.sharing import Leadership
leadership = Leadership(Path(sys.argv[1]))
print(leadership.take(), flush=True)
sys.stdin.read()
"""


def test_one_leads_and_another_after_it(tmp_path: Path) -> None:
    first, second = Leadership(tmp_path), Leadership(tmp_path)
    assert first.take()
    assert not second.take()
    first.lay_down()
    assert second.take()
    second.lay_down()


def test_leadership_ends_with_its_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "True\n"
        assert not Leadership(tmp_path).take()
        worker.kill()
    assert Leadership(tmp_path).take(seconds=10)


def test_what_a_leader_found_out_is_everybodys(tmp_path: Path) -> None:
    publish(tmp_path, "um", Verdict(Kind.BUILD_ERROR, "no", "line 1"))
    assert is_published(tmp_path, "um")
    with pytest.raises(TargetError) as caught:
        published(tmp_path, "um", QUIET)
    assert caught.value.verdict == Verdict(Kind.BUILD_ERROR, "no", "line 1")


def test_what_a_worker_planned_otherwise_is_judged_by_the_leaders_suite(tmp_path: Path) -> None:
    """Unless its cases are others: these keep a build id that no kernel reports."""
    cases = programs()
    led = make_suite(cases, UM, {"header": "a"})
    publish_run(tmp_path, "um", cast("KernelRun", None), led, {"header": "a"})
    found = published(tmp_path, "um", QUIET)
    planned = make_suite(cases[:1], UM, {"header": "a"})
    assert planned.build_id != led.build_id
    suite = found.suite_of(planned, {"header": "a"})
    assert (suite.build_id, suite.files, suite.functions, suite.cases) == (
        led.build_id, led.files, led.functions, planned.cases
    )  # fmt: skip
    other = make_suite(
        [record(lambda d: d(64).set(1), UM.abi, cases[0].case_id)], UM, {"header": "a"}
    )
    assert found.suite_of(other, {"header": "a"}) is other
    # Edited since the leader planned.
    assert found.suite_of(planned, {"header": "b"}) is planned


def test_a_leader_that_is_gone_without_a_word_is_no_pass(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="the worker that built for all ended") as caught:
        published(tmp_path, "um", QUIET)
    assert caught.value.verdict.kind is Kind.NOT_RUN


def test_the_end_is_heard(tmp_path: Path) -> None:
    assert not has_ended(tmp_path)
    announce_end(tmp_path)
    assert has_ended(tmp_path)
    assert has_ended(tmp_path / "removed")
