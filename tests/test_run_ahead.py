# SPDX-License-Identifier: GPL-2.0-only
"""Cases run ahead of their kernel, and nobody can tell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import recorded
from test_plugin import _tools, fake, run, tree

__all__ = ["_tools", "tree"]

COUNTING = """
import pathlib

def pytest_runtest_logstart(nodeid):
    log("start", nodeid)

def pytest_runtest_call(item):
    log("call", item.nodeid)

def pytest_runtest_logreport(report):
    log(report.when + " " + report.outcome, report.nodeid)

def log(what, nodeid):
    with pathlib.Path("log").open("a") as file:
        file.write(f"{nodeid.rpartition('::')[2]} {what}\\n")
"""


def log(pytester: pytest.Pytester) -> list[str]:
    return (pytester.path / "log").read_text().splitlines()


def wrong_console(name: str) -> str:
    """The console of a kernel that observes something else in the case of this function."""
    lines = recorded.console("passed").splitlines(keepends=True)
    return "".join(
        re.sub(r"b1\.([01]) ", lambda m: f"b1.{1 - int(m[1])} ", line) if name in line else line
        for line in lines
    )


def test_what_passes_runs_once_while_the_kernel_is_built(
    pytester: pytest.Pytester, tree: Path
) -> None:
    pytester.makeconftest(COUNTING)
    run(pytester).assert_outcomes(passed=4)
    lines = log(pytester)
    calls = [line for line in lines if line.endswith(" call")]
    assert len(calls) == 4
    # All of them before the first report.
    first_start = next(n for n, line in enumerate(lines) if line.endswith(" start"))
    assert lines[:first_start] == calls
    reports = [line.split(" ", 1) for line in lines[first_start:]]
    assert [name for name, what in reports if what == "start"] == [
        line.split()[0] for line in calls
    ]
    for name in {name for name, _ in reports}:
        assert [what for other, what in reports if other == name] == [
            "start", "setup passed", "call passed", "teardown passed"
        ]  # fmt: skip


def test_what_fails_runs_again_for_its_report(pytester: pytest.Pytester, tree: Path) -> None:
    pytester.makeconftest(COUNTING)
    fake(pytester, console=wrong_console("pc_is_seen_um_99_"))
    result = run(pytester)
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["disagreement: um: kernel and oracle disagree at step*"])
    lines = log(pytester)
    assert sum(line.endswith(" call") for line in lines) == 5
    assert lines.count("test_is_seen[um-99] call failed") == 1
    assert lines.count("test_is_seen[um-99] start") == 1


def test_an_early_stop_reports_nothing_after_it(pytester: pytest.Pytester, tree: Path) -> None:
    pytester.makeconftest(COUNTING)
    fake(pytester, console=wrong_console("pc_is_seen_um_0_"))
    result = run(pytester, "-x")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*stopping after 1 failures*"])
    assert not any("um-99] start" in line for line in log(pytester))


def test_a_debugger_finds_every_case_in_its_turn(pytester: pytest.Pytester, tree: Path) -> None:
    pytester.makeconftest(COUNTING)
    run(pytester, "--pdb").assert_outcomes(passed=4)
    assert log(pytester)[0].endswith(" start")


def test_cases_with_set_up_of_their_own_wait(pytester: pytest.Pytester, tree: Path) -> None:
    pytester.makeconftest(
        f"{COUNTING}\nimport pytest\n\n@pytest.fixture(autouse=True)\ndef prepared():\n    yield\n"
    )
    run(pytester).assert_outcomes(passed=4)
    assert log(pytester)[0].endswith(" start")


def test_other_tests_come_in_their_turn(pytester: pytest.Pytester, tree: Path) -> None:
    """Before, between and after cases; a failing teardown of a module is told."""
    pytester.makeconftest(COUNTING)
    other = (
        "import pytest\n\n"
        "@pytest.fixture(scope='module')\n"
        "def broken():\n"
        "    yield\n"
        "    raise RuntimeError('the teardown of the module')\n\n"
        "def test_other(broken):\n"
        "    pass\n"
    )
    (pytester.path / "test_a.py").write_text(other)
    (pytester.path / "test_z.py").write_text(other)
    result = run(pytester)
    result.assert_outcomes(passed=6, errors=2)
    starts = [line.split()[0] for line in log(pytester) if line.endswith(" start")]
    assert starts[0] == starts[-1] == "test_other"
    assert len(starts) == 6


@pytest.mark.parametrize("body", ["assert db.set(5) is True", "raise ValueError('no')"])
def test_a_body_that_fails(pytester: pytest.Pytester, tree: Path, body: str) -> None:
    text = (pytester.path / recorded.TEST_FILE).read_text()
    first = "    db = dual_bitmap(nbits=100)\n"
    assert first in text
    (pytester.path / recorded.TEST_FILE).write_text(text.replace(first, f"{first}    {body}\n", 1))
    result = run(pytester)
    assert result.parseoutcomes()["failed"] >= 1
    result.stdout.fnmatch_lines([f">*{body}"])


def test_a_tree_that_does_not_build(pytester: pytest.Pytester, tree: Path) -> None:
    fake(pytester, console=recorded.console("passed"), build_stderr="mm/a.c:1:1: error: no")
    run(pytester).assert_outcomes(errors=4)


def test_a_case_that_runs_otherwise(pytester: pytest.Pytester, tree: Path) -> None:
    (pytester.path / recorded.TEST_FILE).write_text(
        "runs = []\n\n"
        "def test_set(dual_bitmap):\n"
        "    runs.append(1)\n"
        "    dual_bitmap(nbits=100).set(len(runs))\n"
    )
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["case error: the case is not deterministic*"])


def test_a_body_that_fails_once_has_failed(pytester: pytest.Pytester, tree: Path) -> None:
    path = pytester.path / recorded.TEST_FILE
    text = path.read_text(encoding="utf-8")
    first = "    db = dual_bitmap(nbits=100)\n"
    body = f"{first}    RUNS.append(1)\n    assert len(RUNS) != 2\n"
    path.write_text(text.replace(first, body, 1) + "\n\nRUNS = []\n", encoding="utf-8")
    result = run(pytester)
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines([">*assert len(RUNS) != 2"])


def test_warnings_are_the_items_own(pytester: pytest.Pytester, tree: Path) -> None:
    path = pytester.path / recorded.TEST_FILE
    text = path.read_text(encoding="utf-8")
    case = '@pytest.mark.parametrize("name", ["größe"])\n'
    first = "    db = dual_bitmap(nbits=256)\n"
    assert case in text
    text = text.replace(case, f"@pytest.mark.filterwarnings('error')\n{case}")
    text = text.replace(first, f"{first}    import warnings\n    warnings.warn('look')\n")
    path.write_text(text, encoding="utf-8")
    run(pytester).assert_outcomes(passed=3, failed=1)


def test_an_early_stop_runs_no_test_after_it(pytester: pytest.Pytester, tree: Path) -> None:
    fake(pytester, console=wrong_console("pc_many_steps_um_"))
    (pytester.path / "test_z.py").write_text("def test_other():\n    pass\n")
    run(pytester, "-x").assert_outcomes(passed=3, failed=1)


def test_parametrized_set_up_waits_too(pytester: pytest.Pytester, tree: Path) -> None:
    pytester.makeconftest(
        f"{COUNTING}\n"
        "import pytest\n\n"
        "@pytest.fixture(params=[1, 2], autouse=True)\n"
        "def prepared(request):\n"
        "    yield\n"
    )
    run(pytester)
    assert log(pytester)[0].endswith(" start")


def test_another_plugin_that_runs_items_does_so(pytester: pytest.Pytester, tree: Path) -> None:
    pytester.makeconftest(
        f"{COUNTING}\ndef pytest_runtest_protocol(item):\n    log('seen', item.nodeid)\n"
    )
    run(pytester).assert_outcomes(passed=4)
    assert sum(line.endswith(" seen") for line in log(pytester)) == 4
