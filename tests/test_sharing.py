# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_pageconsistency.ending import announce_end, has_ended
from pytest_pageconsistency.progress import SilentProgress
from pytest_pageconsistency.sharing import Leadership, is_published, publish, published
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


def test_a_leader_that_is_gone_without_a_word_is_no_pass(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="the worker that built for all ended") as caught:
        published(tmp_path, "um", QUIET)
    assert caught.value.verdict.kind is Kind.NOT_RUN


def test_the_end_is_heard(tmp_path: Path) -> None:
    assert not has_ended(tmp_path)
    announce_end(tmp_path)
    assert has_ended(tmp_path)
    assert has_ended(tmp_path / "removed")
