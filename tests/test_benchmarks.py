# SPDX-License-Identifier: GPL-2.0-only
"""The parts of the benchmarks that measure nothing: edits, ratios, the table, the options."""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # benchmarks/ is not installed

from benchmarks import __main__ as command  # noqa: E402
from benchmarks import machine, options, parse_once  # noqa: E402
from benchmarks.bench import Bench  # noqa: E402
from benchmarks.mirror import mirror  # noqa: E402
from benchmarks.process import BenchError, timed  # noqa: E402
from benchmarks.project import SUITE, Project  # noqa: E402
from benchmarks.samples import (  # noqa: E402
    Failure,
    Goal,
    Row,
    differences,
    growths,
    speedups,
)
from benchmarks.table import quantity, table  # noqa: E402
from pytest_pageconsistency import kunit_parser  # noqa: E402
from pytest_pageconsistency.ktap.printer import Printer  # noqa: E402

FASTER = Goal("at least 3.5 times faster", at_least=3.5)


def test_pairs_are_compared_one_by_one() -> None:
    ours, peer = [1.0, 2.0, 4.0], [4.0, 4.0, 8.0]
    assert speedups(ours, peer) == (4.0, 2.0, 2.0)
    assert growths(ours, peer) == (0.25, 0.5, 0.5)
    assert differences(ours, peer) == (-3.0, -2.0, -4.0)
    with pytest.raises(ValueError, match="shorter"):
        speedups(ours, peer[:2])


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (FASTER, 3.5, True),
        (FASTER, 3.49, False),
        (Goal("under 15 s", at_most=15), 15.0, True),
        (Goal("under 15 s", at_most=15), 15.1, False),
    ],
)
def test_goals(goal: Goal, value: float, met: bool) -> None:
    assert goal.met_by(value) is met


def test_the_median_of_the_ratios_is_judged_and_not_the_ratio_of_the_medians() -> None:
    ours, peer = (1.0, 10.0, 2.0), (2.0, 100.0, 8.0)
    row = Row("edited", "s", ours, FASTER, peer, speedups(ours, peer))
    assert (row.judged, row.met) == (4.0, True)
    assert row.document()["compared"] == {
        "median": 4.0,
        "min": 2.0,
        "max": 10.0,
        "samples": [2.0, 10.0, 4.0],
    }


def test_a_row_without_a_peer_is_judged_by_itself() -> None:
    row = Row("steps", "s", (14.0, 16.0, 20.0), Goal("under 15 s", at_most=15))
    assert (row.judged, row.met) == (16.0, False)
    assert "peer" not in row.document()


def test_table() -> None:
    rows = [
        Row("edited", "s", (1.5,), FASTER, (6.0,), (4.0,)),
        Row("start", "ms", (250.0,), Goal("under 15 ms more", at_most=15), (230.5,), (19.5,), True),
        Failure("cold", "make ended with 2"),
    ]
    assert table(rows) == (
        "| what         | ours                            | peer   | ratio    "
        "| goal                      | met |\n"
        "| ------------ | ------------------------------- | ------ | -------- "
        "| ------------------------- | --- |\n"
        "| edited (n=1) | 1.50 s                          | 6.00 s | 4.00     "
        "| at least 3.5 times faster | yes |\n"
        "| start (n=1)  | 250 ms                          | 230 ms | +19.5 ms "
        "| under 15 ms more          | NO  |\n"
        "| cold         | not measured: make ended with 2 |        |          "
        "|                           |     |\n"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.004, "0.00 s"), (9.876, "9.88 s"), (98.76, "98.8 s"), (1234567.8, "1,234,568 s")],
)
def test_quantities(value: float, text: str) -> None:
    assert quantity(value, "s") == text


def test_options() -> None:
    known = ("cold", "edited", "parser")
    everything = options.parse([], known)
    assert (everything.names, everything.pairs, everything.json) == (known, 5, None)
    some = options.parse(["parser", "cold", "--pairs=2", "--work=w", "--json=x.json"], known)
    assert some.names == ("cold", "parser")  # cold first, whatever is said
    assert (some.pairs, some.work, some.json) == (2, Path.cwd() / "w", Path("x.json"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["colt"], "colt is none of cold, edited"), (["--pairs=0"], "--pairs wants at least 1")],
)
def test_options_that_make_no_sense(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as error:
        options.parse(arguments, ("cold", "edited"))
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_what_fails_is_told_and_the_rest_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_bench: object) -> object:
        raise BenchError("make ended with 2\n    the last line")

    def measures(bench: Bench) -> object:
        yield Row("good", "s", (1.0,), Goal("under 2 s", at_most=2), note=bench.tree.version)

    monkeypatch.setattr(command, "MEASURES", {"bad": fails, "good": measures})
    result = tmp_path / "results/bench.json"
    tree = tmp_path / "linux"
    for name in ("scripts", "mm", "include", "tools/testing/kunit"):
        (tree / name).mkdir(parents=True)
    (tree / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 1\nEXTRAVERSION =\n")
    (tree / "tools/testing/kunit/kunit.py").touch()
    assert command.main([f"--work={tmp_path}", f"--json={result}", f"--tree={tree}"]) == 1
    shown = capsys.readouterr()
    assert "| bad        | not measured: make ended with 2 |" in shown.out
    assert "| good (n=1) | 1.00 s" in shown.out
    assert "the last line" in shown.err
    document = json.loads(result.read_text())
    assert document["machine"]["kernel"] == "6.12.1"
    assert [row.get("failed") for row in document["rows"]] == ["make ended with 2", None]
    assert command.main(["good", f"--work={tmp_path}", f"--tree={tree}"]) == 0


def test_no_kernel_source_is_looked_for_where_none_is_needed(tmp_path: Path) -> None:
    chosen = options.parse([f"--work={tmp_path}", f"--tree={tmp_path / 'none'}"], ())
    assert Bench(chosen).kernel_version == ""


def test_the_machine_is_described() -> None:
    facts = machine.describe("6.12.1")
    assert all(facts.values())
    assert str(facts["memory"]).endswith(" kB")


# The files that are edited.


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project")
    project.prepare()
    return project


def contents(directory: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in directory.rglob("*.py")}


def test_a_case_edited_is_one_number_in_one_file(project: Project) -> None:
    edited = set()
    for _ in range(10):
        before = contents(project.root)
        name, _, function = project.edit_case().partition("::")
        after = contents(project.root)
        (changed,) = (path for path in before if before[path] != after[path])
        edited.add(name)
        assert Path(changed).name == name
        assert f"def {function}(" in after[changed]
        lines = zip(before[changed].splitlines(), after[changed].splitlines(), strict=True)
        (pair,) = ((old, new) for old, new in lines if old != new)
        assert all(line.startswith("    db.consistent_word(") for line in pair)
    assert len(edited) >= 5  # cases of several files, and so of tables and of statements


def test_what_is_written_is_python(project: Project) -> None:
    names = [project.write_steps(3, 4), project.write_cases(5)]
    assert names == ["test_steps.py", "test_cases.py"]
    for text in contents(project.root).values():
        ast.parse(text)
    assert (project.root / SUITE / "test_may_fail.py").exists()


def test_a_header_edited_is_another_each_time(project: Project) -> None:
    texts = {project.edit_header().read_text() for _ in range(3)}
    assert len(texts) == 3
    assert all("dual_bitmap_test(const struct dual_bitmap *db" in text for text in texts)
    (start, _) = next(iter(texts)).split("\tif (db->nbits == 0x")
    assert start.endswith("\t\t\t\t    unsigned long bit)\n{\n")


# The peer's tree.


def test_mirror(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "deep/er").mkdir(parents=True)
    (source / "deep/er/file").write_text("one")
    (source / "deep/script").write_text("#!/bin/sh")
    (source / "deep/script").chmod(0o755)
    (source / "link").symlink_to("/usr/src")
    (source / "other").symlink_to("deep")
    assert sorted(mirror(source, target)) == ["deep/er/file", "deep/script", "link", "other"]
    assert (target / "link").readlink() == Path("/usr/src")
    assert os.access(target / "deep/script", os.X_OK)
    assert mirror(source, target) == []

    old = (target / "deep/script").stat().st_mtime_ns
    (target / "__pycache__").mkdir()
    (source / "deep/er/file").write_text("two")
    (source / "other").unlink()
    (source / "other").mkdir()
    (source / "other/new").write_text("three")
    (source / "link").unlink()
    assert sorted(mirror(source, target)) == ["deep/er/file", "link", "other/new"]
    assert (target / "deep/er/file").read_text() == "two"
    assert not (target / "other").is_symlink()
    assert (target / "deep/script").stat().st_mtime_ns == old
    assert (target / "__pycache__").exists()


# Processes.


def test_a_command_is_timed_in_a_users_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("MAKEFLAGS", "-j7")
    code = "import os; print(os.getcwd(), *(k for k in os.environ if k[:4] in ('MAKE', 'PYTH')))"
    done = timed([sys.executable, "-c", code], tmp_path, extra={"MAKE_ME": "1"})
    assert done.output.split()[0] == str(tmp_path)
    assert {"PYTHONDONTWRITEBYTECODE", "MAKEFLAGS"}.isdisjoint(done.output.split())
    assert "MAKE_ME" in done.output
    assert done.seconds > 0
    assert 2 < done.peak < 500


def test_a_command_that_fails_says_how(tmp_path: Path) -> None:
    fails = [sys.executable, "-c", "print('why'); raise SystemExit(3)"]
    with pytest.raises(BenchError, match=r"(?s)ended with 3.*why"):
        timed(fails, tmp_path)
    assert timed(fails, tmp_path, good=(0, 3)).output == "why\n"


@pytest.mark.parametrize("lines", [7, 8, 1000, 1001])
def test_the_console_that_is_parsed(monkeypatch: pytest.MonkeyPatch, lines: int) -> None:
    monkeypatch.setattr(kunit_parser, "stdout", Printer())  # whose printing is stubbed
    console = parse_once.console(lines)
    assert len(console) == lines
    for entry in ("console", "run_tests"):
        test = parse_once.ours(entry)(console)
        assert test.counts.passed == (lines - 6) // 2
