# SPDX-License-Identifier: GPL-2.0-only
"""What is remembered of cases saves their recording, and is never what a verdict rests on."""

from __future__ import annotations

from pathlib import Path

import pytest
import recorded
from test_plugin import _tools, kernel_steps, run, tree

from pytest_pageconsistency.cases import record
from pytest_pageconsistency.memory import Memory, memories
from pytest_pageconsistency.oracle import Abi
from pytest_pageconsistency.target import Target

__all__ = ["_tools", "tree"]

UM = Target("um", Abi(64, "little"))
OTHER = "test_other.py"
COUNTING = """\
import pathlib

def count(name):
    with pathlib.Path("runs").open("a") as file:
        file.write(f"{name}\\n")
"""


def write(pytester: pytest.Pytester, first: str) -> None:
    """Let test_set count its runs and begin with a line of code."""
    text = (recorded.DIRECTORY / "recorded_cases.py").read_text(encoding="utf-8")
    line = "    db = dual_bitmap(nbits=100)\n    assert db.set(5) is False\n"
    assert line in text
    body = f"    count('set')\n    {first}\n{line.replace('set(5)', 'set(bit)')}"
    text = COUNTING + text.replace(line, body).replace("set(5) is True", "set(bit) is True")
    (pytester.path / recorded.TEST_FILE).write_text(text, encoding="utf-8")


def runs(pytester: pytest.Pytester) -> int:
    """How often test_set ran since the last time that this was asked."""
    path = pytester.path / "runs"
    count = len(path.read_text().splitlines())
    path.unlink()
    return count


def test_a_case_that_is_as_before_runs_once(pytester: pytest.Pytester, tree: Path) -> None:
    write(pytester, "bit = 5")
    for expected in (2, 1, 1):
        run(pytester).assert_outcomes(passed=4)
        assert runs(pytester) == expected
    write(pytester, "bit = int('5')")
    for expected in (2, 1):
        run(pytester).assert_outcomes(passed=4)
        assert runs(pytester) == expected


def test_one_that_takes_other_steps_is_recorded_anew(pytester: pytest.Pytester, tree: Path) -> None:
    """The case reads a file that no stamp covers: the kernel must be asked for its new steps."""
    write(pytester, "bit = int(pathlib.Path('bit').read_text())")
    (pytester.path / "bit").write_text("5")
    run(pytester).assert_outcomes(passed=4)
    run(pytester).assert_outcomes(passed=4)
    before = kernel_steps(pytester).count("exec")
    (pytester.path / "bit").write_text("6")
    result = run(pytester)
    # The stub kernel still says what bit 5 does.
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["disagreement: um: kernel and oracle disagree*"])
    assert kernel_steps(pytester).count("exec") == before + 2
    (pytester.path / "bit").write_text("5")
    run(pytester).assert_outcomes(passed=4)


def test_one_that_ran_ahead_of_a_new_recording_runs_again(
    pytester: pytest.Pytester, tree: Path
) -> None:
    """It took the remembered steps, and then another case had all recorded anew."""
    write(pytester, "bit = int(pathlib.Path('bit').read_text())")
    path = pytester.path / recorded.TEST_FILE
    flip = '        db.flip("secondary", bit)\n'
    other = (
        "        if pathlib.Path('other').exists():\n"
        "            pathlib.Path('bit').write_text('5')\n"
        "            db.guard()\n"
    )
    assert path.read_text().count(flip) == 1
    path.write_text(path.read_text().replace(flip, other + flip))
    (pytester.path / "bit").write_text("6")
    run(pytester).assert_outcomes(passed=3, failed=1)
    runs(pytester)
    (pytester.path / "other").touch()
    # The stub kernel says what bit 5 does, and nothing of the guards.
    run(pytester).assert_outcomes(passed=2, failed=2)
    assert runs(pytester) == 3


def test_one_that_fails_before_the_remembered_step(pytester: pytest.Pytester, tree: Path) -> None:
    write(pytester, "bit = 5; assert not pathlib.Path('fail').exists()")
    run(pytester).assert_outcomes(passed=4)
    (pytester.path / "fail").touch()
    result = run(pytester)
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines([">*assert not pathlib.Path('fail').exists()"])


def test_what_never_was_proven_is_not_remembered(pytester: pytest.Pytester, tree: Path) -> None:
    (pytester.path / recorded.TEST_FILE).write_text(
        "runs = []\n\n"
        "def test_set(dual_bitmap):\n"
        "    runs.append(1)\n"
        "    dual_bitmap(nbits=100).set(len(runs))\n"
    )
    for _ in range(2):
        result = run(pytester)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["case error: the case is not deterministic*"])


@pytest.mark.parametrize("argument", ["--kunit-artifacts=out", "--kunit-export=out", "--pdb"])
def test_where_nothing_is_remembered(pytester: pytest.Pytester, tree: Path, argument: str) -> None:
    """What is left for others is of this session alone; and so is what runs in its turn."""
    write(pytester, "bit = 5")
    for _ in range(2):
        run(pytester, argument).assert_outcomes(passed=4)
        assert runs(pytester) == 2


def test_a_conftest_counts(pytester: pytest.Pytester, tree: Path) -> None:
    write(pytester, "bit = 5")
    pytester.makeconftest("")
    for _ in range(2):
        run(pytester).assert_outcomes(passed=4)
    assert runs(pytester) == 3
    pytester.makeconftest("# edited")
    run(pytester).assert_outcomes(passed=4)
    assert runs(pytester) == 2


class TestMemory:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        file = tmp_path / "test_x.py"
        file.write_text("")
        self.memory(file).keep({"x": record(lambda d: d(64).set(3), UM.abi, "x")})
        return file

    @staticmethod
    def memory(file: Path, target: Target = UM) -> Memory:
        return memories(file.parent / "cache", target, [file])[file]

    def test_what_was_kept(self, file: Path) -> None:
        self.memory(file).keep({"y": record(lambda d: d(64).set(4), UM.abi, "y")})
        found = self.memory(file).recall()
        assert list(found) == ["x", "y"]
        again = record(lambda d: d(64).set(3), UM.abi, "x")
        assert found["x"].same_steps(again)
        assert [step[:4] for step in found["x"].steps] == [step[:4] for step in again.steps]
        assert list(found["x"].final_runs()) == list(again.final_runs())

    def test_another_file_target_or_content(self, file: Path) -> None:
        assert self.memory(file, Target("um", Abi(32, "little"))).recall() == {}
        file.write_text("#")
        assert self.memory(file).recall() == {}

    def test_damage(self, file: Path) -> None:
        path = self.memory(file).path
        content = path.read_bytes()
        for damaged in (b"", content[:-1], content[:-1] + b"x", content + b"x"):
            path.write_bytes(damaged)
            assert self.memory(file).recall() == {}
        path.write_bytes(content)
        assert list(self.memory(file).recall()) == ["x"]
